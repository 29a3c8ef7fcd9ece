//go:build !linux

package sqlstore_test

import (
	"errors"
	"net/url"
)

func startPostgres() (url.URL, func(), error) {
	return url.URL{}, nil, errors.New("the tests start a server on Linux only; DRAWBRIDGE_TEST_POSTGRES may name one")
}
