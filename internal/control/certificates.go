package control

import (
	"context"
	"net/http"

	"drawbridge/certs"
)

// certificates is the call that lists the certificates which the bridge shows.
const certificates call[done, []certs.Facts] = "/certificates/list"

func serveCertificates(mux *http.ServeMux, list func() []certs.Facts) {
	certificates.serve(mux, func(context.Context, done) ([]certs.Facts, error) { return list(), nil })
}

// Certificates lists the certificates that the running bridge with the data directory dir shows, in the order of its configuration.
// It alone knows what ACME last said.
func Certificates(ctx context.Context, dir string) ([]certs.Facts, error) {
	return certificates.ask(ctx, dir, done{})
}
