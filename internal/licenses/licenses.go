package licenses

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// licenses.gz is made by go generate.
//
//go:embed licenses.gz
var embedded []byte

// MaxText is how many bytes of texts are decoded at most. Of the modules of 2026 they are about 200 KB.
const MaxText = 8 << 20

// Module is a part of the program that comes under licences of its own.
type Module struct {
	Path    string `json:"module"`            // as in go.mod; "Go" for the standard library and the runtime
	Version string `json:"version,omitempty"` // as in go.mod; absent for Drawbridge and Go, whose versions the program tells itself
	Files   []File `json:"files"`             // never empty
}

// File is one text of a module.
type File struct {
	Name string `json:"name"` // inside its module, with forward slashes
	Text string `json:"text"`
}

// packed is the form of the file, gzip'd JSON. Most modules share a text, so each text stands there once.
type packed struct {
	Texts   []string       `json:"texts"`
	Modules []packedModule `json:"modules"`
}

type packedModule struct {
	Path    string       `json:"module"`
	Version string       `json:"version,omitempty"`
	Files   []packedFile `json:"files"`
}

type packedFile struct {
	Name string `json:"name"`
	Text int    `json:"text"` // its place in packed.Texts
}

// All returns every module of the program, Drawbridge and Go first. It decodes some hundred kilobytes: once is enough. An error means
// that the program itself is damaged.
func All() ([]Module, error) {
	modules, err := Decode(bytes.NewReader(embedded))
	if err != nil {
		return nil, fmt.Errorf("read the built-in licences: %w", err)
	}
	return modules, nil
}

// Encode writes modules in the form that [Decode] reads. The same modules give the same bytes.
func Encode(w io.Writer, modules []Module) error {
	var p packed
	places := make(map[string]int)
	for _, m := range modules {
		row := packedModule{Path: m.Path, Version: m.Version}
		for _, f := range m.Files {
			place, known := places[f.Text]
			if !known {
				place = len(p.Texts)
				places[f.Text] = place
				p.Texts = append(p.Texts, f.Text)
			}
			row.Files = append(row.Files, packedFile{f.Name, place})
		}
		p.Modules = append(p.Modules, row)
	}
	z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(z).Encode(p); err != nil {
		return err
	}
	return z.Close()
}

// Decode reads what [Encode] wrote. It refuses a file that is cut, longer than [MaxText], or has a module without a text.
func Decode(r io.Reader) ([]Module, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(z, MaxText+1))
	if err != nil {
		return nil, err
	}
	if len(data) > MaxText {
		return nil, errors.New("the texts are too long")
	}
	var p packed
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, err
	}
	modules := make([]Module, len(p.Modules))
	for i, row := range p.Modules {
		if modules[i], err = row.unpack(p.Texts); err != nil {
			return nil, fmt.Errorf("module %s: %w", row.Path, err)
		}
	}
	return modules, nil
}

// unpack gives a module its texts.
func (row packedModule) unpack(texts []string) (Module, error) {
	m := Module{Path: row.Path, Version: row.Version}
	for _, f := range row.Files {
		if f.Text < 0 || f.Text >= len(texts) {
			return Module{}, fmt.Errorf("%s has no text", f.Name)
		}
		m.Files = append(m.Files, File{f.Name, texts[f.Text]})
	}
	if len(m.Files) == 0 {
		return Module{}, errors.New("it has no text")
	}
	return m, nil
}
