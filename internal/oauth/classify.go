package oauth

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"unicode"

	"drawbridge/internal/chain"
	"drawbridge/internal/protocol"
	"drawbridge/proxy/login"
)

// narrator turns what came of a request into an Error: it knows the names that sentences need.
type narrator struct {
	flow       Flow
	upstream   string
	tenant     string
	app        string
	cloud      string
	credential string // the key that holds it
}

func newNarrator(s *settings) narrator {
	n := narrator{flow: s.Flow, upstream: s.Name, tenant: s.Tenant, app: s.ClientID, cloud: s.Cloud, credential: "flow"}
	switch {
	case !s.ClientSecret.Empty():
		n.credential = "client_secret"
	case len(s.ClientCertificate) > 0:
		n.credential = "client_certificate"
	}
	return n
}

// fault explains why a fetch for mailbox failed, and whose requests rest for it. Of err only an Error of ours is used,
// since MSAL quotes answers and requests in its own.
func (n narrator) fault(o outcome, err error, mailbox string) (*Error, scope) {
	var ours *Error
	if errors.As(err, &ours) {
		return ours, entrys
	}
	var elsewhere *errElsewhere
	switch {
	case errors.As(o.err, &elsewhere):
		return n.elsewhere(elsewhere.host), entrys
	case o.err != nil:
		return n.network(o), everybody
	case o.status == 0:
		return n.unasked(err), entrys
	case o.status == http.StatusTooManyRequests || o.status >= http.StatusInternalServerError:
		return n.overloaded(o), everybody
	case o.answer.Error != "":
		return n.refused(o, mailbox), entrys
	case o.stranger():
		return n.tell(o, Explanation{Class: WrongPassword, Means: "it does not know the account's domain", Mend: mendOf(n.flow, WrongPassword)},
			mailbox), entrys
	}
	return n.garbage(o), entrys
}

// refused explains an error in OAuth2's own form.
func (n narrator) refused(o outcome, mailbox string) *Error {
	x := Explain(n.flow, o.answer.Error, o.answer.Codes)
	switch {
	case n.flow == Password && o.answer.Error == "invalid_grant" && x.Means == "":
		// Without any number it means what RFC 6749, section 5.2 says. With an unknown one it may be a new kind of policy:
		// nobody is told that the password is wrong.
		x.Class = AccountFault
		if len(o.answer.Codes) == 0 {
			x.Class = WrongPassword
		}
		x.Mend = mendOf(n.flow, x.Class)
	case n.flow == Password && x.Class == SignInAgain:
		x.Class, x.Mend = AccountFault, mendOf(n.flow, AccountFault)
	case n.flow != DeviceCode && n.flow != Password && (x.Class == SignInAgain || x.Class == WrongPassword):
		x.Class, x.Means, x.Mend = Configuration, "", mendOf(n.flow, Configuration)
	}
	return n.tell(o, x, mailbox)
}

// tell makes the Error of an explanation.
func (n narrator) tell(o outcome, x Explanation, mailbox string) *Error {
	detail := word.FindString(o.answer.Error) // as OAuth2 has them, and nothing else
	if x.Code != "" {
		detail = strings.TrimPrefix(detail+", "+x.Code, ", ")
	}
	what := cmp.Or(x.Means, "it refused the request")
	if detail != "" {
		what += " (" + detail + ")"
	}
	return &Error{
		Class: x.Class, Code: x.Code, Trace: o.answer.Trace, RetryAfter: o.retry,
		Sentence: n.sentence(n.fill(what, mailbox), n.fill(x.Mend, mailbox)),
	}
}

func (n narrator) overloaded(o outcome) *Error {
	e := &Error{Class: Unavailable, RetryAfter: o.retry, Trace: o.answer.Trace}
	if len(o.answer.Codes) > 0 {
		e.Code = codeName(o.answer.Codes[0])
	}
	what := fmt.Sprintf("it has a fault of its own (HTTP %d)", o.status)
	if o.status == http.StatusTooManyRequests {
		e.Class, what = Throttled, "it is asked too often (HTTP 429)"
	}
	if o.retry > 0 {
		what += fmt.Sprintf(" and wants to be left alone for %s", o.retry)
	}
	e.Sentence = n.sentence(what, mendWait)
	return e
}

// garbage is an answer that no Entra ID gives: a proxy's login page, a redirect, something else on that address.
func (n narrator) garbage(o outcome) *Error {
	mend := "check authority and HTTPS_PROXY: redirects are not followed, and a proxy must pass it unchanged"
	if n.flow == ManagedIdentity {
		mend = "flow managed_identity needs a machine in Azure that has an identity: check what answers at that address"
	}
	return &Error{Class: Unavailable, RetryAfter: o.retry, Sentence: n.sentence(
		fmt.Sprintf("the answer of %s is not one of a token service (HTTP %d)", o.host, o.status), mend)}
}

