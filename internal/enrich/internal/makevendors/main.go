// Makevendors writes the registry of vendors that Drawbridge has built in, from the files of Debian's package ieee-data
// (oui.csv, mam.csv, oui36.csv, iab.csv):
//
//	apt-get install ieee-data
//	go generate ./internal/enrich/vendors
//
// The same files give the same bytes. The registry's date is that of the newest file.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"

	"drawbridge/internal/enrich/vendors"
)

func main() {
	from := flag.String("from", "/usr/share/ieee-data", "the folder of the IEEE's files")
	to := flag.String("to", "vendors.gz", "the file to write")
	flag.Parse()
	if err := run(*from, *to); err != nil {
		fmt.Fprintf(os.Stderr, "makevendors: %v\n", err)
		os.Exit(1)
	}
}

func run(from, to string) error {
	registry, err := vendors.Read(from)
	if err != nil {
		return err
	}
	var file bytes.Buffer
	if err := registry.Encode(&file); err != nil {
		return fmt.Errorf("pack the registry: %w", err)
	}
	if err := os.WriteFile(to, file.Bytes(), 0o644); err != nil {
		return err
	}
	fmt.Printf("%s: %d prefixes of %s in %d bytes\n", to, registry.Len(), registry.Date().Format("2006-01-02"), file.Len())
	return nil
}
