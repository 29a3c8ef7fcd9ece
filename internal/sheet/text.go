package sheet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"drawbridge/internal/textfile"
)

// Encoding is how the characters of a file were written.
type Encoding string

// The encodings that Text tells apart. What is neither UTF-16, which begins with its mark, nor valid UTF-8 is taken for
// Windows-1252: that is a guess.
const (
	UTF8        Encoding = "UTF-8"
	UTF16       Encoding = "UTF-16"
	Windows1252 Encoding = "Windows-1252"
)

// Text reads r to its end, at most limit bytes, and returns what it says with line ends as LF. What is not text, or cannot be
// decoded, is an error with its line: nothing is ever made of bytes that mean no character.
func Text(r io.Reader, limit int64) (string, Encoding, error) {
	raw, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return "", "", fmt.Errorf("read the file: %w", err)
	}
	if int64(len(raw)) > limit {
		return "", "", fmt.Errorf("the file has more than %d MiB: split it", limit>>20)
	}
	text, as, err := decode(raw)
	if err != nil {
		return "", "", err
	}
	if strings.ContainsRune(text, 0) {
		return "", "", errors.New("this is not a text file: save the sheet as CSV (UTF-8)")
	}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return strings.ReplaceAll(text, "\r", "\n"), as, nil
}

func decode(raw []byte) (string, Encoding, error) {
	switch {
	case bytes.HasPrefix(raw, []byte{0xff, 0xfe}), bytes.HasPrefix(raw, []byte{0xfe, 0xff}):
		text, err := whole(textfile.Decode(raw), UTF16)
		return text, UTF16, err
	case utf8.Valid(raw):
		return string(textfile.Decode(raw)), UTF8, nil
	}
	decoded, err := charmap.Windows1252.NewDecoder().Bytes(raw)
	if err != nil {
		return "", "", fmt.Errorf("read the file as %s: %w", Windows1252, err)
	}
	text, err := whole(decoded, Windows1252)
	return text, Windows1252, err
}

// whole is a text that was decoded, every byte of which meant something. U+FFFD is what decoders make of what means nothing, and
// the C1 controls are what Windows-1252 has in its five gaps.
func whole(decoded []byte, as Encoding) (string, error) {
	text := string(decoded)
	if at := strings.IndexFunc(text, isGap); at >= 0 {
		return "", fmt.Errorf("line %d: it has a character that cannot be read as %s: save the file as UTF-8",
			strings.Count(text[:at], "\n")+1, as)
	}
	return text, nil
}

func isGap(r rune) bool { return r == utf8.RuneError || r >= 0x80 && r <= 0x9f }
