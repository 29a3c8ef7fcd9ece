package journal

import (
	"fmt"
	"io"
	"os"
)

// StandardInput is the name of a log that is piped in.
const StandardInput = "-"

// OpenLog opens the log of that name, of which size is how many bytes it has as it stands, for a progress bar: 0 where
// that is not known. StandardInput is stdin, which Close leaves open. Rotated files are read in the order that the
// caller opens them in; any order gives the same inventory.
func OpenLog(name string, stdin io.Reader) (log io.ReadCloser, size int64, err error) {
	if name == StandardInput {
		return io.NopCloser(stdin), 0, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, fmt.Errorf("open a log: %w", err)
	}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		size = info.Size()
	}
	return f, size, nil
}
