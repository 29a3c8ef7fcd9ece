package advice_test

import (
	"slices"
	"strings"
	"testing"

	"drawbridge/internal/hello"
	"drawbridge/inventory"
)

var tlsBlockers = []hello.Blocker{hello.BlockerNoTLS, hello.BlockerTLSVersion, hello.BlockerKeyExchange, hello.BlockerSignature}

// situations calls visit for every combination of blockers, readiness, category, login and protocol.
func situations(visit func(d *inventory.Device)) {
	order := hello.BlockerOrder()
	for set := range 1 << len(order) {
		var blockers []string
		for i, b := range order {
			if set&(1<<i) != 0 {
				blockers = append(blockers, string(b))
			}
		}
		for _, readiness := range []hello.Readiness{hello.Ready, hello.Legacy, hello.Obsolete, hello.Unknown} {
			for _, category := range inventory.Categories {
				for _, mechanism := range []string{"", "PLAIN", "XOAUTH2"} {
					for _, protocol := range []string{"", "imap", "pop3"} {
						visit(&inventory.Device{Account: "a", Protocol: protocol, Category: category, CategorySet: true,
							Readiness: string(readiness), Blockers: blockers, AuthMechanism: mechanism})
					}
				}
			}
		}
	}
}

func has(d *inventory.Device, b hello.Blocker) bool { return slices.Contains(d.Blockers, string(b)) }

// TestJudge_EverySituationHasAStepThatFits holds each step against what it promises.
func TestJudge_EverySituationHasAStepThatFits(t *testing.T) {
	judge := newAdvisor(t).Judge
	situations(func(d *inventory.Device) {
		judge(d)
		checkBounds(t, d)
		tlsTooOld := d.Readiness == string(hello.Legacy) || d.Readiness == string(hello.Obsolete) ||
			slices.ContainsFunc(tlsBlockers, func(b hello.Blocker) bool { return has(d, b) })
		ready := d.Readiness == string(hello.Ready) && !tlsTooOld
		var fits bool
		switch d.NextStep {
		case inventory.StepRepoint:
			fits = ready && !has(d, hello.BlockerPasswordLogin) && d.AuthMechanism != ""
		case inventory.StepOAuth2:
			fits = ready && has(d, hello.BlockerPasswordLogin)
		case inventory.StepEnable, inventory.StepUpdate, inventory.StepReplace:
			fits = tlsTooOld
		case inventory.StepIdentify:
			fits = !ready || d.AuthMechanism == "" && !has(d, hello.BlockerPasswordLogin)
		}
		if !fits || !slices.IsSorted(adviceOrder(d)) {
			t.Errorf("%v %s %s %s: %s, %q", d.Blockers, d.Readiness, d.Category, d.AuthMechanism, d.NextStep, d.Advice)
		}
	})
}

// adviceOrder returns where each blocker's first sentence stands, so that it can be checked to follow BlockerOrder.
func adviceOrder(d *inventory.Device) []int {
	begins := map[hello.Blocker]string{hello.BlockerNoTLS: "It speaks in clear", hello.BlockerTLSVersion: "It offers less than",
		hello.BlockerKeyExchange: "It offers no ECDHE", hello.BlockerSignature: "It asks for signatures",
		hello.BlockerPasswordLogin: "It logs in with a password", hello.BlockerSTARTTLSPort: "It connects in clear"}
	var places []int
	for _, b := range hello.BlockerOrder() {
		if has(d, b) {
			places = append(places, slices.IndexFunc(d.Advice, func(a inventory.Advice) bool { return strings.HasPrefix(a.Text, begins[b]) }))
		}
	}
	if slices.Contains(places, -1) {
		return []int{1, 0} // a blocker that is not told
	}
	return places
}

