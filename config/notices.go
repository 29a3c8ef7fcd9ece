package config

import (
	"net"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"time"

	"drawbridge/internal/secret"
)

// The events that people are told of: the values of Notices.On.
const (
	NoticeDeviceNew        = "device_new"        // a device logged in for the first time
	NoticeDeviceFailing    = "device_failing"    // the first failure of a device after a success
	NoticeDeviceQuiet      = "device_quiet"      // a device was not seen for quiet_after
	NoticeStageAhead       = "stage_ahead"       // a device's stage or upstream changes within ahead
	NoticeCertificateAhead = "certificate_ahead" // a certificate ends within ahead
	NoticeSecretAhead      = "secret_ahead"      //nolint:gosec // a client secret ends within ahead
	NoticeUpstreamDown     = "upstream_down"     // all logins to an upstream failed for 5 minutes
	NoticeStoreBehind      = "store_behind"      // the inventory's store does not take what happens
	NoticeConfigRefused    = "config_refused"    // a new configuration has faults, the one before holds
)

// NoticeEvents returns all events that there are notices of, in the order in which a message lists them.
func NoticeEvents() []string {
	return []string{NoticeConfigRefused, NoticeUpstreamDown, NoticeStoreBehind, NoticeDeviceFailing, NoticeDeviceNew, NoticeDeviceQuiet,
		NoticeStageAhead, NoticeCertificateAhead, NoticeSecretAhead}
}

// Notices say what people are told of unasked, besides the log, which has all of it.
type Notices struct {
	// The events that are sent: device_new, device_failing (its first failure after a success), device_quiet, stage_ahead,
	// certificate_ahead, secret_ahead, upstream_down, store_behind, config_refused. []: all of them.
	On []string `yaml:"on"`

	// For how long a device is not seen until it is told of.
	QuietAfter time.Duration `yaml:"quiet_after"`

	// How long ahead changes of stage and ends of certificates and secrets are told of.
	Ahead time.Duration `yaml:"ahead"`

	// How often there is a message at most by each channel, from 1m to 24h: the next one has all that came up meanwhile.
	Every time.Duration `yaml:"every"`

	// The e-mails that are sent. Default: none.
	Email *NoticeEmail `yaml:"email,omitempty"`

	// What is asked to take notices by HTTP, 16 at most. Default: none.
	Webhooks []NoticeWebhook `yaml:"webhooks,omitempty"`
}

// The values of NoticeEmail.TLS.
const (
	EmailSTARTTLS = "starttls"
	EmailImplicit = "implicit"
	EmailNone     = "none"
)

// NoticeEmail says how notices are sent by e-mail.
type NoticeEmail struct {
	// The mail server, as host:port.
	Server string `yaml:"server" jsonschema:"required,minLength=1"`

	// How TLS begins: starttls (without which nothing is sent), implicit, or none, where the server is on this machine or
	// cannot do better: then there is neither user nor password.
	TLS string `yaml:"tls" jsonschema:"enum=starttls,enum=implicit,enum=none"`

	// The path of a PEM file with a private root for the server, in addition to the system's; "": none.
	CA string `yaml:"ca"`

	// The text of the file that CA names; nil without one. Not a key.
	CAPEM []byte `yaml:"-"`

	// The sender's address.
	From string `yaml:"from" jsonschema:"required,minLength=1"`

	// The recipients' addresses, 100 at most.
	To []string `yaml:"to" jsonschema:"required,minItems=1"`

	// Who logs in to the server; "": nobody does.
	User string `yaml:"user"`

	// The user's password, as a value, {file: PATH} or {env: NAME}; "": nobody logs in.
	Password secret.Secret `yaml:"password"`
}

// The values of NoticeWebhook.Format.
const (
	WebhookJSON  = "json"
	WebhookTeams = "teams"
	WebhookSlack = "slack"
)

// NoticeWebhook is an address that notices are posted to.
type NoticeWebhook struct {
	// The address, which begins with https:// (http:// on this machine only), as a value, {file: PATH} or {env: NAME}: who
	// knows that of Teams or Slack can post there. It is not shown anywhere.
	URL secret.Secret `yaml:"url" jsonschema:"required"`

	// What is posted: json (the notices as they are), teams (an adaptive card) or slack (a text).
	Format string `yaml:"format" jsonschema:"enum=json,enum=teams,enum=slack"`

	// The key by which each message is signed, as a value, {file: PATH} or {env: NAME}: the header X-Drawbridge-Signature is
	// sha256= and the HMAC-SHA256 of the body, in hexadecimal digits. Default: none, and no signature.
	Secret secret.Secret `yaml:"secret,omitempty"`

	// The path of a PEM file with a private root for the address, in addition to the system's; "": none.
	CA string `yaml:"ca"`

	// The text of the file that CA names; nil without one. Not a key.
	CAPEM []byte `yaml:"-"`
}

// How many notices' recipients and webhooks there may be: each is waited for.
const (
	maxRecipients = 100
	maxWebhooks   = 16
)

