package accounts

import (
	"bytes"
	"context"
	"fmt"
	"io"
)

// maxImport is what an importer reads at most, in bytes.
const maxImport = 16 << 20

// The formats of an import.
const (
	FormatCSV        = "csv"
	FormatEmailProxy = "email-oauth2-proxy"
)

// Import is what an importer took over.
type Import struct {
	Accounts []Account
	Notes    []string // what was left out, and what is weak: a sentence each
}

// ImportAs reads accounts as ImportCSV or ImportEmailOAuth2Proxy does: in a format, or, where that is empty, in the one that
// the text looks like.
func ImportAs(ctx context.Context, format string, text []byte, o CSVOptions) (Import, error) {
	if format == "" {
		format = formatOf(text)
	}
	if format == FormatEmailProxy {
		return ImportEmailOAuth2Proxy(bytes.NewReader(text))
	}
	return ImportCSV(ctx, bytes.NewReader(text), o)
}

// formatOf tells by the first line that is no comment: a [section] begins an INI file, and no column has such a name.
func formatOf(text []byte) string {
	for line := range bytes.Lines(bytes.TrimPrefix(text, []byte("\uFEFF"))) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		if line[0] == '[' {
			return FormatEmailProxy
		}
		break
	}
	return FormatCSV
}

// readImport reads a file to import, less the mark that Excel puts in front.
func readImport(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxImport+1))
	if err != nil {
		return nil, fmt.Errorf("read the file to import: %w", err)
	}
	if len(text) > maxImport {
		return nil, fmt.Errorf("the file to import is larger than %d MiB: split it", maxImport>>20)
	}
	return bytes.TrimPrefix(text, []byte("\uFEFF")), nil
}
