package report_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"drawbridge/inventory"
	"drawbridge/inventory/report"
)

func TestTable(t *testing.T) {
	for _, width := range []int{0, 80, 140, 200} {
		var out bytes.Buffer
		if err := report.Table(&out, fleet(), width); err != nil {
			t.Fatal(err)
		}
		golden(t, fmt.Sprintf("fleet-%d.txt", width), out.Bytes())
		for line := range strings.Lines(out.String()) {
			if n := utf8.RuneCountInString(line) - 1; width > 0 && n > width {
				t.Errorf("%d cells in %q, want %d", n, line, width)
			}
			if strings.HasSuffix(line, " \n") {
				t.Errorf("spaces at the end of %q", line)
			}
		}
	}
}

func TestTableOfWideCharacters(t *testing.T) {
	devices := []inventory.Device{
		{ID: "10.0.0.1/a", Owner: "医療機器管理部門医療機器管理部門", Sessions: 1},
		{ID: "10.0.0.2/b", Owner: "e\u0301quipe", Sessions: 22},
	}
	var out bytes.Buffer
	if err := report.Table(&out, devices, 0); err != nil {
		t.Fatal(err)
	}
	want := "DEVICE      OWNER                     SESSIONS\n" +
		"10.0.0.1/a  医療機器管理部門医療機…          1\n" +
		"10.0.0.2/b  e\u0301quipe                          22\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}
