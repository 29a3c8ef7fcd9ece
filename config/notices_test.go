package config_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/config"
)

func TestNotices_AsWritten(t *testing.T) {
	n := parse(t, string(read(t, "testdata/good-notices.yaml"))).Notices
	equal(t, "on", n.On, []string{config.NoticeDeviceFailing, config.NoticeUpstreamDown})
	equal(t, "times", []time.Duration{n.QuietAfter, n.Ahead, n.Every},
		[]time.Duration{30 * 24 * time.Hour, 14 * 24 * time.Hour, 5 * time.Minute})
	equal(t, "email", []string{n.Email.Server, n.Email.TLS, n.Email.From, n.Email.User, n.Email.Password.Reveal()},
		[]string{"mail.contoso.com:587", "starttls", "bridge@contoso.com", "", ""})
	hooks := n.Webhooks
	equal(t, "webhooks", []string{hooks[0].Format, hooks[0].Secret.Reveal(), hooks[1].URL.Reveal(), hooks[1].Secret.Reveal()},
		[]string{"json", "", "https://hooks.contoso.com/x", "hunter2 hunter2"})
}

func TestNotices_NobodyIsToldByDefault(t *testing.T) {
	equal(t, "notices", parse(t, "drain: 2m").Notices, config.Notices{On: []string{}, QuietAfter: 14 * 24 * time.Hour,
		Ahead: 7 * 24 * time.Hour, Every: 15 * time.Minute})
	if n := len(slices.Compact(slices.Sorted(slices.Values(config.NoticeEvents())))); n != 9 {
		t.Errorf("%d events, want the contract's 9", n)
	}
}

// TestNotices_FaultsRepeatNoAddress: whoever knows the address of a webhook can post there.
func TestNotices_FaultsRepeatNoAddress(t *testing.T) {
	for _, file := range []string{"testdata/bad-notices-webhooks.yaml", "testdata/bad-notices-clear.yaml"} {
		_, err := config.Parse("drawbridge.yaml", read(t, file), machine)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", file, err)
		}
	}
	many := "notices: {webhooks: [" + strings.Repeat("{url: https://a.example/},", 17) + "]}"
	if got := refused(t, many).Problem; got != "17 entries are too many" {
		t.Errorf("got %q", got)
	}
	many = "notices: {email: {server: 'a.example:25', from: a@b, to: [" + strings.Repeat("a@b,", 101) + "]}}"
	if got := refused(t, many).Problem; got != "101 recipients are too many" {
		t.Errorf("got %q", got)
	}
}
