package inventory

import "strings"

// reading is a line as one kind of escaping reads it, folded to lower case, and where each of its bytes came from.
type reading struct {
	text    string
	origins []int // offset in the line of each byte of text, and of its end; nil: the same as in text
}

// span returns the piece of the line that text[start:end] was read from.
func (r reading) span(start, end int) span {
	if r.origins == nil {
		return span{start, end}
	}
	return span{r.origins[start], r.origins[end]}
}

// readings returns line as it is, without backslashes, and percent-decoded with plus signs as they are and as spaces,
// each where it could make a difference.
func readings(line string) []reading {
	all := []reading{{text: fold(line)}}
	if strings.Contains(line, `\`) {
		all = append(all, read(line, withoutBackslash))
	}
	if strings.Contains(line, "%") {
		all = append(all, read(line, percentDecoded))
	}
	if strings.Contains(line, "+") {
		all = append(all, read(line, formDecoded))
	}
	return all
}

// read applies next, which returns the first byte that s stands for and how many bytes of s it took.
func read(line string, next func(s string) (byte, int)) reading {
	text := make([]byte, 0, len(line))
	origins := make([]int, 0, len(line)+1)
	for i := 0; i < len(line); {
		c, n := next(line[i:])
		text, origins = append(text, c), append(origins, i)
		i += n
	}
	return reading{fold(string(text)), append(origins, len(line))}
}

// withoutBackslash reads quoted strings (RFC 9051, section 9: quoted-specials) and JSON's simple escapes.
func withoutBackslash(s string) (byte, int) {
	if s[0] == '\\' && len(s) > 1 {
		return s[1], 2
	}
	return s[0], 1
}

// percentDecoded reads RFC 3986, section 2.1.
func percentDecoded(s string) (byte, int) {
	if s[0] != '%' || len(s) < 3 {
		return s[0], 1
	}
	high, low := hexDigit(s[1]), hexDigit(s[2])
	if high < 0 || low < 0 {
		return s[0], 1
	}
	return byte(high<<4 | low), 3
}

// formDecoded reads application/x-www-form-urlencoded, in which a plus sign is a space.
func formDecoded(s string) (byte, int) {
	if s[0] == '+' {
		return ' ', 1
	}
	return percentDecoded(s)
}

// hexDigit returns the value of c, -1 where it has none.
func hexDigit(c byte) int {
	if c >= 'A' && c <= 'F' {
		c += 'a' - 'A'
	}
	return strings.IndexByte("0123456789abcdef", c)
}

// fold returns s with ASCII capitals as small letters, byte for byte: strings.ToLower could change its length.
func fold(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
