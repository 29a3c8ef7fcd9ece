package journal

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// errCutOff says that a compressed stream does not go on as it should.
var errCutOff = errors.New("the compressed stream is cut off or damaged")

// maxWindow is how much memory a Zstandard stream may ask for, in bytes; what zstd --long makes by default fits.
const maxWindow = 128 << 20

// plainReader reads what is in a log, whether it is compressed or not. A member that follows another one may be of
// another kind, but for Zstandard, which is read to the end of the log.
type plainReader struct {
	in   *bufio.Reader
	now  io.Reader // the member that is read; nil between two
	gzip *gzip.Reader
	zstd *zstd.Decoder
	cut  bool // errCutOff was met: nothing comes any more
}

func newPlainReader(r io.Reader) *plainReader {
	return &plainReader{in: bufio.NewReaderSize(r, 256<<10)}
}

// Close ends the decoder. It does not close what was read from.
func (p *plainReader) Close() {
	if p.zstd != nil {
		p.zstd.Close()
	}
}

// Read implements io.Reader. Its error is that of the log, or errCutOff.
func (p *plainReader) Read(b []byte) (n int, err error) {
	if p.cut {
		return 0, errCutOff
	}
	defer func() { p.cut = errors.Is(err, errCutOff) }()
	for {
		if p.now == nil {
			if err := p.member(); err != nil {
				return 0, err
			}
		}
		n, err := p.now.Read(b)
		switch {
		case errors.Is(err, io.EOF) && p.now == p.gzip:
			p.now = nil
		case err != nil && !errors.Is(err, io.EOF):
			return n, errCutOff
		case err != nil:
			return n, io.EOF
		}
		if n > 0 {
			return n, nil
		}
	}
}

// member looks at what comes next.
func (p *plainReader) member() error {
	magic, err := p.in.Peek(4)
	if len(magic) == 0 {
		return err
	}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		return p.openGzip()
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}),
		len(magic) == 4 && magic[0]&0xf0 == 0x50 && bytes.Equal(magic[1:], []byte{0x2a, 0x4d, 0x18}): // a skippable frame
		return p.openZstd()
	default:
		p.now = p.in
		return nil
	}
}

func (p *plainReader) openGzip() error {
	var err error
	if p.gzip == nil {
		p.gzip, err = gzip.NewReader(p.in)
	} else {
		err = p.gzip.Reset(p.in)
	}
	if err != nil {
		return errCutOff
	}
	p.gzip.Multistream(false)
	p.now = p.gzip
	return nil
}

func (p *plainReader) openZstd() error {
	d, err := zstd.NewReader(p.in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow),
		zstd.WithDecoderLowmem(true))
	if err != nil {
		return errCutOff
	}
	p.zstd, p.now = d, d
	return nil
}
