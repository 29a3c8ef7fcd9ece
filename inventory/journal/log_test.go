package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"drawbridge/inventory"
)

// log returns n session records of full size, numbered from 0 on.
func log(t testing.TB, n int) []byte {
	t.Helper()
	line, all := golden(t, "bridged", "session"), []byte(nil)
	for i := range n {
		all = append(all, bytes.Replace(line, []byte("4f2a-1"), fmt.Append(nil, "4f2a-", i), 1)...)
		all = append(all, '\n')
	}
	return all
}

func gzipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write(b); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func zstandard(t testing.TB, b []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	return w.EncodeAll(b, nil)
}

// readLog returns the numbers of the sessions in r.
func readLog(t testing.TB, r io.Reader) (string, Stats) {
	t.Helper()
	var got []string
	stats, err := ReadLog(t.Context(), r, func(l *inventory.Line) error {
		got = append(got, strings.TrimPrefix(l.Session.ID, "4f2a-"))
		return nil
	}, LogOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(got, " "), stats
}

func TestReadLog_Compressed(t *testing.T) {
	plain := log(t, 100)
	half := len(plain) / 2
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for name, contents := range map[string][]byte{
		"plain":                       plain,
		"gzip":                        gzipped(t, plain),
		"zstd":                        zstandard(t, plain),
		"two gzip members":            join(gzipped(t, plain[:half]), gzipped(t, plain[half:])),
		"two zstd frames":             join(zstandard(t, plain[:half]), zstandard(t, plain[half:])),
		"a skippable frame":           join([]byte{0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 'x'}, zstandard(t, plain)),
		"gzip and then plain":         join(gzipped(t, plain[:half]), plain[half:]),
		"gzip and then zstd":          join(gzipped(t, plain[:half]), zstandard(t, plain[half:])),
		"without the last newline":    bytes.TrimSpace(plain),
		"with carriage returns":       bytes.ReplaceAll(plain, []byte("\n"), []byte("\r\n")),
		"with empty lines":            bytes.ReplaceAll(plain, []byte("\n"), []byte("\n\n")),
		"an empty gzip and then more": join(gzipped(t, nil), gzipped(t, plain)),
	} {
		for how, r := range map[string]io.Reader{"": bytes.NewReader(contents),
			" in small reads": iotest.HalfReader(bytes.NewReader(contents)), " with its end": iotest.DataErrReader(bytes.NewReader(contents))} {
			if got, stats := readLog(t, r); got != numbers(100) || stats != (Stats{Lines: 100}) {
				t.Errorf("%s%s: %s, %+v", name, how, got, stats)
			}
		}
	}
	if got, stats := readLog(t, strings.NewReader("")); got != "" || stats != (Stats{}) {
		t.Errorf("nothing: %s, %+v", got, stats)
	}
}

// TestReadLog_CutOffAnywhere keeps every whole line before the cut.
func TestReadLog_CutOffAnywhere(t *testing.T) {
	plain := log(t, 3)
	size := len(plain) / 3
	for n := 1; n < len(plain); n += 7 {
		_, stats := readLog(t, bytes.NewReader(plain[:n]))
		whole, bad := int64((n+1)/size), int64(1)
		if n%size == 0 || (n+1)%size == 0 {
			bad = 0
		} else if n%size < len(`{"msg":`) {
			bad = stats.Bad // too little to tell
		}
		if stats != (Stats{Lines: whole, Bad: bad}) {
			t.Errorf("cut at %d: %+v, want %d and %d", n, stats, whole, bad)
		}
	}
	for name, compressed := range map[string][]byte{"gzip": gzipped(t, plain), "zstd": zstandard(t, plain)} {
		for n := 4; n < len(compressed); n++ {
			if _, stats := readLog(t, bytes.NewReader(compressed[:n])); stats.Bad != 1 || stats.Lines > 3 {
				t.Errorf("%s cut at %d: %+v", name, n, stats)
			}
		}
	}
}

func TestReadLog_Mixed(t *testing.T) {
	line := string(bytes.TrimSpace(log(t, 1)))
	quoted, err := json.Marshal(line + "\n")
	if err != nil {
		t.Fatal(err)
	}
	first, rest := quoteHalves(t, line+"\n")
	for name, tt := range map[string]struct {
		log  string
		want Stats
	}{
		"syslog":             {`<14>1 2026-11-24T11:00:30Z host drawbridge 1 - - ` + line, Stats{Lines: 1}},
		"journald":           {`Nov 24 11:00:30 host drawbridge[7]: ` + line, Stats{Lines: 1}},
		"containerd":         {`2026-11-24T11:00:30.1Z stdout F ` + line, Stats{Lines: 1}},
		"a brace before it":  {`[{unit}] ` + line, Stats{Lines: 1}},
		"docker":             {`{"log":` + string(quoted) + `,"stream":"stdout","time":"2026-11-24T11:00:30.1Z"}`, Stats{Lines: 1}},
		"docker, two pieces": {`{"log":` + first + `}` + "\n" + `{"log":` + rest + `}`, Stats{Lines: 1}},
		"docker, other":      {`{"log":"hello\n"}`, Stats{}},
		"journalctl -o json": {`{"MESSAGE":` + string(quoted) + `,"_PID":"7"}`, Stats{Lines: 1}},
		"other JSON":         {`{"level":"info","msg":"listening"}`, Stats{}},
		"other text":         {"listening {on} 993\nfoo { bar", Stats{}},
		"torn":               {line[:500], Stats{Bad: 1}},
		"torn at its front":  {line[500:], Stats{Bad: 1}},
		"two in one":         {line[:500] + line, Stats{Lines: 1, Bad: 1}},
		"binary":             {"\x00\xff{\x00\n", Stats{}},
	} {
		contents := "before\n" + tt.log + "\n" + line + "\n"
		tt.want.Lines++
		if _, stats := readLog(t, strings.NewReader(contents)); stats != tt.want {
			t.Errorf("%s: %+v, want %+v", name, stats, tt.want)
		}
	}
}

// quoteHalves returns s as two JSON strings.
func quoteHalves(t *testing.T, s string) (first, rest string) {
	t.Helper()
	a, err := json.Marshal(s[:700])
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(s[700:])
	if err != nil {
		t.Fatal(err)
	}
	return string(a), string(b)
}

// endless is a line without an end of n bytes.
type endless struct{ left int }

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), e.left)
	for i := range p[:n] {
		p[i] = '{'
	}
	e.left -= n
	return n, nil
}

