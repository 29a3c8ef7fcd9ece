package journal

import (
	"bufio"
	"errors"
	"io"
)

// lineReader cuts a stream into lines, in constant memory whatever is in it.
type lineReader struct{ r *bufio.Reader }

func newLineReader(r io.Reader) *lineReader { return &lineReader{bufio.NewReaderSize(r, maxLine)} }

// next returns the next line without its newline, valid until the next call, and how many bytes it took. Of a line
// longer than 1 MiB, tooLong is true and there is no line. At the end of the stream err is io.EOF, and line what stands
// behind the last newline, if anything.
func (lr *lineReader) next() (line []byte, size int64, tooLong bool, err error) {
	line, err = lr.r.ReadSlice('\n')
	size = int64(len(line))
	for errors.Is(err, bufio.ErrBufferFull) {
		tooLong = true
		var more []byte
		more, err = lr.r.ReadSlice('\n')
		size += int64(len(more))
	}
	if tooLong {
		return nil, size, true, err
	}
	if err == nil {
		line = line[:len(line)-1]
	}
	return line, size, false, err
}
