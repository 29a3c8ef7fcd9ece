package oauth

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
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
	n := narrator{
		flow: s.Flow, upstream: s.Name, tenant: s.Tenant, app: s.ClientID, cloud: s.Cloud, credential: "flow",
	}
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
		return n.unknownDomain(o, mailbox), entrys
	}
	return n.garbage(o), entrys
}

func (n narrator) unknownDomain(o outcome, mailbox string) *Error {
	return n.tell(o, Explanation{
		Class: WrongPassword, Means: "it does not know the account's domain", Mend: classMends[WrongPassword],
	}, mailbox)
}

// refused explains an error in OAuth2's own form.
func (n narrator) refused(o outcome, mailbox string) *Error {
	x := Explain(o.answer.Error, o.answer.Codes)
	switch {
	case n.flow == Password && o.answer.Error == "invalid_grant" && x.Means == "":
		x.Class = byPassword(o.answer.Codes)
		x.Mend = classMends[x.Class]
	case n.flow == Password && x.Class == SignInAgain:
		x.Class, x.Mend = AccountFault, classMends[AccountFault]
	case n.flow != DeviceCode && n.flow != Password && (x.Class == SignInAgain || x.Class == WrongPassword):
		x.Class, x.Mend = Configuration, classMends[Configuration]
	}
	if n.flow == ManagedIdentity && x.Class == Configuration {
		x.Mend = "assign a managed identity to this machine and, where it has several, set client_id to the one meant"
	}
	return n.tell(o, x, mailbox)
}

// byPassword is the class of an invalid_grant that no known number explains. Without any number it means what RFC 6749,
// section 5.2 says. With an unknown one it may be a new kind of policy: nobody is told that the password is wrong.
func byPassword(codes []int) Class {
	if len(codes) == 0 {
		return WrongPassword
	}
	return AccountFault
}

// tell makes the Error of an explanation.
func (n narrator) tell(o outcome, x Explanation, mailbox string) *Error {
	detail := plainWord(o.answer.Error)
	if x.Code != "" {
		detail = strings.TrimPrefix(detail+", "+x.Code, ", ")
	}
	what := x.Means
	if what == "" {
		what = "it refused the request"
	}
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
	return &Error{Class: Unavailable, RetryAfter: o.retry, Sentence: n.sentence(
		fmt.Sprintf("the answer of %s is not one of a token service (HTTP %d)", o.host, o.status),
		"check authority and HTTPS_PROXY: redirects are not followed, and a proxy must pass it unchanged")}
}

func (n narrator) network(o outcome) *Error {
	mend := classMends[Network]
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(o.err, &certificate):
		mend = "give the authority's root as ca, or exempt it from TLS inspection on the way"
	case n.flow == ManagedIdentity:
		mend = "flow managed_identity needs a machine in Azure that has an identity"
	}
	what := fmt.Sprintf("%s does not answer: %s", o.host, plainText(o.err.Error()))
	if errors.Is(o.err, context.DeadlineExceeded) {
		what = fmt.Sprintf("%s does not answer within %s", o.host, answerTimeout)
	}
	return &Error{Class: Network, Err: o.err, Sentence: n.sentence(what, mend)}
}

// elsewhere is what became of a request that would have gone to another host.
func (n narrator) elsewhere(host string) *Error {
	if n.flow == Password {
		return &Error{Class: AccountFault, Sentence: n.sentence("the account's domain is federated with "+host,
			"flow password cannot log in there, use flow client_credentials for this mailbox")}
	}
	return &Error{Class: Configuration, Sentence: n.sentence("the authority names "+host+" as its token service",
		"set cloud to where the tenant lives")}
}

// unasked is a fetch that ended before any request.
func (n narrator) unasked(err error) *Error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return &Error{Class: Network, Sentence: n.sentence("there was no time to ask", mendWait)}
	}
	return &Error{Class: Configuration, Sentence: n.sentence("no request could be made", n.fill(classMends[Configuration], ""))}
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

// plainWord passes an `error` as OAuth2 has them, and nothing else.
func plainWord(s string) string {
	if word.MatchString(s) {
		return s
	}
	return ""
}

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