func TestReadLog_ALineOf256MiB(t *testing.T) {
	readHugeLine(t)
}

// readHugeLine reads a line of 256 MiB between two others.
func readHugeLine(t *testing.T) {
	t.Helper()
	line := log(t, 1)
	got, stats := readLog(t, io.MultiReader(bytes.NewReader(line), &endless{256 << 20}, strings.NewReader("\n"), bytes.NewReader(line)))
	if got != "0 0" || stats != (Stats{Lines: 2, Bad: 1}) {
		t.Errorf("%s, %+v", got, stats)
	}
}

func TestReadLog_Errors(t *testing.T) {
	broken := errors.New("broken")
	count := func(*inventory.Line) error { return nil }
	plain := log(t, 2)
	for name, contents := range map[string][]byte{"plain": plain, "gzip": gzipped(t, plain), "zstd": zstandard(t, plain)} {
		r := io.MultiReader(bytes.NewReader(contents[:len(contents)/2]), iotest.ErrReader(broken))
		if _, err := ReadLog(t.Context(), r, count, LogOptions{}); !errors.Is(err, broken) {
			t.Errorf("%s: of the reader: %v", name, err)
		}
	}
	stats, err := ReadLog(t.Context(), bytes.NewReader(plain), func(*inventory.Line) error { return broken }, LogOptions{})
	if !errors.Is(err, broken) || stats.Lines != 0 {
		t.Errorf("of each: %+v, %v", stats, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ReadLog(ctx, bytes.NewReader(plain), count, LogOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("of the context: %v", err)
	}
}

func TestReadLog_TellsItsProgress(t *testing.T) {
	contents := gzipped(t, log(t, 1000))
	var last int64
	_, err := ReadLog(t.Context(), bytes.NewReader(contents), func(*inventory.Line) error { return nil },
		LogOptions{Progress: func(read int64) {
			if read < last {
				t.Errorf("%d after %d", read, last)
			}
			last = read
		}})
	if err != nil || last != int64(len(contents)) {
		t.Errorf("%d of %d: %v", last, len(contents), err)
	}
}

func FuzzReadLog(f *testing.F) {
	plain := log(f, 2)
	for _, seed := range [][]byte{plain, gzipped(f, plain), zstandard(f, plain), plain[:3000],
		[]byte(`{"log":"{\"msg\":\"session\","}` + "\n" + `{"log":"\"time\":\"2026-11-24T11:00:30.123Z\"}\n"}`)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, contents []byte) {
		lines := int64(0)
		stats, err := ReadLog(t.Context(), bytes.NewReader(contents), func(l *inventory.Line) error {
			lines++
			if l.Time.IsZero() || l.Message == "" {
				t.Errorf("%+v", l)
			}
			return nil
		}, LogOptions{})
		if err != nil || stats.Lines != lines {
			t.Errorf("%+v of %d, %v", stats, lines, err)
		}
	})
}

func BenchmarkReadLog(b *testing.B) {
	const records = 20_000
	plain := log(b, records)
	for name, contents := range map[string][]byte{"plain": plain, "gzip": gzipped(b, plain), "zstd": zstandard(b, plain)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				stats, err := ReadLog(b.Context(), bytes.NewReader(contents), func(*inventory.Line) error { return nil }, LogOptions{})
				if err != nil || stats.Lines != records {
					b.Fatal(stats, err)
				}
			}
			b.ReportMetric(float64(records*b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
