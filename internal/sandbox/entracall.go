package sandbox

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxForm bounds the body of a request.
const maxForm = 256 << 10

// call is one request on its way to its answer.
type call struct {
	*Entra
	r     *http.Request
	now   time.Time
	fault *EntraFaults
	note  EntraRequest
}

// reply is an answer before it is written, so that the log has it first.
type reply struct {
	status     int
	kind       string // Content-Type
	location   string
	retryAfter time.Duration
	body       []byte
}

// on makes a handler of a step: it reads the form, carries faults out, logs and writes the answer.
func (e *Entra) on(flow Flow, step func(*call) reply) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		err := r.ParseForm()
		c := &call{Entra: e, r: r, now: e.options.Now(), fault: e.faults.Load()}
		c.note = EntraRequest{
			At: c.now, Flow: flow, Path: r.URL.Path, Tenant: r.PathValue("tenant"),
			Client: r.Form.Get("client_id"), Form: maps.Clone(r.Form), Header: r.Header.Clone(),
		}
		if err != nil {
			c.write(w, reply{status: http.StatusBadRequest})
			return
		}
		if flow == OtherFlow {
			c.flow() // so that the log names it, whatever is answered; the step tells what is wrong with it
		}
		if !c.delayed(r.Context()) {
			return
		}
		answer, ok := c.faulty()
		if !ok {
			answer = step(c)
		}
		c.write(w, answer)
	}
}

// delayed waits as the faults want it; false: the request is not answered. One that hangs is logged before it does.
func (c *call) delayed(ctx context.Context) bool {
	if c.fault.Hangs {
		c.log.add(c.note)
		<-ctx.Done()
		return false
	}
	if wait(ctx, c.fault.Slow) {
		return true
	}
	c.log.add(c.note)
	return false
}

// faulty is the answer of a server that is not well.
func (c *call) faulty() (reply, bool) {
	switch f := c.fault; {
	case f.Redirect != "":
		return reply{status: http.StatusTemporaryRedirect, location: f.Redirect}, true
	case f.Status != 0:
		page := "<html><head><title>" + http.StatusText(f.Status) + "</title></head><body>Our services aren't available right now.</body></html>"
		return reply{status: f.Status, kind: "text/html", retryAfter: f.RetryAfter, body: []byte(page)}, true
	case f.Throttled:
		answer := c.refusal(refuse(90055, ""))
		answer.retryAfter = f.RetryAfter
		return answer, true
	case f.Garbage:
		return reply{status: http.StatusOK, kind: "text/html", body: []byte("<html>Sign in to the guest network {\x00\xff")}, true
	}
	return reply{}, false
}

func (c *call) write(w http.ResponseWriter, a reply) {
	c.note.Status = a.status
	c.log.add(c.note)
	header := w.Header()
	header.Set("Cache-Control", "no-store, no-cache")
	if a.kind != "" {
		header.Set("Content-Type", a.kind)
	}
	if a.location != "" {
		header.Set("Location", a.location)
	}
	if a.retryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(int(a.retryAfter/time.Second)))
	}
	w.WriteHeader(a.status)
	w.Write(a.body)
}

// asJSON makes an answer of whatever encoding/json takes.
func asJSON(status int, value any) reply {
	body, err := json.Marshal(value)
	if err != nil {
		return reply{status: http.StatusInternalServerError, kind: "text/plain", body: []byte(err.Error())}
	}
	return reply{status: status, kind: "application/json; charset=utf-8", body: body}
}

// refusal makes an answer of an error; whatever is no [entraError] is a fault of the stand-in.
func (c *call) refusal(err error) reply {
	r, ok := errors.AsType[*entraError](err)
	if !ok {
		c.note.Error = err.Error()
		return reply{status: http.StatusInternalServerError, kind: "text/plain", body: []byte(err.Error())}
	}
	answer := r.answer(c.base(), c.now, newGUID(), cmp.Or(c.r.Header.Get("client-request-id"), newGUID()))
	c.note.Error, c.note.Code = answer.Error, max(r.code, 0)
	return asJSON(r.meaning().status, answer)
}

// base is the authority under the name that the program used.
func (c *call) base() string { return "https://" + c.r.Host }

// newGUID returns a random one (RFC 9562, section 5.4).
func newGUID() string { return made(rand.Text()) }