func defaultNotices() Notices {
	return Notices{On: []string{}, QuietAfter: 14 * day, Ahead: 7 * day, Every: 15 * time.Minute}
}

func (n *Notices) read(o *object) {
	list(o, "on", &n.On, noticeEvent)
	scalar(o, "quiet_after", &n.QuietAfter, within(time.Hour, maxDuration))
	scalar(o, "ahead", &n.Ahead, within(time.Hour, maxDuration))
	scalar(o, "every", &n.Every, within(time.Minute, day))
	o.group("email", func(o *object) {
		n.Email = &NoticeEmail{TLS: EmailSTARTTLS}
		n.Email.read(o)
	})
	v, ok := o.take("webhooks")
	if !ok {
		return
	}
	items, _ := v.items()
	items = bounded(v, items, maxWebhooks)
	n.Webhooks = make([]NoticeWebhook, len(items))
	for i, item := range items {
		n.Webhooks[i] = NoticeWebhook{Format: WebhookJSON}
		item.read(n.Webhooks[i].read)
	}
}

// noticeEvent reads the name of an event, and knows which one was meant.
func noticeEvent(text string) (string, *mistake) {
	if !slices.Contains(NoticeEvents(), text) {
		return "", wrong(choose(text, NoticeEvents()), "%s is no event", quoted(text))
	}
	return text, nil
}

func (e *NoticeEmail) read(o *object) {
	o.required("server", "mail.contoso.com:587")
	o.required("from", "bridge@contoso.com")
	o.required("to", "[it@contoso.com]")
	scalar(o, "server", &e.Server, dialAddress("587"))
	known := scalar(o, "tls", &e.TLS, oneOf(EmailSTARTTLS, EmailImplicit, EmailNone))
	o.readCA(&e.CA, &e.CAPEM)
	scalar(o, "from", &e.From, plainMailAddress)
	some(o, "to", &e.To, plainMailAddress)
	if len(e.To) > maxRecipients {
		o.faultIn("to", wrong("write the address of a list or group", "%d recipients are too many", len(e.To)))
	}
	scalar(o, "user", &e.User, maybe(label))
	o.use("password", func(v value) {
		if !v.isEmpty() {
			v.secret(&e.Password, anySecret)
		}
	})
	if known {
		e.check(o)
	}
}

// check judges keys of an e-mail that do not fit together.
func (e *NoticeEmail) check(o *object) {
	_, port, _ := net.SplitHostPort(e.Server)
	password := o.given("password") && !(e.Password.Empty() && o.isEmptyKey("password"))
	switch {
	case e.User != "" && !password:
		o.faultIn("user", wrong("write password: {file: PATH} beside it", "there is no password for the user"))
	case e.User == "" && password:
		o.faultIn("password", wrong("write user beside it", "there is no user for the password"))
	case e.User != "" && e.TLS == EmailNone:
		o.faultIn("tls", wrong("write starttls or implicit, or leave user and password out",
			"user and password would cross the network in clear text"))
	case e.TLS == EmailSTARTTLS && port == "465":
		o.warnIn("server", wrong("if the connection fails, write tls: implicit", "port 465 is the one for implicit TLS, and tls is starttls"))
	case e.TLS == EmailImplicit && (port == "587" || port == "25"):
		o.warnIn("server", wrong("if the connection fails, write tls: starttls", "port %s is one for STARTTLS, and tls is implicit", port))
	}
}

// isEmptyKey tells a key that has the text "", which stands for none.
func (o *object) isEmptyKey(key string) bool {
	return slices.ContainsFunc(o.pairs, func(p *pair) bool { return p.key.Value == key && o.child(p).isEmpty() })
}

// plainMailAddress reads an address without a name beside it: it goes into commands of SMTP, and into a header.
func plainMailAddress(text string) (string, *mistake) {
	parsed, err := mail.ParseAddress(text)
	if err != nil || parsed.Address != text || !isASCII(text) {
		return "", wrong("write the address alone, such as it@contoso.com", "%s is no mail address", quoted(text))
	}
	return text, nil
}

func (w *NoticeWebhook) read(o *object) {
	o.required("url", "https://hooks.contoso.com/x")
	o.use("url", func(v value) { v.secret(&w.URL, webhookURL) })
	scalar(o, "format", &w.Format, oneOf(WebhookJSON, WebhookTeams, WebhookSlack))
	o.use("secret", func(v value) {
		if !v.isEmpty() {
			v.secret(&w.Secret, anySecret)
		}
	})
	o.readCA(&w.CA, &w.CAPEM)
	if strings.HasPrefix(w.URL.Reveal(), "https:") {
		o.checkProxy()
	}
}

// webhookURL judges an address. What it says repeats nothing of it.
func webhookURL(text string) *mistake {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.Fragment != "":
		return wrong("write the whole address, which begins with https://", "this is no address of a webhook")
	case u.User != nil:
		return wrong("delete what stands before the @", "an address with a user name or password in it is not used")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return wrong("write https://", "notices leave this machine by https only")
	}
	return nil
}
