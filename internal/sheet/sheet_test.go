package sheet_test

import (
	"errors"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"

	"drawbridge/internal/sheet"
)

func read(t *testing.T, text, key string) (header []string, rows []sheet.Row, faults []string) {
	t.Helper()
	r, err := sheet.NewReader(text, key)
	if err != nil {
		t.Fatal(err)
	}
	for {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			return r.Header(), rows, faults
		}
		if err != nil {
			faults = append(faults, err.Error())
			continue
		}
		rows = append(rows, row)
	}
}

// Files that Excel wrote.
func TestRead_AsExcelSavesIt(t *testing.T) {
	wantHeader := []string{"login", "mailbox", "password", "sources", "expires"}
	for file, want := range map[string]sheet.Encoding{"utf16tab.csv": sheet.UTF16, "trailcols.csv": sheet.UTF8} {
		f, err := os.Open("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		text, as, err := sheet.Text(f, 1<<20)
		_ = f.Close()
		if err != nil || as != want {
			t.Fatalf("%s: %v, %v", file, as, err)
		}
		header, rows, faults := read(t, text, "login")
		if !reflect.DeepEqual(header, wantHeader) || len(rows) != 1 || faults != nil {
			t.Errorf("%s: got %q, %+v, %q", file, header, rows, faults)
			continue
		}
		if got := rows[0]; got.Line != 2 || len(got.Cells) != 5 || got.Cells[2] != "Kennwort12" {
			t.Errorf("%s: got %+v", file, got)
		}
	}
}

func TestRead_LinesAreThoseOfTheFile(t *testing.T) {
	header, rows, faults := read(t, "sep=;\nid;note;;\na;\"one\ntwo\";;\n;;\nb;x\"y;;\nc;three;four;\n", "id")
	want := []sheet.Row{{3, []string{"a", "one\ntwo"}}, {7, []string{"c", "three", "four"}}}
	if !reflect.DeepEqual(header, []string{"id", "note"}) || !reflect.DeepEqual(rows, want) {
		t.Errorf("got %q, %+v", header, rows)
	}
	if len(faults) != 1 || !strings.HasPrefix(faults[0], "line 6: ") {
		t.Errorf("got %q", faults)
	}
}

func TestText(t *testing.T) {
	for name, tt := range map[string]struct {
		raw, want string
		as        sheet.Encoding
		fault     string
	}{
		"UTF-8":              {"a\r\nü\rb", "a\nü\nb", sheet.UTF8, ""},
		"UTF-8 with a mark":  {"\uFEFFa", "a", sheet.UTF8, ""},
		"UTF-16, high first": {"\xfe\xff\x00a\x00\xfc", "aü", sheet.UTF16, ""},
		"UTF-16, low first":  {"\xff\xfea\x00\x3d\xd8\x00\xde", "a\U0001f600", sheet.UTF16, ""},
		"Windows-1252":       {"M\xfcller \x80 \x93\x94", "Müller € “”", sheet.Windows1252, ""},
		"a gap of 1252":      {"a\nb\nc\x90\xfc", "", "", "line 3: it has a character that cannot be read as Windows-1252"},
		"half a surrogate":   {"\xff\xfe\n\x00\x3d\xd8a\x00", "", "", "line 2: it has a character that cannot be read as UTF-16"},
		"an odd byte":        {"\xff\xfea\x00\n\x00b", "", "", "line 2: it has a character that cannot be read as UTF-16"},
		"a workbook":         {"PK\x03\x04\x00\x00", "", "", "this is not a text file"},
		"too large":          {strings.Repeat("x", 2<<20), "", "", "more than 1 MiB"},
	} {
		text, as, err := sheet.Text(strings.NewReader(tt.raw), 1<<20)
		switch {
		case tt.fault == "" && (err != nil || text != tt.want || as != tt.as):
			t.Errorf("%s: got %q, %s, %v", name, text, as, err)
		case tt.fault != "" && (err == nil || !strings.Contains(err.Error(), tt.fault)):
			t.Errorf("%s: got %v, want %q", name, err, tt.fault)
		}
	}
}

// FuzzRead holds that reading ends, and that lines go up.
func FuzzRead(f *testing.F) {
	f.Add([]byte("sep=;\nid;note\na;\"b\nc\"\n"))
	f.Add([]byte("\xff\xfei\x00d\x00\t\x00x\x00"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		text, _, err := sheet.Text(strings.NewReader(string(raw)), 1<<20)
		if err != nil {
			return
		}
		r, err := sheet.NewReader(text, "id")
		if err != nil {
			return
		}
		last := 0
		for range strings.Count(text, "\n") + 2 {
			row, err := r.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				continue
			}
			if row.Line <= last {
				t.Fatalf("line %d comes after line %d", row.Line, last)
			}
			last = row.Line
		}
		t.Error("reading does not end")
	})
}