func TestJudge_Steps(t *testing.T) {
	for _, c := range []struct {
		name string
		d    inventory.Device
		want inventory.NextStep
		says string // in the advice
	}{
		{"ready with tokens", inventory.Device{Readiness: "ready", AuthMechanism: "XOAUTH2", Protocol: "imap"}, inventory.StepRepoint,
			"outlook.office365.com"},
		{"ready with tokens tells its port", inventory.Device{Readiness: "ready", AuthMechanism: "XOAUTH2", Protocol: "pop3"},
			inventory.StepRepoint, "Its port is then 995"},
		{"STARTTLS alone keeps nobody", inventory.Device{Readiness: "ready", AuthMechanism: "XOAUTH2", Blockers: []string{"starttls_port"}},
			inventory.StepRepoint, "port 993 for IMAP or 995 for POP3"},
		{"ready with a password", inventory.Device{Readiness: "ready", AuthMechanism: "LOGIN", Blockers: []string{"password_login"}},
			inventory.StepOAuth2, "Switch its login to OAuth 2.0"},
		{"ready, never logged in", inventory.Device{Readiness: "ready"}, inventory.StepIdentify, "Find out what it is"},
		{"nothing seen", inventory.Device{Readiness: "unknown"}, inventory.StepIdentify, "No TLS hello"},
		{"in clear", inventory.Device{Readiness: "unknown", Blockers: []string{"no_tls"}}, inventory.StepEnable, "speaks in clear"},
		{"SSL 3.0", inventory.Device{Readiness: "obsolete", Vendor: "Ricoh", Blockers: []string{"tls_version"}}, inventory.StepReplace,
			"SSL 3.0 at most"},
		{"old printer", inventory.Device{Readiness: "legacy", Vendor: "Ricoh Company", Blockers: []string{"tls_version", "password_login"}},
			inventory.StepUpdate, "Ricoh lists by model"},
		{"old thing", inventory.Device{Readiness: "legacy", Blockers: []string{"tls_version"}}, inventory.StepIdentify, "What it is decides"},
		{"medical", inventory.Device{Readiness: "legacy", Vendor: "Mindray", Blockers: []string{"tls_version"}}, inventory.StepUpdate,
			"Do not change a medical device yourself"},
		{"TLS 1.2 with RSA only", inventory.Device{Readiness: "legacy", Vendor: "Kyocera", Blockers: []string{"key_exchange"}},
			inventory.StepUpdate, "even where it speaks TLS 1.2"},
		{"Java 17 held at TLS 1.0", inventory.Device{Readiness: "legacy", Hello: helloOf("t10i220700_8f3dcbce23eb_ddcc4a856434"),
			Blockers: []string{"tls_version"}}, inventory.StepEnable, "jdk.tls.client.protocols"},
		{"Java 17 held at SSL 3.0", inventory.Device{Readiness: "obsolete", Hello: helloOf("t10i220700_8f3dcbce23eb_ddcc4a856434"),
			Blockers: []string{"tls_version"}}, inventory.StepEnable, "jdk.tls.client.protocols"},
		{"OpenSSL 1.0.0", inventory.Device{Readiness: "legacy", Hello: helloOf("t10d360400_f6eb58f1a81a_a875e5012fde"),
			Blockers: []string{"tls_version"}}, inventory.StepUpdate, "OpenSSL before 1.0.1"},
		{"OpenSSL 3 held at TLS 1.0", inventory.Device{Readiness: "legacy", Hello: helloOf("t10i090500_c491f621fb4c_195413a0cc0f"),
			Blockers: []string{"tls_version"}}, inventory.StepEnable, "openssl.cnf"},
		{"Outlook 2007", id("legacy", `{"name":"Microsoft Outlook","version":"12.0.6"}`), inventory.StepReplace, "Outlook 2007"},
		{"Outlook 2010", id("legacy", `{"name":"Microsoft Outlook","version":"14.0"}`), inventory.StepReplace, "Outlook 2010"},
		{"Outlook 2013", id("legacy", `{"name":"Microsoft Outlook","version":"15.0"}`), inventory.StepEnable, "KB3140245"},
		{"Outlook 2016", id("legacy", `{"name":"Microsoft Outlook","version":"16.0"}`), inventory.StepEnable, "DisabledByDefault = 0"},
		{"Outlook of no version", id("legacy", `{"name":"Outlook"}`), inventory.StepUpdate, "no plan for OAuth 2.0 in Outlook"},
		{"iOS 4", id("legacy", `{"name":"iPhone Mail","os":"iOS","os-version":"4.3.5 (8L1)"}`), inventory.StepReplace, "iOS 4"},
		{"iOS 5", id("legacy", `{"name":"iPhone Mail","os":"iOS","os-version":"5.1.1"}`), inventory.StepUpdate, "iOS 6 on"},
		{"iOS 6", id("legacy", `{"name":"iPhone Mail","os":"iOS","os-version":"6.1.6"}`), inventory.StepUpdate, "iOS 12"},
		{"iOS 17", id("legacy", `{"name":"iPhone Mail","os":"iOS","os-version":"17.1"}`), inventory.StepEnable, "add it anew"},
		{"Android 4.1", id("legacy", `{"name":"com.android.email","os":"android","os-version":"4.1.2; JZO54K"}`), inventory.StepReplace,
			"Android 4.3 and earlier"},
		{"Android 4.4", id("legacy", `{"name":"com.android.email","os":"android","os-version":"4.4.2; KOT49H"}`), inventory.StepUpdate,
			"Android 4.4 has TLS 1.2"},
		{"Android 5", id("legacy", `{"name":"com.android.email","os":"android","os-version":"5.0"}`), inventory.StepEnable, "on by default"},
		{"Windows Phone 8", id("legacy", `{"name":"Mail","os":"Windows Phone","os-version":"8.1"}`), inventory.StepReplace,
			"Windows Phone before"},
		{"Thunderbird 52", id("legacy", `{"name":"Thunderbird","version":"52.9.1"}`), inventory.StepUpdate, "Update Thunderbird"},
		{"Thunderbird 102", id("legacy", `{"name":"Thunderbird","version":"102.6"}`), inventory.StepEnable, "security.tls.version.max"},
		{"macOS 10.9", id("legacy", `{"name":"Mac OS X Mail","version":"7.3","os":"Mac OS X","os-version":"10.9.5"}`), inventory.StepUpdate,
			"Update macOS"},
		{"Windows 7", inventory.Device{Readiness: "legacy", Description: "Hardware: Intel64 Family 6 - Software: Windows Version 6.1 (Build " +
			"7601 Multiprocessor Free)", Blockers: []string{"tls_version"}}, inventory.StepEnable, "0x00000A00"},
		{"Windows XP", inventory.Device{Readiness: "legacy", Description: "Software: Windows Version 5.1 (Build 2600)",
			Blockers: []string{"tls_version"}}, inventory.StepReplace, "Windows XP"},
		{"Windows 10", inventory.Device{Readiness: "legacy", Description: "Software: Windows Version 10.0 (Build 19045)",
			Blockers: []string{"tls_version"}}, inventory.StepEnable, "Windows 8.1, 10"},
		{"ready Thunderbird with a password", id("ready", `{"name":"Thunderbird","version":"102.6"}`), inventory.StepOAuth2, "Choose OAuth2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := c.d
			d.Account = "u1"
			newAdvisor(t).Judge(&d)
			checkBounds(t, &d)
			told := slices.ContainsFunc(d.Advice, func(a inventory.Advice) bool { return strings.Contains(a.Text, c.says) })
			if d.NextStep != c.want || !told {
				t.Errorf("%s, want %s with %q: %q", d.NextStep, c.want, c.says, d.Advice)
			}
		})
	}
}

