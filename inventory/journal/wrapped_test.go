package journal

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf16"

	"drawbridge/inventory"
)

// Logs as systems in the field wrapped them.
func TestReadLog_FieldFiles(t *testing.T) {
	for file, want := range map[string]Stats{
		"journald-null.json":   {Lines: 2, Withheld: 2},
		"cri-pieces.log":       {Lines: 2},
		"docker-torn.json.log": {Lines: 19, Bad: 1},
	} {
		f, err := os.Open("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		stats, err := ReadLog(t.Context(), f, func(*inventory.Line) error { return nil }, LogOptions{})
		_ = f.Close()
		if err != nil || stats != want {
			t.Errorf("%s: %+v, %v, want %+v", file, stats, err, want)
		}
	}
}

// wrapped is a log of the lines 0 and 1, and what is to be counted beside them.
type wrapped struct {
	log  string
	want Stats
}

func TestReadLog_EveryWrapping(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(string(log(t, 2))), "\n")
	a, b := lines[0], lines[1]
	quoted := func(s string) string {
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	cri := func(stream, flag, text string) string {
		return "2026-11-24T10:00:00.123456789Z " + stream + " " + flag + " " + text + "\n"
	}
	var array []string
	for _, c := range []byte(a) {
		array = append(array, fmt.Sprint(c))
	}
	const others = `{"level":"info","msg":"listening"}`
	for name, tt := range map[string]wrapped{
		"CRI, streams interleaved": {log: cri("stderr", "P", a[:100]) + cri("stdout", "P", b[:300]) + cri("stderr", "P", a[100:200]) +
			cri("stdout", "F", b[300:]) + cri("stderr", "F", a[200:])},
		"CRI with tags":             {log: cri("stderr", "P:x=y", a[:100]) + cri("stderr", "F:x", a[100:]) + cri("stdout", "F", b)},
		"CRI, a last piece missing": {cri("stderr", "P", a[:100]) + cri("stderr", "F", a) + cri("stderr", "F", b), Stats{Bad: 1}},
		"CRI, cut off":              {a + "\n" + b + "\n" + cri("stderr", "P", a[:100]), Stats{Bad: 1}},
		"Docker without newlines":   {log: `{"log":` + quoted(a) + `}` + "\n" + `{"log":` + quoted(b) + `,"stream":"stdout"}`},
		"Docker, streams interleaved": {log: `{"log":` + quoted(a[:99]) + `,"stream":"x"}` + "\n" + `{"log":` +
			quoted(b+"\n") + `,"stream":"y"}` + "\n" + `{"log":` + quoted(a[99:]+"\n") + `,"stream":"x"}`},
		"Docker's words of others": {log: `{"log":"hello"}` + "\n" + `{"log":` + quoted(a+"\n") + "}\n" + b},
		"Docker's fluentd, pieces": {log: `{"log":` + quoted(a[:99]) + `,"partial_message":"true"}` + "\n" +
			`{"log":` + quoted(a[99:]) + `,"partial_message":"true","partial_last":"true"}` + "\n" + b},
		"Docker's journald, pieces": {log: `{"MESSAGE":` + quoted(a[:99]) +
			`,"CONTAINER_PARTIAL_MESSAGE":"true"}` + "\n" + `{"MESSAGE":` + quoted(a[99:]) + "}\n" + b},
		"journald's long lines": {log: `{"MESSAGE":` + quoted(a[:99]) +
			`,"_LINE_BREAK":"line-max","_PID":"7"}` + "\n" + `{"MESSAGE":` + quoted(a[99:]) + `,"_PID":"7"}` + "\n" + b},
		"journald, bytes":               {log: `{"MESSAGE":[` + strings.Join(array, ",") + "]}\n" + b},
		"journald, bytes that are none": {log: `{"MESSAGE":[1,"x",700]}` + "\n" + a + "\n" + b},
		"journalctl -o export":          {log: "__CURSOR=s=1\nMESSAGE=" + a + "\n_PID=1\n\nMESSAGE=" + b + "\n"},
		"Fluent Bit with a time": {log: `[1764000000.1, {"log":` + quoted(a) + `}]` + "\n" +
			`[[1764000000.1, {}], {"message":` + quoted(b) + `}]`},
		"Fluent Bit, containerd's pieces": {log: `{"logtag":"P","log":` + quoted(a[:99]) + `}` + "\n" +
			`{"logtag":"F","log":` + quoted(a[99:]) + "}\n" + b},
		"ECS": {log: `{"@timestamp":"x","message":` + quoted(a) +
			`,"ecs":{"version":"8"}}` + "\n" + `{"event":{"original":` + quoted(b) + `}}`},
		"parsed already": {log: `{"kubernetes":{"pod_name":"x"},"log":` + a + "}\n" +
			`{"stream":"stderr","log":{"nested":` + b + "}}"},
		"wrapped twice": {log: `{"log":` + quoted(`{"log":`+quoted(a+"\n")+`}`+"\n") + "}\n" +
			`{"message":` + quoted(cri("stderr", "F", b)) + "}"},
		"an array on one line":  {log: "[" + a + "," + others + "," + b + "]"},
		"an array over lines":   {log: "[\n" + a + ",\n" + b + "\n]"},
		"without a newline":     {log: a + others + b},
		"UTF-16":                {log: inUTF16(a+"\r\n"+b+"\r\n", true)},
		"UTF-16 without a mark": {log: inUTF16(a+"\n"+b+"\n", false)},
		"UTF-8 with a mark":     {log: "\uFEFF" + a + "\n" + b},
		"gzip and garbage":      {log: string(gzipped(t, []byte(a+"\n"+b+"\n"))) + "\x00\x00\x00\x01garbage"},
		"for people": {"2026-11-24T10:00:00.123Z\tinfo\tsession\t10.20.3.7/scanner1 on imaps bridged\n" + a + "\n" +
			`{"log":` + quoted("2026-11-24T10:00:00.123Z\tinfo\tsession\tx\n") + "}\n" + b, Stats{Console: 2}},
		"an event that quotes a line": {log: a + "\n" + `{"level":"warn","msg":"refused","error":` + quoted(b) + "}\n" + b},
		"over several lines":          {a + "\n" + b + "\n{\n  \"msg\": \"session\",\n  \"time\": \"x\"\n}\n", Stats{Bad: 1}},
		"a text that was cut":         {a + "\n" + b + "\n" + `{"message":` + quoted(a[:200]) + "}", Stats{Bad: 1}},
		"too deep":                    {a + "\n" + b + "\n" + deep(quoted, a), Stats{Bad: 1}},
	} {
		tt.want.Lines = 2
		got, stats := readLog(t, strings.NewReader(tt.log))
		if stats != tt.want || !strings.Contains("0 1 0", got) {
			t.Errorf("%s: read %q, %+v, want %+v", name, got, stats, tt.want)
		}
	}
}

// deep wraps a line more often than anybody does.
func deep(quoted func(string) string, line string) string {
	for range maxDepth + 1 {
		line = `{"message":` + quoted(line) + "}"
	}
	return line
}

func inUTF16(s string, mark bool) string {
	var raw []byte
	if mark {
		raw = []byte{0xff, 0xfe}
	}
	for _, unit := range utf16.Encode([]rune(s)) {
		raw = binary.LittleEndian.AppendUint16(raw, unit)
	}
	return string(raw)
}

// A collector that writes no newlines makes one line of everything, larger than any buffer.
func TestReadLog_ObjectsOnOneLongLine(t *testing.T) {
	all := log(t, 2000)
	for name, contents := range map[string][]byte{
		"array":           append(append([]byte("["), bytes.ReplaceAll(bytes.TrimSpace(all), []byte("\n"), []byte(","))...), ']'),
		"without newline": bytes.ReplaceAll(all, []byte("\n"), nil),
	} {
		if got, stats := readLog(t, bytes.NewReader(contents)); got != numbers(2000) || stats != (Stats{Lines: 2000}) {
			t.Errorf("%s of %d bytes: %+v", name, len(contents), stats)
		}
	}
}

// What is pending is bounded, whatever streams there are.
func TestReadLog_PiecesAreBounded(t *testing.T) {
	line := string(bytes.TrimSpace(log(t, 1)))
	var all strings.Builder
	for i := range 3 * maxStreams {
		fmt.Fprintf(&all, `{"log":%q,"stream":"%d"}`+"\n", `{"msg":"session","time":"x",`, i)
	}
	_, stats := readLog(t, strings.NewReader(all.String()+line))
	if stats != (Stats{Lines: 1, Bad: 3 * maxStreams}) {
		t.Errorf("streams: %+v", stats)
	}
	piece := `{"log":"{\"a\":` + strings.Repeat("x", maxLine/2) + `"}` + "\n"
	if _, stats := readLog(t, strings.NewReader(strings.Repeat(piece, 5)+line)); stats.Lines != 1 || stats.Bad == 0 {
		t.Errorf("a line without an end: %+v", stats)
	}
}
