package certs

import (
	"encoding/pem"
	"fmt"
	"io"
	"os"
)

// maxFile bounds what is read of a certificate or key file.
const maxFile = 1 << 20

// readFile reads a file of at most maxFile bytes.
func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s: larger than %d bytes, this is no certificate or key", name, maxFile)
	}
	return data, nil
}

// readPEM gives the contents of a file that is one PEM block of the given type.
func readPEM(name, kind string) ([]byte, error) {
	data, err := readFile(name)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != kind {
		return nil, fmt.Errorf("%s: no PEM block %q", name, kind)
	}
	return block.Bytes, nil
}
