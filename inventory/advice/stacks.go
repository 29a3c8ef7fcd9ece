package advice

import (
	"fmt"
	"slices"
	"strings"
)

// Stack is an implementation of TLS that a hello is known to come from. Its zero value is an unknown one.
type Stack struct {
	Name     string // as in "OpenSSL 1.0.0", or "OpenSSL 1.1.1 or OpenSSL 3" where both send the same
	Programs string // which sent such a hello when measured, as in "curl, fetchmail"
	Suites   bool   // only the version and the cipher suites are the same: a likeness, no identity
}

// stacks are the measured hellos, found by ever less of them.
type stacks struct {
	byJA3, byJA4, bySuites map[string]*Stack
}

// Stack returns the stack that is known to send a hello with these fingerprints. A server name and ALPN in the hello,
// or none, make no difference; extensions that come with a resumed session leave a likeness by cipher suites.
func (a *Advisor) Stack(ja3, ja4 string) Stack {
	if s := a.stacks.byJA3[ja3]; s != nil {
		return *s
	}
	var key [ja4Length]byte
	if s := a.stacks.byJA4[string(ja4Key(key[:0], ja4, true))]; s != nil {
		return *s
	}
	if s := a.stacks.bySuites[string(ja4Key(key[:0], ja4, false))]; s != nil {
		return Stack{Name: s.Name, Programs: s.Programs, Suites: true}
	}
	return Stack{}
}

const ja4Length = 36 // t13d1516h2_8daaf6152771_e5627efa2ab1

// ja4Key appends what a JA4 has besides d or i for a server name, the number of extensions and the ALPN: those vary
// between two hellos of one program. Without extensions it ends behind the hash of the suites. It is empty for what is
// no JA4, and a hello of few suites has no key without extensions: any program can be set to those.
func ja4Key(b []byte, ja4 string, extensions bool) []byte {
	if len(ja4) != ja4Length || ja4[10] != '_' || ja4[23] != '_' {
		return b
	}
	b = append(append(b, ja4[:3]...), ja4[4:6]...)
	if extensions {
		return append(b, ja4[10:]...)
	}
	if ja4[4:6] < "06" {
		return b[:0]
	}
	return append(b, ja4[10:23]...)
}

// add takes a row of stacks.csv: stack, program, settings, ja3, ja4.
func (s *stacks) add(row []string) error {
	name, program, ja3, ja4 := row[0], row[1], row[3], row[4]
	if name == "" || program == "" || len(ja3) != 32 || len(ja4Key(nil, ja4, true)) == 0 {
		return fmt.Errorf("%q is no measured hello", row)
	}
	s.byJA3 = put(s.byJA3, ja3, name, program)
	s.byJA4 = put(s.byJA4, string(ja4Key(nil, ja4, true)), name, program)
	if key := ja4Key(nil, ja4, false); len(key) > 0 {
		s.bySuites = put(s.bySuites, string(key), name, program)
	}
	return nil
}

func put(m map[string]*Stack, key, name, program string) map[string]*Stack {
	if m == nil {
		m = make(map[string]*Stack)
	}
	known := m[key]
	if known == nil {
		m[key] = &Stack{Name: name, Programs: program}
		return m
	}
	if !slices.Contains(strings.Split(known.Name, nameSeparator), name) {
		known.Name += nameSeparator + name
	}
	if !slices.Contains(strings.Split(known.Programs, programSeparator), program) {
		known.Programs += programSeparator + program
	}
	return m
}

const (
	nameSeparator    = " or "
	programSeparator = ", "
)

// allFound tells whether every one of a list has a text of p in it.
func (p pattern) allFound(list, separator string) bool {
	if list == "" {
		return false
	}
	for one := range strings.SplitSeq(list, separator) {
		if p.find(newText(one)) == "" {
			return false
		}
	}
	return true
}
