package web_test

import (
	"testing"
)

func TestPages_ShowWhatTheyAreFor(t *testing.T) {
	m := newMemory(120)
	b := browse(t, options(m)).logIn()
	for path, parts := range map[string][]string{
		"/": {"<h1>Overview</h1>", "34 accounts", "Sessions by TLS version", `class="v-1-0"`, "Plan and progress", "plan-forecast",
			"exchange-online", "AADSTS50196", "Latest trouble"},
		"/?days=90":               {`aria-current="true">90 days`},
		"/devices?strangers=all":  {"1–50 of 120", `aria-sort="ascending"`, "scanner0", "Page 1 of 3"},
		"/devices":                {`href="/devices?strangers=only"`, "not listed here"},
		"/devices?strangers=only": {"<h1>Strangers</h1>", "Stranger</a>"},
		"/sessions":               {"Going on: 1", "2.1 KiB / 470 KiB", "Older →", "unknown_ca"},
		"/certificates":           {"Drawbridge CA bridge-1", "Ends soon", "The CA could not reach port 80", `href="/ca.p7b"`},
		"/api":                    {"/api/devices/ID", "Sec-Fetch-Site"},
		"/devices/10.20.0.1/scanner0": {"<h1>scanner0</h1>", "Update it", "TLS_RSA_WITH_AES_128_CBC_SHA",
			"TLS_RSA_WITH_3DES_EDE_CBC_SHA", "Encryption it used",
			"weak", "OpenSSL 1.0.1", "IMAP ID version", "overdue", `name="owner"`},
		"/devices/10.20.0.1/scanner0?remove": {"Remove 10.20.0.1/scanner0?"},
	} {
		b.want(b.get(path), 200, parts...)
	}
	b.want(b.get("/devices/10.9.9.9/nobody"), 404, "no such device")
	b.want(b.get("/elsewhere"), 404, "no such page")
}
