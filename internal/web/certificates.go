package web

import (
	"net/http"
	"path"
	"slices"
	"time"
)

// certificatesPage is what /certificates shows.
type certificatesPage struct {
	Certificates []CertificateInfo // what ends first stands first
	CA           CA
	HasCA        bool
}

// endsSoon is how long before its end a certificate is shown as one that should have been renewed.
const endsSoon = 21 * 24 * time.Hour

func (d *dashboard) showCertificates(w http.ResponseWriter, r *http.Request) {
	p := &certificatesPage{}
	if d.Certificates != nil {
		p.Certificates = slices.Clone(d.Certificates())
		slices.SortStableFunc(p.Certificates, func(a, b CertificateInfo) int { return a.NotAfter.Compare(b.NotAfter) })
	}
	if d.CA != nil {
		p.CA = d.CA()
		p.HasCA = len(p.CA.PEM) > 0 || len(p.CA.DER) > 0 || len(p.CA.PKCS7) > 0
	}
	d.render(w, r, http.StatusOK, "certificates", "Certificates", p)
}

// certificateState returns the word by which a page shows how long a certificate holds.
func (d *dashboard) certificateState(notAfter time.Time) string {
	left := notAfter.Sub(d.Now())
	switch {
	case notAfter.IsZero():
		return "missing"
	case left <= 0:
		return "expired"
	case left < endsSoon:
		return "soon"
	}
	return "valid"
}

// serveCA serves the local CA's certificate in one of its forms.
func (d *dashboard) serveCA(w http.ResponseWriter, r *http.Request) {
	var ca CA
	if d.CA != nil {
		ca = d.CA()
	}
	form := map[string]struct {
		body        []byte
		contentType string
	}{
		"/ca.pem": {ca.PEM, "application/x-pem-file"},
		"/ca.der": {ca.DER, "application/pkix-cert"},
		"/ca.p7b": {ca.PKCS7, "application/x-pkcs7-certificates"},
	}[r.URL.Path]
	if len(form.body) == 0 {
		d.fail(w, r, http.StatusNotFound, "There is no local CA: no entry of certificates is a local_ca.")
		return
	}
	w.Header().Set("Content-Type", form.contentType)
	w.Header().Set("Content-Disposition", `attachment; filename="drawbridge-`+path.Base(r.URL.Path)+`"`)
	_, _ = w.Write(form.body)
}
