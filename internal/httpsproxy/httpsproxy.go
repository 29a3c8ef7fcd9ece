// Package httpsproxy reads from the environment which proxy requests by HTTPS have to go through: HTTPS_PROXY and NO_PROXY, in
// either case, as curl and Go read them.
//
// Go itself takes a HTTPS_PROXY that it cannot read for none, and asks past a proxy that somebody has prescribed
// (go.dev/issue/38166). Here it is an error.
package httpsproxy

import (
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/net/http/httpproxy"
)

// Lookup returns an environment variable, as os.LookupEnv does.
type Lookup func(name string) (string, bool)

// Error says that a variable does not name a proxy. It never holds the text, in which a password may stand.
type Error struct{ Variable string }

// Error says what is wrong.
func (e *Error) Error() string { return "environment variable " + e.Variable + " names no proxy" }

// Mend is what to write instead.
func (e *Error) Mend() string {
	return "write http://host:port, in a user name or password each of %, @, /, :, ? and # as its percent code (%25, %40, %2F, %3A, %3F, %23)"
}

// Choose returns what chooses the proxy for a request's address: nil where it goes directly. The error is an *[Error].
func Choose(env Lookup) (func(*url.URL) (*url.URL, error), error) {
	name, text := first(env, "https_proxy", "HTTPS_PROXY")
	if text != "" && !namesProxy(text) {
		return nil, &Error{Variable: name}
	}
	_, except := first(env, "no_proxy", "NO_PROXY")
	c := httpproxy.Config{HTTPSProxy: text, NoProxy: except}
	return c.ProxyFunc(), nil
}

// Overlooked returns the name of a variable that other programs take a proxy from and this one does not, where HTTPS_PROXY does
// not stand beside it; else "".
func Overlooked(env Lookup) string {
	if name, _ := first(env, "https_proxy", "HTTPS_PROXY"); name != "" {
		return ""
	}
	name, _ := first(env, "all_proxy", "ALL_PROXY")
	return name
}

// first is the first of the variables that is not empty.
func first(env Lookup, names ...string) (name, text string) {
	for _, n := range names {
		if text, _ := env(n); text != "" {
			return n, text
		}
	}
	return "", ""
}

// strange finds what stands in no host: a variable that was not filled in, quotes.
func strange(r rune) bool {
	return r < 0x80 && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(".-_:%", r)
}

// namesProxy reports whether httpproxy reads a proxy out of text, and net/http can speak with one of that kind.
func namesProxy(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Host == "" {
		u, err = url.Parse("http://" + text) // a host and port, as httpproxy takes it
	}
	if err != nil || u.Hostname() == "" || strings.ContainsFunc(u.Hostname(), strange) {
		return false
	}
	if u.Path != "" && u.Path != "/" || strings.ContainsAny(text, "?#") { // a password may end there that was not encoded
		return false
	}
	if port, err := strconv.ParseUint(u.Port(), 10, 16); u.Port() != "" && (err != nil || port == 0) {
		return false
	}
	switch u.Scheme {
	case "http", "https", "socks5", "socks5h":
		return true
	}
	return false
}
