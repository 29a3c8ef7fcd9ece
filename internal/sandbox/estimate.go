package sandbox

import (
	"bytes"
	"strconv"
)

var sizeItem = []byte("RFC822.SIZE ")

// estimated is what Exchange Online might think a message of a size has: a few per cent more or less, and never the truth.
func estimated(size int64) int64 {
	off := size/40 + 7
	if size%2 == 0 && size > off {
		return size - off
	}
	return size + off
}

// estimateSize replaces the size in the beginning of a FETCH response: go-imap's server writes it before whatever could
// hold a quoted string or a literal.
func estimateSize(line []byte) []byte {
	i := bytes.Index(line, sizeItem)
	if i < 0 || bytes.Contains(line[:i], []byte("BODY")) || bytes.Contains(line[:i], []byte("ENVELOPE")) {
		return line
	}
	start := i + len(sizeItem)
	end := start
	for end < len(line) && line[end] >= '0' && line[end] <= '9' {
		end++
	}
	size, err := strconv.ParseInt(string(line[start:end]), 10, 64)
	if err != nil {
		return line
	}
	out := append(bytes.Clone(line[:start]), strconv.FormatInt(estimated(size), 10)...)
	return append(out, line[end:]...)
}
