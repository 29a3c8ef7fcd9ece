package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"unicode/utf16"
	"unicode/utf8"

	"drawbridge/inventory"
)

// JSON writes {"devices":[…]} to w, in the order given and with one device on each line, so that two exports can be
// compared line by line. Characters which HTML, a terminal or a reader's eye could take for something else are escaped
// as \uXXXX within the strings, which changes no value. It streams: memory does not grow with the number of devices.
func JSON(w io.Writer, devices iter.Seq[inventory.Device]) error {
	b := bufio.NewWriter(w)
	b.WriteString(`{"devices":[`)
	separator := ""
	for d := range devices {
		line, err := json.Marshal(&d)
		if err != nil {
			return fmt.Errorf("write device %q as JSON: %w", d.ID, err)
		}
		b.WriteString(separator)
		separator = ","
		b.WriteByte('\n')
		b.Write(escapeJSON(line))
	}
	b.WriteString("\n]}\n")
	if err := b.Flush(); err != nil { // a bufio.Writer keeps its first error
		return fmt.Errorf("write the devices as JSON: %w", err)
	}
	return nil
}

// escapeJSON escapes what a terminal must not be sent. In valid JSON such characters stand in strings only.
func escapeJSON(line []byte) []byte {
	text := string(line)
	if inventory.Printable(text) == text {
		return line
	}
	escaped := make([]byte, 0, len(line)+64)
	for _, r := range text {
		if char := string(r); inventory.Printable(char) == char {
			escaped = utf8.AppendRune(escaped, r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			escaped = fmt.Appendf(escaped, `\u%04x`, unit)
		}
	}
	return escaped
}
