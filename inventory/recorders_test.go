package inventory_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"drawbridge/inventory"
)

func TestRecorders_TellsAll(t *testing.T) {
	first, second := &tape{}, &tape{}
	all := inventory.Recorders{first, second}
	s := bridgedSession()
	all.Admitted(s)
	all.Ended(s)
	all.TurnedAway(inventory.TurnedAway{})
	for i, told := range []*tape{first, second} {
		if len(told.admitted) != 1 || len(told.ended) != 1 || len(told.turnedAway) != 1 {
			t.Errorf("recorder %d was told %d, %d and %d times, want once each", i,
				len(told.admitted), len(told.ended), len(told.turnedAway))
		}
	}
}

func TestLog_WritesWhateverTheLevelAndPastSamplers(t *testing.T) {
	var out bytes.Buffer
	core := zapcore.NewCore(zapcore.NewJSONEncoder(inventory.LineEncoding()), zapcore.AddSync(&out), zapcore.ErrorLevel)
	core = zapcore.NewSamplerWithOptions(core, time.Hour, 1, 0)
	log := inventory.NewLog(zap.New(core, zap.AddCaller(), zap.AddStacktrace(zapcore.DebugLevel)).With(zap.Bool("with", true)))
	log.Admitted(bridgedSession())
	log.TurnedAway(inventory.TurnedAway{})
	for range 100 {
		log.Ended(bridgedSession())
	}
	log.Flood(inventory.FloodLine{Count: 2})
	log.Bridge(inventory.BridgeLine{Event: inventory.BridgeStop})
	lines := strings.SplitAfter(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 102 {
		t.Fatalf("%d lines, want 102", len(lines))
	}
	want := strings.Replace(string(line(t, zapcore.NewJSONEncoder, bridgedSession())),
		`{"msg":"x",`, `{"msg":"session","with":true,`, 1)
	if lines[0] != want {
		t.Errorf("got  %swant %s", lines[0], want)
	}
	if want := `{"msg":"flood","with":true,"count":2,"sessions":0}`; strings.TrimSpace(lines[100]) != want {
		t.Errorf("got %s, want %s", lines[100], want)
	}
	if want := `{"msg":"bridge","with":true,"event":"stop"}`; lines[101] != want {
		t.Errorf("got %s, want %s", lines[101], want)
	}
}

// fullDisk is a log that cannot be written.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestLog_ReportsWhatItCannotWrite(t *testing.T) {
	var complaints bytes.Buffer
	core := zapcore.NewCore(zapcore.NewJSONEncoder(inventory.LineEncoding()), zapcore.AddSync(fullDisk{}), zapcore.InfoLevel)
	log := inventory.NewLog(zap.New(core, zap.ErrorOutput(zapcore.AddSync(&complaints))))
	log.Ended(bridgedSession())
	if !strings.Contains(complaints.String(), "no space left") {
		t.Errorf("the error output has %q", complaints.String())
	}
}
