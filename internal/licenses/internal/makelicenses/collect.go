package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"drawbridge/internal/licenses"
)

// systems are the operating systems whose modules are listed: a module may be compiled into one of them alone.
var systems = []string{"linux", "darwin", "windows", "freebsd"}

// licenceFile knows the files in which authors write what others must read: LICENSE, LICENSE-SQLITE, LICENCE.txt, COPYING, NOTICE, PATENTS.
var licenceFile = regexp.MustCompile(`^(LICEN[CS]E|COPYING|NOTICE|PATENTS)([-_][A-Za-z0-9_-]+)?(\.txt|\.md)?$`)

// pkg is a package as `go list -json` tells of it.
type pkg struct {
	ImportPath string
	Dir        string
	Standard   bool
	Module     *struct{ Path, Version, Dir string }
}

// found are the folders of one module whose licences hold: those of its packages, up to its root.
type found struct {
	path, version, root string
	folders             map[string]bool
}

// collect finds Drawbridge's licence, Go's, and those of each module that is compiled into cmd/drawbridge.
func collect() ([]licenses.Module, error) {
	all := make(map[string]*found)
	for _, system := range systems {
		packages, err := list(system)
		if err != nil {
			return nil, err
		}
		for _, p := range packages {
			note(all, p)
		}
	}
	modules := make([]licenses.Module, 1, len(all)+1)
	var err error
	if modules[0], err = goItself(); err != nil {
		return nil, err
	}
	for _, path := range slices.Sorted(maps.Keys(all)) {
		m := all[path]
		files, err := texts(m.root, m.folders)
		if err != nil {
			return nil, fmt.Errorf("module %s: %w", path, err)
		}
		modules = append(modules, licenses.Module{Path: m.path, Version: m.version, Files: files})
	}
	slices.SortStableFunc(modules, func(a, b licenses.Module) int { return rank(a) - rank(b) })
	return modules, nil
}

// goItself has the licence of Go's standard library and runtime.
func goItself() (licenses.Module, error) {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return licenses.Module{}, fmt.Errorf("go env GOROOT: %w", err)
	}
	root := strings.TrimSpace(string(out))
	files, err := texts(root, map[string]bool{root: true})
	if err != nil {
		return licenses.Module{}, fmt.Errorf("licence of Go: %w", err)
	}
	return licenses.Module{Path: "Go", Files: files}, nil
}

// rank puts Drawbridge and Go before the modules of others.
func rank(m licenses.Module) int {
	switch m.Path {
	case "drawbridge":
		return 0
	case "Go":
		return 1
	}
	return 2
}

// list asks the go command for the packages of cmd/drawbridge on an operating system.
func list(system string) ([]pkg, error) {
	c := exec.Command("go", "list", "-deps", "-json=ImportPath,Dir,Standard,Module", "drawbridge/cmd/drawbridge")
	c.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("go list for %s: %w", system, err)
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list for %s: %w", system, err)
		}
		all = append(all, p)
	}
}

// note adds a package's folder, and those above it, to its module.
func note(all map[string]*found, p pkg) {
	if p.Standard || p.Module == nil {
		return
	}
	m := all[p.Module.Path]
	if m == nil {
		m = &found{p.Module.Path, p.Module.Version, p.Module.Dir, make(map[string]bool)}
		all[p.Module.Path] = m
	}
	for dir := p.Dir; strings.HasPrefix(dir, m.root); dir = filepath.Dir(dir) {
		m.folders[dir] = true
	}
}

// texts reads the licence files in folders of a module. A module without any is a fault: nobody may pass it on.
func texts(root string, folders map[string]bool) ([]licenses.File, error) {
	var files []licenses.File
	for _, folder := range slices.Sorted(maps.Keys(folders)) {
		entries, err := os.ReadDir(folder)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e.IsDir() || !licenceFile.MatchString(e.Name()) {
				continue
			}
			text, err := os.ReadFile(filepath.Join(folder, e.Name()))
			if err != nil {
				return nil, err
			}
			name, err := filepath.Rel(root, filepath.Join(folder, e.Name()))
			if err != nil {
				return nil, err
			}
			files = append(files, licenses.File{Name: filepath.ToSlash(name), Text: string(text)})
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no licence in %s", root)
	}
	return files, nil
}
