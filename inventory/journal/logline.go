package journal

import (
	"bytes"

	"github.com/valyala/fastjson"

	"drawbridge/inventory"
)

// find reads line, which may have anything before its brace, into lr.line. A line without JSON in it is somebody else's
// and not bad.
func (lr *logReader) find(line []byte) (ok, bad bool) {
	i := bytes.IndexByte(line, '{')
	if i < 0 {
		return false, false
	}
	ok, err := lr.parse(line[i:])
	if err == nil {
		return ok, false
	}
	if j := bytes.Index(line[i+1:], []byte(`{"msg":"`)); j >= 0 { // a brace in what stands before it
		if ok, err := lr.parse(line[i+1+j:]); err == nil {
			return ok, false
		}
	}
	return false, bytes.Contains(line, []byte(`":`))
}

// parse reads JSON that is a line or has one in it.
func (lr *logReader) parse(line []byte) (ok bool, err error) {
	if done, err := lr.parser.quick(line, &lr.line); done {
		return err == nil, err
	}
	root, err := lr.parser.object(line)
	if err != nil {
		return false, err
	}
	if root.Get("msg") == nil {
		for _, wrapper := range [...]string{"log", "MESSAGE"} { // of Docker's json-file driver, and of journalctl -o json
			if v := root.Get(wrapper); v != nil && v.Type() == fastjson.TypeString {
				inner, _ := v.StringBytes()
				return lr.unwrap(inner, wrapper == "log")
			}
		}
	}
	lr.line = inventory.Line{}
	return lr.parser.known(root, line, &lr.line)
}

// unwrap reads a line that stood in a string. Docker cuts lines at 16 KiB; only the last piece has the newline.
func (lr *logReader) unwrap(inner []byte, pieces bool) (ok bool, err error) {
	whole := !pieces || bytes.HasSuffix(inner, []byte("\n"))
	if !whole || len(lr.partial) > 0 {
		if len(lr.partial)+len(inner) > maxLine {
			lr.partial = lr.partial[:0]
			return false, errTooLong
		}
		lr.partial = append(lr.partial, inner...)
		inner = lr.partial
	}
	if !whole {
		return false, nil
	}
	inner = bytes.Clone(inner) // the parser reuses what it stands in
	lr.partial = lr.partial[:0]
	i := bytes.IndexByte(inner, '{')
	if i < 0 {
		return false, nil
	}
	return lr.parser.Parse(inner[i:], &lr.line)
}
