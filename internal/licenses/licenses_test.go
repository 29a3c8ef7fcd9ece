package licenses_test

import (
	"bytes"
	"compress/gzip"
	"reflect"
	"strings"
	"testing"

	"drawbridge/internal/licenses"
)

func TestAll_EveryModuleHasATextOfALicence(t *testing.T) {
	modules, err := licenses.All()
	if err != nil {
		t.Fatal(err)
	}
	if len(modules) < 3 || modules[0].Path != "drawbridge" || modules[1].Path != "Go" {
		t.Fatalf("Drawbridge and Go do not come first of the %d modules", len(modules))
	}
	for _, m := range modules {
		longest := 0
		for _, f := range m.Files {
			longest = max(longest, len(strings.TrimSpace(f.Text)))
		}
		if longest < 500 {
			t.Errorf("%s: the longest of its %d texts has %d bytes", m.Path, len(m.Files), longest)
		}
	}
	if !strings.Contains(modules[0].Files[0].Text, "Apache License") {
		t.Error("Drawbridge's own licence is not Apache-2.0")
	}
}

func TestEncode_TextsComeBack(t *testing.T) {
	want := []licenses.Module{
		{Path: "a.example/x", Version: "v1.0.0", Files: []licenses.File{{Name: "LICENSE", Text: "same"}, {Name: "sub/NOTICE", Text: "other"}}},
		{Path: "b.example/y", Version: "v2.0.0", Files: []licenses.File{{Name: "COPYING", Text: "same"}}},
	}
	var file bytes.Buffer
	if err := licenses.Encode(&file, want); err != nil {
		t.Fatal(err)
	}
	got, err := licenses.Decode(&file)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

func TestDecode_Refuses(t *testing.T) {
	for name, c := range map[string]struct{ json, want string }{
		"no text":        {`{"texts":[],"modules":[{"module":"m"}]}`, "module m: it has no text"},
		"a text too far": {`{"texts":["a"],"modules":[{"module":"m","files":[{"name":"LICENSE","text":1}]}]}`, "module m: LICENSE has no text"},
		"a text below":   {`{"texts":["a"],"modules":[{"module":"m","files":[{"name":"LICENSE","text":-1}]}]}`, "module m: LICENSE has no text"},
		"too long":       {strings.Repeat(" ", licenses.MaxText+1), "the texts are too long"},
		"cut":            {`{"texts":`, "unexpected end of JSON input"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := licenses.Decode(bytes.NewReader(zipped(t, c.json)))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func zipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
