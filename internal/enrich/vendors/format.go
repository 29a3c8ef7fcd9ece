package vendors

import (
	"bufio"
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// vendors.gz is the registry built in, made by go generate.
//
//go:embed vendors.gz
var embedded []byte

// The format of the file, gzip'd. Numbers are unsigned varints (encoding/binary).
//
//	signature
//	date, in seconds since 1970
//	number of names, the length of each
//	all names, one behind the other
//	number of tables; of each: bits, number of prefixes, the prefixes (each as the distance to the one before),
//	the number of each prefix's name
const signature = "drawbridge vendors 1\n"

// The bounds of what is read. The registry of 2022 has 46,000 prefixes and 700 KB of names.
const (
	maxPrefixes = 1 << 18
	maxNames    = 1 << 18
	maxText     = 8 << 20
	maxTables   = 8
)

// Embedded returns the registry built in. It decodes a few hundred kilobytes: once is enough. An error means that the program
// itself is damaged.
func Embedded() (*Registry, error) {
	r, err := Decode(bytes.NewReader(embedded))
	if err != nil {
		return nil, fmt.Errorf("read the built-in registry of vendors: %w", err)
	}
	return r, nil
}

// Encode writes the registry in the compact format that [Decode] reads.
func (r *Registry) Encode(w io.Writer) error {
	z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(r.appendPlain(nil)); err != nil {
		return err
	}
	return z.Close()
}

func (r *Registry) appendPlain(b []byte) []byte {
	b = append(b, signature...)
	b = binary.AppendUvarint(b, uint64(r.date.Unix()))
	b = binary.AppendUvarint(b, uint64(len(r.ends)))
	last := uint32(0)
	for _, end := range r.ends {
		b = binary.AppendUvarint(b, uint64(end-last))
		last = end
	}
	b = append(b, r.text...)
	b = binary.AppendUvarint(b, uint64(len(r.tables)))
	for _, t := range r.tables {
		b = t.appendPlain(b)
	}
	return b
}

func (t table) appendPlain(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(t.bits))
	b = binary.AppendUvarint(b, uint64(len(t.prefixes)))
	last := uint64(0)
	for _, p := range t.prefixes {
		b = binary.AppendUvarint(b, p-last)
		last = p
	}
	for _, n := range t.names {
		b = binary.AppendUvarint(b, uint64(n))
	}
	return b
}

// Decode reads what [Registry.Encode] wrote. It refuses what is not whole or does not hold together, and what is larger than
// any registry.
func Decode(r io.Reader) (*Registry, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	d := decoder{r: bufio.NewReader(z)}
	registry := d.registry()
	d.end()
	if errors.Is(d.err, io.EOF) {
		d.err = io.ErrUnexpectedEOF
	}
	if d.err != nil {
		return nil, d.err
	}
	return registry, nil
}

// decoder reads until its first error, and nothing afterwards.
type decoder struct {
	r   *bufio.Reader
	err error
}

func (d *decoder) registry() *Registry {
	d.signature()
	r := &Registry{date: time.Unix(int64(d.number(1<<40)), 0).UTC()}
	r.ends = make([]uint32, d.number(maxNames))
	end := uint32(0)
	for i := range r.ends {
		end += uint32(d.number(maxText - uint64(end)))
		r.ends[i] = end
	}
	text := make([]byte, end)
	if d.err == nil {
		_, d.err = io.ReadFull(d.r, text)
	}
	r.text = string(text)
	for range d.number(maxTables) {
		r.tables = append(r.tables, d.table(uint64(len(r.ends))))
	}
	return r
}

func (d *decoder) signature() {
	line := make([]byte, len(signature))
	if _, d.err = io.ReadFull(d.r, line); d.err == nil && string(line) != signature {
		d.err = errors.New("this is no registry of vendors")
	}
}

// end reads the checksum, which stands behind the last byte.
func (d *decoder) end() {
	if d.err != nil {
		return
	}
	if _, err := d.r.ReadByte(); err == nil {
		d.err = errors.New("something stands behind the last table")
	} else if err != io.EOF {
		d.err = err
	}
}

func (d *decoder) table(names uint64) table {
	t := table{bits: int(d.number(48))}
	count := d.number(maxPrefixes)
	if d.err == nil && (count > 0 && names == 0 || t.bits == 0) {
		d.err = errors.New("a table without names or bits")
	}
	if d.err != nil {
		return table{}
	}
	t.prefixes, t.names = make([]uint64, count), make([]uint32, count)
	last := uint64(0)
	for i := range t.prefixes {
		last += d.number(1<<t.bits - 1 - last)
		t.prefixes[i] = last
	}
	for i := range t.names {
		t.names[i] = uint32(d.number(names - 1))
	}
	return t
}

// number reads a number that is at most most; 0 after an error.
func (d *decoder) number(most uint64) uint64 {
	if d.err != nil {
		return 0
	}
	n, err := binary.ReadUvarint(d.r)
	if err != nil {
		d.err = err
		return 0
	}
	if n > most {
		d.err = fmt.Errorf("a number is %d and may be %d at most", n, most)
		return 0
	}
	return n
}
