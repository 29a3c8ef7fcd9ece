package report

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxFile is the largest file that ReadCSV takes: an export of 50,000 devices has a quarter of it.
const maxFile = 128 << 20

// readText reads r to its end as what spreadsheets write: UTF-8, UTF-16 with a byte order mark ("Unicode text"), or, if
// it is not valid UTF-8, Windows-1252. Line ends become LF.
func readText(r io.Reader, limit int64) (string, error) {
	raw, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return "", fmt.Errorf("read the file: %w", err)
	}
	if int64(len(raw)) > limit {
		return "", fmt.Errorf("the file has more than %d MiB: split it", limit>>20)
	}
	text := decode(raw)
	if strings.ContainsRune(text, 0) {
		return "", fmt.Errorf("this is not a text file: save the sheet as CSV (UTF-8)")
	}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return strings.ReplaceAll(text, "\r", "\n"), nil
}

func decode(raw []byte) string {
	switch {
	case bytes.HasPrefix(raw, []byte(byteOrderMark)):
		raw = raw[len(byteOrderMark):]
	case bytes.HasPrefix(raw, []byte{0xff, 0xfe}):
		return decodeUTF16(raw[2:], binary.LittleEndian)
	case bytes.HasPrefix(raw, []byte{0xfe, 0xff}):
		return decodeUTF16(raw[2:], binary.BigEndian)
	}
	if utf8.Valid(raw) {
		return string(raw)
	}
	return decode1252(raw)
}

func decodeUTF16(raw []byte, order binary.ByteOrder) string {
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = order.Uint16(raw[2*i:])
	}
	return string(utf16.Decode(units))
}

// decode1252 reads Windows-1252, which is Latin-1 but for 0x80 to 0x9f (the WHATWG's table: the five bytes that are
// none stand for themselves).
func decode1252(raw []byte) string {
	const high = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ"
	table := []rune(high)
	var b strings.Builder
	b.Grow(len(raw) + len(raw)/16)
	for _, c := range raw {
		if c >= 0x80 && c <= 0x9f {
			b.WriteRune(table[c-0x80])
			continue
		}
		b.WriteRune(rune(c))
	}
	return b.String()
}