func (n narrator) network(o outcome) *Error {
	mend := classMends[Network]
	var certificate *tls.CertificateVerificationError
	var weak *chain.WeakError
	switch {
	case errors.As(o.err, &weak):
		mend = "such a certificate can be forged: exempt the authority from TLS inspection on the way, or have the inspection issue RSA " +
			"keys of 2048 bits and signatures with SHA-256"
	case errors.As(o.err, &certificate):
		mend = "give the authority's root as ca, or exempt it from TLS inspection on the way"
	case n.flow == ManagedIdentity:
		mend = "flow managed_identity needs a machine in Azure that has an identity"
	}
	what := fmt.Sprintf("%s does not answer: %s", o.host, plainText(login.Plainly(o.err)))
	if errors.As(o.err, &certificate) || weak != nil {
		what = fmt.Sprintf("the certificate of %s does not verify: %s", o.host, plainText(login.Plainly(o.err)))
	}
	if errors.Is(o.err, context.DeadlineExceeded) {
		what = fmt.Sprintf("%s does not answer within %s", o.host, answerTimeout)
	}
	return &Error{Class: Network, Err: o.err, Sentence: n.sentence(what, mend)}
}

// elsewhere is what became of a request that would have gone to another host.
func (n narrator) elsewhere(host string) *Error {
	if n.flow == Password {
		return n.error(AccountFault, "the account's domain is federated with "+host,
			"flow password cannot log in there, use flow client_credentials for this mailbox")
	}
	return n.error(Configuration, "the authority names "+host+" as its token service", "set cloud to where the tenant lives")
}

// unasked is a fetch that ended before any request.
func (n narrator) unasked(err error) *Error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return n.error(Network, "there was no time to ask", mendWait)
	}
	return n.error(Configuration, "no request could be made", n.fill(mendOf(n.flow, Configuration), ""))
}

// error is an Error of which no more is known than its sentence.
func (n narrator) error(c Class, what, mend string) *Error {
	return &Error{Class: c, Sentence: n.sentence(what, mend)}
}

func (n narrator) sentence(what, mend string) string {
	who := "Entra ID"
	if n.flow == ManagedIdentity {
		who = "the managed identity service"
	}
	return fmt.Sprintf("%s gives no token for %s: %s: %s", who, n.upstream, what, mend)
}

// fill puts names into a text of the tables. A mailbox that would need quoting in a shell is not pasted.
func (n narrator) fill(text, mailbox string) string {
	if !pasteable.MatchString(mailbox) {
		mailbox = "MAILBOX"
	}
	return strings.NewReplacer("{app}", n.app, "{tenant}", n.tenant, "{upstream}", n.upstream, "{mailbox}", mailbox,
		"{credential}", n.credential, "{cloud}", n.cloud).Replace(text)
}

var (
	pasteable = regexp.MustCompile(`^[A-Za-z0-9._@+\-]{1,256}$`)
	word      = regexp.MustCompile(`^[a-z_]{1,64}$`)
)

// maxQuote is how much of an error of the network is told, in bytes.
const maxQuote = 300

// plainText is a network's error fit for one line.
func plainText(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
	return s[:min(len(s), maxQuote)]
}

// maxMailbox is the longest address that anybody has (RFC 5321, section 4.5.3.1), in bytes.
const maxMailbox = 320

// check tells what is wrong with a request before anybody is asked.
func (s *Source) check(r Request) *Error {
	if _, ok := protocol.Of(r.Protocol); !ok {
		return s.narrator.error(Configuration, "the protocol is neither imap nor pop3", "configure one of them")
	}
	switch s.settings.Flow {
	case DeviceCode:
		if !address(r.Mailbox) {
			return s.narrator.error(Configuration, "the mailbox is no address", "give the account a mailbox")
		}
	case Password:
		if !address(r.Mailbox) || r.Password.Empty() {
			return s.narrator.error(WrongPassword, "the login is no address, or has no password",
				"give the device the mailbox's address and password")
		}
	}
	return nil
}

// address reports whether s may be a user's name in Entra ID.
func address(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	return ok && local != "" && domain != "" && len(s) <= maxMailbox && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r > unicode.MaxASCII || r == 0x7f
	})
}

// unchanged is a forced refresh that brought the same token: the metadata service keeps tokens for up to a day.
func (n narrator) unchanged() *Error {
	return n.error(Unavailable, "it still gives the token that Exchange refused",
		"tokens are kept for up to 24 hours there, so what was granted meanwhile is not in it: wait, or restart the machine; "+
			"run `drawbridge doctor` to see what is in it")
}

// stale is a token that cannot be replaced, since it took another's place a moment ago, or died while it was waited for.
func (n narrator) stale() *Error {
	return n.error(Unavailable, "Exchange refused a token that was fetched just now",
		"run `drawbridge doctor`: the permission on the mailbox, or POP and IMAP on it, is the usual cause")
}

func (n narrator) unusable(err error) *Error {
	mend := "check authority and this machine's clock (NTP)"
	if n.flow == ManagedIdentity {
		mend = "check this machine's clock (NTP), or restart the machine"
	}
	return n.error(Unavailable, "it gave "+err.Error(), mend)
}

func (n narrator) full() *Error {
	return n.error(Unavailable, "too many mailboxes ask at once", mendWait)
}

func (n narrator) closing() *Error {
	return n.error(Unavailable, "the bridge is stopping", "wait until it runs again")
}
