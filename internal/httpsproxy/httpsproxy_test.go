package httpsproxy_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"drawbridge/internal/httpsproxy"
)

func environment(pairs ...string) httpsproxy.Lookup {
	return func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

func TestChoose(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "",
		"http://proxy:3128":          "http://proxy:3128",
		"http://proxy:3128/":         "http://proxy:3128/",
		"proxy.contoso.com:3128":     "http://proxy.contoso.com:3128",
		"proxy":                      "http://proxy",
		"10.0.0.1:8080":              "http://10.0.0.1:8080",
		"[2001:db8::1]:8080":         "http://[2001:db8::1]:8080",
		"user:pw@proxy:3128":         "http://user:pw@proxy:3128",
		"http://user:p%25x@proxy:80": "http://user:p%25x@proxy:80",
		"https://proxy:3129":         "https://proxy:3129",
		"HTTP://proxy:3128":          "http://proxy:3128",
		"socks5://proxy:1080":        "socks5://proxy:1080",
	} {
		choose, err := httpsproxy.Choose(environment("HTTPS_PROXY", text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		u, err := choose(&url.URL{Scheme: "https", Host: "login.microsoftonline.com"})
		if got := address(u); err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", text, got, err, want)
		}
	}
}

func address(u *url.URL) string {
	if u == nil {
		return ""
	}
	return u.String()
}

func TestChoose_WhatNamesNoProxyIsAnErrorThatDoesNotQuoteIt(t *testing.T) {
	for _, text := range []string{
		"http://user:p%zx@127.0.0.1:3128", // go.dev/issue/38166
		"user:p%zx@127.0.0.1:3128",
		"http://user:pw/x@127.0.0.1:3128",
		"http://user:pw#x@127.0.0.1:3128",
		"http://user:12#x@127.0.0.1:3128",
		"http://user:12?x@127.0.0.1:3128",
		"http://proxy:3128x",
		"http://proxy:70000",
		"http://proxy:0",
		"http://proxy:3128\n",
		" http://proxy:3128",
		"http://",
		"http:///x",
		"http://:3128",
		"http:/proxy:3128",
		"https//proxy:3128",
		"//proxy:3128",
		"ftp://proxy:3128",
		"http://[::1:3128",
		"$PROXY:",
		`"http://proxy:3128"`,
	} {
		for _, variable := range []string{"HTTPS_PROXY", "https_proxy"} {
			_, err := httpsproxy.Choose(environment(variable, text, "NO_PROXY", "*"))
			var bad *httpsproxy.Error
			if !errors.As(err, &bad) || bad.Variable != variable {
				t.Errorf("%s=%q: got %v", variable, text, err)
				continue
			}
			said := bad.Error() + bad.Mend()
			if strings.Contains(said, "127.0.0.1") || strings.Contains(said, "pw") || strings.Contains(said, "3128") {
				t.Errorf("%s=%q is quoted: %s", variable, text, said)
			}
		}
	}
}

func TestChoose_LowerCaseFirstAndNoProxy(t *testing.T) {
	to := &url.URL{Scheme: "https", Host: "login.microsoftonline.com"}
	choose, err := httpsproxy.Choose(environment("HTTPS_PROXY", "p%zx@upper:1", "https_proxy", "lower:2"))
	if err != nil {
		t.Fatal(err)
	}
	if u, _ := choose(to); address(u) != "http://lower:2" {
		t.Errorf("got %s", u)
	}
	for _, variable := range []string{"NO_PROXY", "no_proxy"} {
		choose, err = httpsproxy.Choose(environment("HTTPS_PROXY", "proxy:1", variable, ".microsoftonline.com,10.0.0.0/33"))
		if err != nil {
			t.Fatal(err)
		}
		if u, _ := choose(to); u != nil {
			t.Errorf("%s: got %s", variable, u)
		}
		if u, _ := choose(&url.URL{Scheme: "https", Host: "10.0.0.1"}); u == nil {
			t.Errorf("%s: an exception that cannot be read leads past the proxy", variable)
		}
	}
}

func TestOverlooked(t *testing.T) {
	for _, c := range []struct {
		env  httpsproxy.Lookup
		want string
	}{
		{environment(), ""},
		{environment("ALL_PROXY", "socks5://proxy"), "ALL_PROXY"},
		{environment("all_proxy", "socks5://proxy"), "all_proxy"},
		{environment("ALL_PROXY", "x", "https_proxy", "y"), ""},
		{environment("HTTP_PROXY", "x"), ""}, // for addresses that begin with http://, which no request has
	} {
		if got := httpsproxy.Overlooked(c.env); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
