package sandbox

import (
	"bytes"
	"cmp"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"slices"
	"strings"
	"sync"
	"time"
)

// assertionLeeway is how much the clocks of the stand-in and of an assertion may differ.
const assertionLeeway = 5 * time.Minute

const jwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// token is the token endpoint (RFC 6749, section 3.2).
func (c *call) token() reply {
	answer, err := c.grant()
	if err != nil {
		return c.refusal(err)
	}
	return asJSON(200, answer)
}

// grant finds out which flow it is, then refuses what every flow refuses, then leaves it to the flow.
func (c *call) grant() (tokenAnswer, error) {
	flow, err := c.flow()
	if err != nil {
		return tokenAnswer{}, err
	}
	tenant, app, user, err := c.asker()
	if err != nil {
		return tokenAnswer{}, err
	}
	if err := c.authenticate(app, flow == ClientCredentials); err != nil {
		return tokenAnswer{}, err
	}
	switch flow {
	case Password:
		return c.grantPassword(tenant, app, user)
	case DeviceCodePoll:
		return c.grantDevice(tenant, app)
	case RefreshToken:
		return c.grantRefresh(tenant, app)
	}
	return c.grantApplication(tenant, app)
}

// asker looks up who is named in a request, and refuses what every flow and the start of a device code refuse.
func (c *call) asker() (*Tenant, Application, User, error) {
	tenant, err := c.tenant()
	if err != nil {
		return nil, Application{}, User{}, err
	}
	app, user := c.directory.look(tenant, c.note.Client, c.r.PostForm.Get("username"))
	switch {
	case c.fault.Refusal != 0:
		err = refuse(c.fault.Refusal, c.note.Client)
	case c.note.Flow != DeviceCodeStart && c.loops.detect(c.loopKey(), c.now, c.fault.LoopDetection):
		err = refuse(50196, "")
	case app.ID == "":
		err = refuse(700016, c.note.Client)
	case app.Refusal != 0:
		err = refuse(app.Refusal, app.ID)
	}
	return tenant, app, user, err
}

func (c *call) flow() (Flow, error) {
	switch grant := c.r.PostForm.Get("grant_type"); grant {
	case "client_credentials":
		c.note.Flow = ClientCredentials
	case "password":
		c.note.Flow, c.note.User = Password, c.r.PostForm.Get("username")
	case "urn:ietf:params:oauth:grant-type:device_code", "device_code":
		c.note.Flow = DeviceCodePoll
	case "refresh_token":
		c.note.Flow = RefreshToken
	case "":
		return OtherFlow, refuse(900144, "grant_type")
	default:
		return OtherFlow, refuse(70003, grant)
	}
	return c.note.Flow, nil
}

// authenticate checks who asks: by secret, by an assertion, or, where that is allowed, by nothing.
func (c *call) authenticate(app Application, must bool) error {
	form := c.r.PostForm
	switch {
	case form.Get("client_assertion") != "" && form.Get("client_assertion_type") != jwtBearer:
		return refuse(900144, "client_assertion_type")
	case form.Get("client_assertion") != "":
		return c.checkAssertion(app, form.Get("client_assertion"))
	case form.Get("client_secret") != "":
		return c.checkSecret(app, form.Get("client_secret"))
	case must || !app.PublicFlows:
		return refuse(7000218, "")
	}
	return nil
}

func (c *call) checkSecret(app Application, secret string) error {
	c.note.Method = "secret"
	switch {
	case c.fault.SecretExpired:
		return refuse(7000222, app.ID)
	case app.PublicFlows && app.Secret == "":
		return refuse(700025, "")
	case app.Secret == "" || subtle.ConstantTimeCompare([]byte(secret), []byte(app.Secret)) == 0:
		return refuse(7000215, app.ID)
	case !app.SecretExpires.IsZero() && !c.now.Before(app.SecretExpires):
		return refuse(7000222, app.ID)
	}
	return nil
}

