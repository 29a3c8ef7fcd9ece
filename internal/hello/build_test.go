package hello_test

import (
	"encoding/binary"
	"slices"
)

// draft is a hello to be built, whole or broken.
type draft struct {
	version    uint16
	session    int // length of the session id
	suites     []uint16
	extensions [][]byte // nil: no block at all
	trailer    []byte   // behind the extensions
}

func (d draft) body() []byte {
	b := binary.BigEndian.AppendUint16(nil, d.version)
	b = append(b, make([]byte, 32)...)
	b = append(b, byte(d.session))
	b = append(b, make([]byte, d.session)...)
	b = append(b, vec16(numbers(d.suites...))...)
	b = append(b, 1, 0)
	if d.extensions != nil {
		b = append(b, vec16(slices.Concat(d.extensions...))...)
	}
	return append(b, d.trailer...)
}

// tls returns the hello in one record of TLS 1.0.
func (d draft) tls() []byte { return records(message(d.body()), 1<<14) }

func message(body []byte) []byte {
	return append([]byte{1, byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}, body...)
}

// records cuts b into records of at most size bytes.
func records(b []byte, size int) []byte {
	var out []byte
	for part := range slices.Chunk(b, size) {
		out = append(out, 22, 3, 1)
		out = append(out, vec16(part)...)
	}
	return out
}

func numbers(list ...uint16) []byte {
	var b []byte
	for _, n := range list {
		b = binary.BigEndian.AppendUint16(b, n)
	}
	return b
}

func vec16(b []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
}

func vec8(b []byte) []byte { return append([]byte{byte(len(b))}, b...) }

func ext(kind uint16, data []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, kind), vec16(data)...)
}

func extGroups(list ...uint16) []byte     { return ext(10, vec16(numbers(list...))) }
func extSignatures(list ...uint16) []byte { return ext(13, vec16(numbers(list...))) }
func extVersions(list ...uint16) []byte   { return ext(43, vec8(numbers(list...))) }

func extALPN(names ...string) []byte {
	var b []byte
	for _, name := range names {
		b = append(b, vec8([]byte(name))...)
	}
	return ext(16, vec16(b))
}

func extServerName(names ...string) []byte {
	var b []byte
	for _, name := range names {
		b = append(append(b, 0), vec16([]byte(name))...)
	}
	return ext(0, vec16(b))
}

// sslv2 returns a hello in the format of SSL 2.0.
func sslv2(version uint16, session int, specs ...uint32) []byte {
	var list []byte
	for _, s := range specs {
		list = append(list, byte(s>>16), byte(s>>8), byte(s))
	}
	const challenge = 16
	b := []byte{1}
	b = append(b, numbers(version, uint16(len(list)), uint16(session), challenge)...)
	b = append(b, list...)
	b = append(b, make([]byte, session+challenge)...)
	return append([]byte{0x80 | byte(len(b)>>8), byte(len(b))}, b...)
}