// words splits a scope.
func words(scope string) []string {
	return slices.DeleteFunc(strings.Split(scope, " "), func(w string) bool { return w == "" })
}

// entraError is a refusal of Entra ID: its class, which programs react to, and its number, which explains it to people.
type entraError struct {
	code   int
	detail string // put into the text
}

// aadsts is what a number means.
type aadsts struct {
	class    string // the `error` of OAuth 2.0 (RFC 6749, section 5.2)
	suberror string
	status   int // 0: 400
	text     string
}

// aadstsTable has the numbers that the stand-in knows. Classes that were not seen in an answer of Entra ID are guesses: those of
// 50196, 65004 and 7000112.
var aadstsTable = map[int]aadsts{
	50012: {"invalid_client", "", 401, "Authentication failed."},
	50034: {"invalid_grant", "", 0, "The user account %s does not exist in the directory. To sign into this application, the account must " +
		"be added to the directory."},
	50053: {"invalid_grant", "", 0, "The account is locked, you've tried to sign in too many times with an incorrect user ID or password."},
	50055: {"invalid_grant", "user_password_expired", 0, "The password is expired."},
	50057: {"invalid_grant", "", 0, "The user account is disabled."},
	50076: {"invalid_grant", "basic_action", 0, "Due to a configuration change made by your administrator, or because you moved to a new " +
		"location, you must use multi-factor authentication to access '%s'."},
	50079: {"invalid_grant", "basic_action", 0, "Due to a configuration change made by your administrator, or because you moved to a new " +
		"location, you must enroll in multi-factor authentication to access '%s'."},
	50126: {"invalid_grant", "", 0, "Error validating credentials due to invalid username or password."},
	50173: {"invalid_grant", "bad_token", 0, "The provided grant has expired due to it being revoked, a fresh auth token is needed. The " +
		"user might have changed or reset their password."},
	50196: {"invalid_grant", "", 0, "The server terminated an operation because it encountered a client request loop. Please contact your " +
		"app vendor."},
	53003: {"invalid_grant", "message_only", 0, "Access has been blocked by Conditional Access policies. The access policy does not allow " +
		"token issuance."},
	65001: {"invalid_grant", "consent_required", 0, "The user or administrator has not consented to use the application with ID '%s'. " +
		"Send an interactive authorization request for this user and resource."},
	65004: {"authorization_declined", "", 0, "User declined to consent to access the app."},
	70000: {"invalid_grant", "bad_token", 0, "The provided value for the 'refresh_token' parameter is not valid."},
	70003: {"unsupported_grant_type", "", 0, "The app requested an unsupported grant type '%s'."},
	70008: {"invalid_grant", "token_expired", 0, "The refresh token has expired due to inactivity."},
	70011: {"invalid_scope", "", 0, "The provided request must include a 'scope' input parameter. The provided value for the input " +
		"parameter 'scope' is not valid. The scope %s is not valid."},
	70016: {"authorization_pending", "", 0, "OAuth 2.0 device flow error. Authorization is pending. Continue polling."},
	70018: {"bad_verification_code", "", 0, "Invalid verification code due to user typing in wrong user code for device code flow."},
	70019: {"expired_token", "", 0, "Verification code expired. Have the user retry the sign-in."},
	90002: {"invalid_request", "", 0, "Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the " +
		"correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant."},
	90033:  {"temporarily_unavailable", "", 503, "A transient error has occurred. Please try again."},
	90055:  {"temporarily_unavailable", "", 429, "The request was throttled due to too many requests. Please wait and try again."},
	500011: {"invalid_resource", "", 0, "The resource principal named %s was not found in the tenant."},
	500133: {"invalid_client", "", 401, "Assertion is not within its valid time range. Ensure that the access token is not expired before " +
		"using it for user assertion, or request a new token."},
	530035: {"invalid_grant", "message_only", 0, "Access has been blocked by security defaults. The request is deemed unsafe by security " +
		"defaults policies."},
	700016: {"unauthorized_client", "", 0, "Application with identifier '%s' was not found in the directory. This can happen if the " +
		"application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent " +
		"your authentication request to the wrong tenant."},
	700025: {"invalid_client", "", 401, "Client is public so neither 'client_assertion' nor 'client_secret' should be presented."},
	700021: {"invalid_client", "", 401, "Client assertion application identifier doesn't match 'client_id' parameter. %s"},
	700023: {"invalid_client", "", 401, "Client assertion audience claim does not match Realm issuer. %s"},
	700024: {"invalid_client", "", 401, "Client assertion is not within its valid time range. %s"},
	700027: {"invalid_client", "", 401, "The certificate with identifier used to sign the client assertion is not registered on " +
		"application. %s"},
	700082: {"invalid_grant", "token_expired", 0, "The refresh token has expired due to inactivity."},
	700211: {"invalid_client", "", 401, "No matching federated identity record found for presented assertion issuer '%s'. Check your " +
		"federated identity credential Subject, Audience and Issuer against the presented assertion."},
	700212: {"invalid_client", "", 401, "No matching federated identity record found for presented assertion audience '%s'. Check your " +
		"federated identity credential Subject, Audience and Issuer against the presented assertion."},
	700213: {"invalid_client", "", 401, "No matching federated identity record found for presented assertion subject '%s'. Check your " +
		"federated identity credential Subject, Audience and Issuer against the presented assertion."},
	900144: {"invalid_request", "", 0, "The request body must contain the following parameter: '%s'."},
	1002012: {"invalid_scope", "", 0, "The provided value for scope %s is not valid. Client credential flows must have a scope value with " +
		"/.default suffixed to the resource identifier (application ID URI)."},
	7000112: {"unauthorized_client", "", 0, "Application '%s' is disabled."},
	7000215: {"invalid_client", "", 401, "Invalid client secret provided. Ensure the secret being sent in the request is the client secret " +
		"value, not the client secret ID, for a secret added to app '%s'."},
	7000218: {"invalid_client", "", 401, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."},
	7000222: {"invalid_client", "", 401, "The provided client secret keys for app '%s' are expired. Visit the Azure portal to create new " +
		"keys for your app, or consider using certificate credentials for added security."},
	9001023: {"invalid_request", "", 0, "The grant type is not supported over the /common or /consumers endpoints. Please use the " +
		"/organizations or tenant-specific endpoint."},
}

// slowDown has a class of its own and no number (RFC 8628, section 3.5); Entra ID was not seen to say it.
const slowDown = -1

func refuse(code int, detail string) error { return &entraError{code: code, detail: detail} }

// Error says class and number.
func (r *entraError) Error() string { return fmt.Sprintf("%s, AADSTS%d", r.meaning().class, r.code) }

// meaning looks the number up; one that is not in the table refuses the grant.
func (r *entraError) meaning() aadsts {
	if r.code == slowDown {
		return aadsts{class: "slow_down", status: http.StatusBadRequest, text: "Polling too fast."}
	}
	m, ok := aadstsTable[r.code]
	if !ok {
		m = aadsts{class: "invalid_grant", text: "See the table of error codes."}
	}
	m.status = cmp.Or(m.status, http.StatusBadRequest)
	return m
}

// entraAnswer is the JSON of a refusal.
type entraAnswer struct {
	Error         string `json:"error"`
	Description   string `json:"error_description"`
	Codes         []int  `json:"error_codes,omitempty"`
	Timestamp     string `json:"timestamp"`
	TraceID       string `json:"trace_id"`
	CorrelationID string `json:"correlation_id"`
	URI           string `json:"error_uri,omitempty"`
	Suberror      string `json:"suberror,omitempty"`
}

// answer writes the refusal as Entra ID words it; trace and correlation are GUIDs.
func (r *entraError) answer(base string, now time.Time, trace, correlation string) entraAnswer {
	m := r.meaning()
	text := strings.Replace(m.text, "%s", r.detail, 1)
	stamp := now.UTC().Format("2006-01-02 15:04:05Z")
	a := entraAnswer{
		Error: m.class, Description: text, Timestamp: stamp, TraceID: trace, CorrelationID: correlation, Suberror: m.suberror,
	}
	if r.code > 0 {
		a.Codes = []int{r.code}
		a.URI = fmt.Sprintf("%s/error?code=%d", base, r.code)
		a.Description = fmt.Sprintf("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s", r.code, text, trace, correlation, stamp)
	}
	return a
}
