package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"

	"drawbridge/inventory"
	"drawbridge/inventory/report"
)

func TestJSON(t *testing.T) {
	var out bytes.Buffer
	if err := report.JSON(&out, slices.Values(fleet())); err != nil {
		t.Fatal(err)
	}
	golden(t, "fleet.json", out.Bytes())
	if lines := strings.Count(out.String(), "\n"); lines != len(fleet())+2 {
		t.Errorf("%d lines for %d devices", lines, len(fleet()))
	}
	var back struct{ Devices []inventory.Device }
	if err := json.Unmarshal(out.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	want := fleet()
	want[4].UpstreamSays = strings.ToValidUTF8(want[4].UpstreamSays, "\ufffd\ufffd")
	want[4].ClientID, back.Devices[4].ClientID = nil, nil // equal values, other escapes
	if !reflect.DeepEqual(back.Devices, want) {
		t.Errorf("devices changed on the way:\n got %+v\nwant %+v", back.Devices, want)
	}
}

func TestJSONOfNoDevices(t *testing.T) {
	var out bytes.Buffer
	if err := report.JSON(&out, slices.Values([]inventory.Device(nil))); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != "{\"devices\":[\n]}\n" {
		t.Errorf("got %q", got)
	}
}

// TestNoFormatSendsControlCharacters holds every format to what a terminal may be sent.
func TestNoFormatSendsControlCharacters(t *testing.T) {
	for name, write := range formats() {
		var out bytes.Buffer
		if err := write(&out, fleet()); err != nil {
			t.Fatal(err)
		}
		for _, r := range strings.TrimPrefix(out.String(), "\ufeff") {
			if r != '\n' && r != '\r' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
				t.Errorf("%s writes %U", name, r)
			}
		}
	}
}

// TestFormatsTellWriteErrors holds every format to telling that the disk is full.
func TestFormatsTellWriteErrors(t *testing.T) {
	full := errors.New("disk full")
	for name, write := range formats() {
		for _, room := range []int{0, 10, 5000} {
			if err := write(&limitedWriter{room, full}, many(100)); !errors.Is(err, full) {
				t.Errorf("%s with room for %d bytes: %v", name, room, err)
			}
		}
	}
}

type limitedWriter struct {
	room int
	err  error
}

func (w *limitedWriter) Write(p []byte) (int, error) {
	if len(p) > w.room {
		return w.room, w.err
	}
	w.room -= len(p)
	return len(p), nil
}

// formats are all formats by name.
func formats() map[string]func(io.Writer, []inventory.Device) error {
	return map[string]func(io.Writer, []inventory.Device) error{
		"json": func(w io.Writer, d []inventory.Device) error { return report.JSON(w, slices.Values(d)) },
		"csv": func(w io.Writer, d []inventory.Device) error {
			return report.CSV(w, slices.Values(d), report.CSVOptions{})
		},
		"servicenow": func(w io.Writer, d []inventory.Device) error {
			return report.CSV(w, slices.Values(d), report.CSVOptions{Columns: report.ServiceNow})
		},
		"lansweeper": func(w io.Writer, d []inventory.Device) error {
			return report.CSV(w, slices.Values(d), report.CSVOptions{Columns: report.Lansweeper, Separator: ';'})
		},
		"table": func(w io.Writer, d []inventory.Device) error { return report.Table(w, d, 0) },
	}
}

func BenchmarkFormats(b *testing.B) {
	devices := many(50_000)
	for name, write := range formats() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := write(io.Discard, devices); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
