//go:build !linux

package postgrestest

import (
	"errors"
	"net/url"
)

type program struct{}

func newProgram() (*program, error) {
	return nil, errors.New("the tests start a server on Linux only; DRAWBRIDGE_TEST_POSTGRES may name one")
}

func (*program) address() *url.URL { return nil }
func (*program) pooled() *url.URL  { return nil }
func (*program) pool() error       { return nil }
func (*program) run() error        { return nil }
func (*program) end()              {}
func (*program) remove()           {}