// checkAssertion takes an assertion of the application's own (by certificate) or of another issuer (RFC 7523, section 3).
func (c *call) checkAssertion(app Application, assertion string) error {
	s, err := parseJWS(assertion)
	if err != nil {
		return refuse(50012, "")
	}
	if s.claims.Issuer != app.ID {
		return c.checkFederated(app, s)
	}
	c.note.Method = "certificate"
	if s.claims.Subject != app.ID {
		return refuse(700021, "")
	}
	key := certificateKey(app.Certificates, s.header)
	if key == nil || s.verify(key) != nil {
		return refuse(700027, "")
	}
	root := c.base() + "/" + c.note.Tenant
	if !slices.ContainsFunc(s.claims.Audience, func(a string) bool { return c.isHere(root, a) }) {
		return refuse(700023, "")
	}
	if s.claims.inTime(c.now, assertionLeeway) != nil {
		return refuse(700024, "")
	}
	return nil
}

// isHere tells whether an assertion is made out to this tenant: its token endpoint or its issuer.
func (c *call) isHere(root, audience string) bool {
	if t, ok := c.directory.find(c.note.Tenant, c.note.Client); ok && strings.HasPrefix(audience, c.base()+"/"+t.ID) {
		root = c.base() + "/" + t.ID
	}
	return audience == root+"/oauth2/v2.0/token" || audience == root+"/v2.0"
}

// certificateKey finds the certificate that a header names by its thumbprint, SHA-256 or the older SHA-1.
func certificateKey(certificates []*x509.Certificate, header joseHeader) *rsa.PublicKey {
	for _, certificate := range certificates {
		sha2, sha1 := sha256.Sum256(certificate.Raw), sha1.Sum(certificate.Raw)
		if bytes.Equal(thumbprint(header.Thumbprint2), sha2[:]) || bytes.Equal(thumbprint(header.Thumbprint), sha1[:]) {
			key, _ := certificate.PublicKey.(*rsa.PublicKey)
			return key
		}
	}
	return nil
}

// thumbprint decodes base64url, and the base64 with padding that libraries send.
func thumbprint(text string) []byte {
	text = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(text, "="))
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil
	}
	return raw
}

// checkFederated finds the credential that fits. The number of a refusal tells which of issuer, subject and audience, looked at in this
// order, fitted none.
func (c *call) checkFederated(app Application, s signed) error {
	c.note.Method = "federated"
	if c.note.Flow == ClientCredentials {
		c.note.Flow = WorkloadIdentity
	}
	best := 0
	for _, f := range app.Federated {
		fits := f.fits(s.claims)
		if fits < 3 {
			best = max(best, fits)
			continue
		}
		if s.verify(&f.Issuer.key.PublicKey) != nil {
			return refuse(700027, "")
		}
		if s.claims.inTime(c.now, assertionLeeway) != nil {
			return refuse(700024, "")
		}
		return nil
	}
	return []error{
		refuse(700211, s.claims.Issuer), refuse(700213, s.claims.Subject), refuse(700212, strings.Join(s.claims.Audience, " ")),
	}[best]
}

// fits counts how many of issuer, subject and audience fit, up to the first that does not.
func (f Federation) fits(cl claims) int {
	switch {
	case f.Issuer.url != cl.Issuer:
		return 0
	case f.Subject != cl.Subject:
		return 1
	case !slices.Contains(cl.Audience, cmp.Or(f.Audience, exchangeAudience)):
		return 2
	}
	return 3
}

// loopDetector finds programs that ask the same over and over.
type loopDetector struct {
	mu    sync.Mutex
	asked map[string][]time.Time
}

// detect notes a request and tells whether it is beyond most in the last minute; most 0 never is, and nothing is noted.
func (l *loopDetector) detect(key string, now time.Time, most int) bool {
	if most <= 0 {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.asked == nil || len(l.asked) > maxOpen {
		l.asked = make(map[string][]time.Time)
	}
	times := l.asked[key]
	for len(times) > 0 && (now.Sub(times[0]) >= time.Minute || len(times) > most) {
		times = times[1:]
	}
	l.asked[key] = append(times, now)
	return len(times) >= most
}

// loopKey is what makes requests equal: assertions, which are new each time, do not count, nor do polls for a device code.
func (c *call) loopKey() string {
	form := c.r.PostForm
	return strings.Join([]string{
		string(c.note.Flow), c.note.Tenant, c.note.Client,
		form.Get("scope"), form.Get("username"), form.Get("refresh_token"), form.Get("device_code"),
	}, "\x00")
}
