// Makelicenses writes the licences that Drawbridge has built in, from the modules in go's module cache:
//
//	go generate ./internal/licenses
//
// The same go.mod gives the same bytes.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"

	"drawbridge/internal/licenses"
)

func main() {
	to := flag.String("to", "licenses.gz", "the file to write")
	flag.Parse()
	if err := run(*to); err != nil {
		fmt.Fprintf(os.Stderr, "makelicenses: %v\n", err)
		os.Exit(1)
	}
}

func run(to string) error {
	modules, err := collect()
	if err != nil {
		return err
	}
	var file bytes.Buffer
	if err := licenses.Encode(&file, modules); err != nil {
		return fmt.Errorf("pack the licences: %w", err)
	}
	if err := os.WriteFile(to, file.Bytes(), 0o644); err != nil {
		return err
	}
	fmt.Printf("%s: the licences of %d modules in %d bytes\n", to, len(modules), file.Len())
	return nil
}