// TestJudge_AdviceContradictsItselfNot: what says "update" is not told where the step is another.
func TestJudge_AdviceContradictsItselfNot(t *testing.T) {
	for name, d := range map[string]inventory.Device{
		"Outlook 2007, a desktop client": id("legacy", `{"name":"Microsoft Outlook","version":"12.0.6"}`),
		"a printer of SSL 3.0":           {Account: "u1", Vendor: "Canon", Readiness: "obsolete", Blockers: []string{"tls_version"}},
		"a printer in clear":             {Account: "u1", Vendor: "Canon", Readiness: "unknown", Blockers: []string{"no_tls"}},
	} {
		newAdvisor(t).Judge(&d)
		for _, a := range d.Advice {
			if strings.HasPrefix(a.Text, "Update the mail program") || strings.Contains(a.Text, "get newer TLS with their firmware") {
				t.Errorf("%s: step %s, but %q", name, d.NextStep, a.Text)
			}
		}
	}
}

// id is a device with a password and an IMAP ID.
func id(readiness, pairs string) inventory.Device {
	d := inventory.Device{Readiness: readiness, AuthMechanism: "LOGIN", ClientID: []byte(pairs), Blockers: []string{"password_login"}}
	if readiness == "legacy" {
		d.Blockers = []string{"tls_version", "password_login"}
	}
	return d
}
