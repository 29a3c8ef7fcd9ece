package web

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"drawbridge/inventory"
)

// labels are the words of records as people read them. What is not listed is shown as it is, with spaces.
var labels = map[string]string{
	"ready": "Ready", "legacy": "Legacy TLS", "obsolete": "Obsolete", "unknown": "Unknown", "none": "No handshake",
	"bridge": "Bridge", "warn": "Warn", "brownout": "Brownout", "block": "Block",
	"desktop_mail_client": "Desktop mail client", "mobile": "Mobile", "printer_scanner": "Printer or scanner",
	"iot_alarm": "IoT or alarm", "medical": "Medical", "custom_application": "Custom application",
	"saas_connector": "SaaS connector", "backup_archive": "Backup or archive",
	"repoint": "Repoint to Exchange Online", "oauth2": "Move to OAuth2", "enable_tls": "Enable TLS 1.2",
	"update": "Update or new firmware", "replace": "Replace", "identify": "Find out what it is", "watch": "Watch",
	"no_tls": "No TLS", "tls_version": "TLS version", "key_exchange": "Key exchange", "signature": "Signature",
	"password_login": "Password login", "starttls_port": "STARTTLS port",
	"tls_failed": "TLS failed", "login_failed": "Login failed", "upstream_failed": "Upstream failed", "protocol_error": "Protocol error",
	"ssl2": "SSL 2.0", "ssl3": "SSL 3.0", "1.0": "TLS 1.0", "1.1": "TLS 1.1", "1.2": "TLS 1.2", "1.3": "TLS 1.3",
	"local_ca": "Local CA", "acme": "ACME", "file": "File", "implicit": "Implicit TLS", "starttls": "STARTTLS",
	"critical": "Critical", "high": "High", "normal": "Normal", "low": "Low", "cost": "Cost estimate",
	"source_mac": "MAC address", "snmp_description": "SNMP description", "imap": "IMAP", "pop3": "POP3",
}

// label returns a word of ours as people read it. Any string type will do.
func label(word any) string {
	s := inventory.Printable(fmt.Sprint(word))
	if l, ok := labels[s]; ok {
		return l
	}
	return sentence(strings.ReplaceAll(s, "_", " "))
}

// short returns the beginning of what a device sent, where the whole is told elsewhere.
func short(s string) string {
	const most = 64
	s = inventory.Printable(s)
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// number writes n with thin separators of thousands.
func number(n any) string {
	s := fmt.Sprint(n)
	var b strings.Builder
	for i, c := range s {
		if i > 0 && c != '-' && s[i-1] != '-' && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// byteSize writes a number of bytes in two or three digits.
func byteSize(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	f, unit := float64(n)/1024, 0
	for f >= 1024 && unit < len(units)-1 {
		f, unit = f/1024, unit+1
	}
	digits := 0
	if f < 10 {
		digits = 1
	}
	return strconv.FormatFloat(f, 'f', digits, 64) + " " + units[unit:unit+1] + "iB"
}

// exact writes a moment as people in Options.Zone do.
func (d *dashboard) exact(t time.Time) string { return t.In(d.Zone).Format("2006-01-02 15:04:05 MST") }

// day writes the date of a moment, in Options.Zone.
func (d *dashboard) day(t time.Time) string { return t.In(d.Zone).Format(time.DateOnly) }

// ago writes how long a moment is past, or how far it is ahead.
func (d *dashboard) ago(t time.Time) string {
	since := d.Now().Sub(t)
	if since < 0 {
		return "in " + span(-since)
	}
	if since < 10*time.Second {
		return "just now"
	}
	return span(since) + " ago"
}

// span writes a duration in its largest unit.
func span(d time.Duration) string {
	for _, u := range [...]struct {
		size         time.Duration
		name, plural string
	}{
		{365 * 24 * time.Hour, "year", "s"}, {24 * time.Hour, "day", "s"}, {time.Hour, "hour", "s"}, {time.Minute, "min", ""},
		{time.Second, "s", ""},
	} {
		n := int64(d / u.size)
		if n < 1 || u.name == "year" && n < 2 { // 400 days say more than a year
			continue
		}
		if n > 1 {
			u.name += u.plural
		}
		return fmt.Sprintf("%d %s", n, u.name)
	}
	return "0 s"
}

// until writes how many days are left to a date such as 2027-03-01, in Options.Zone.
func (d *dashboard) until(date string) string {
	days, ok := d.daysLeft(date)
	switch {
	case !ok:
		return ""
	case days < -1:
		return fmt.Sprintf("%d days overdue", -days)
	case days == -1:
		return "1 day overdue"
	case days == 0:
		return "today"
	case days == 1:
		return "tomorrow"
	}
	return fmt.Sprintf("in %d days", days)
}

func (d *dashboard) daysLeft(date string) (int, bool) {
	day, err := time.ParseInLocation(time.DateOnly, date, d.Zone)
	if err != nil {
		return 0, false
	}
	return int(math.Round(day.Sub(startOfDay(d.Now().In(d.Zone))).Hours() / 24)), true // rounded: days of 23 and 25 hours
}

const readinessReady = "ready"

// The words of the contract that filters offer, in the order in which lists show them.
var (
	readinesses = [...]string{readinessReady, "legacy", "obsolete", "unknown"}
	blockers    = [...]string{"no_tls", "tls_version", "key_exchange", "signature", "password_login", "starttls_port"}
	tlsVersions = [...]string{"1.3", "1.2", "1.1", "1.0", "ssl3"}
	stages      = [...]inventory.Stage{inventory.StageBridge, inventory.StageWarn, inventory.StageBrownout, inventory.StageBlock}
	steps       = [...]inventory.NextStep{inventory.StepRepoint, inventory.StepOAuth2, inventory.StepEnable, inventory.StepUpdate,
		inventory.StepReplace, inventory.StepIdentify, inventory.StepWatch}
	outcomes = [...]inventory.Outcome{inventory.OutcomeBridged, inventory.OutcomeCut, inventory.OutcomeTLSFailed, inventory.OutcomeRefused,
		inventory.OutcomeLoginFailed, inventory.OutcomeUpstreamFailed, inventory.OutcomeProtocolError, inventory.OutcomeAbandoned}
	// troubles are the outcomes that an administrator can do something about.
	troubles = [...]inventory.Outcome{inventory.OutcomeTLSFailed, inventory.OutcomeLoginFailed, inventory.OutcomeUpstreamFailed,
		inventory.OutcomeProtocolError}
)

// choice is one option of a form's field.
type choice struct {
	Value, Label string
	Selected     bool
}

func choices[T ~string](all []T, selected string) []choice {
	list := make([]choice, len(all))
	for i, v := range all {
		list[i] = choice{string(v), label(v), string(v) == selected}
	}
	return list
}
