package notices

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"drawbridge/config"
	"drawbridge/internal/chain"
	"drawbridge/internal/httpsproxy"
	"drawbridge/internal/secret"
	"drawbridge/inventory"
)

// SignatureHeader is the header by which a receiver knows that a message is ours: "sha256=" and the HMAC-SHA256 of the body.
const SignatureHeader = "X-Drawbridge-Signature"

// webhook posts messages to one address.
type webhook struct {
	host   string
	url    secret.Secret
	secret secret.Secret
	form   func(*Message) any // what the body is the JSON of
	client *http.Client
}

func newWebhook(cfg config.NoticeWebhook, lookup httpsproxy.Lookup) (*webhook, error) {
	u, err := url.Parse(cfg.URL.Reveal())
	if err != nil {
		return nil, errors.New("url is no address") // the cause repeats it
	}
	roots, err := rootsWith(cfg.CAPEM)
	if err != nil {
		return nil, err
	}
	through, err := httpsproxy.Choose(lookup)
	var unreadable *httpsproxy.Error
	if u.Scheme == "https" && errors.As(err, &unreadable) {
		return nil, fmt.Errorf("%w: %s", err, unreadable.Mend())
	}
	t := &http.Transport{
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, VerifyConnection: chain.Verify},
		TLSHandshakeTimeout:    sendTimeout,
		ResponseHeaderTimeout:  sendTimeout,
		MaxResponseHeaderBytes: maxAnswer,
		DisableKeepAlives:      true, // a message comes every few minutes at most
	}
	if u.Scheme == "https" {
		t.Proxy = func(r *http.Request) (*url.URL, error) { return through(r.URL) }
	}
	forms := map[string]func(*Message) any{config.WebhookTeams: teams, config.WebhookSlack: slack}
	form := forms[cfg.Format]
	if form == nil {
		form = func(m *Message) any { return m }
	}
	return &webhook{host: u.Host, url: cfg.URL, secret: cfg.Secret, form: form, client: &http.Client{Transport: t, Timeout: sendTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// send posts a message. Whether the other end has it when the connection ends before an answer, nobody knows.
func (h *webhook) send(ctx context.Context, m *Message) error {
	body, err := encode(h.form(m))
	if err != nil {
		return &Fault{Problem: "the message cannot be written as JSON", Mend: "report this as a fault of Drawbridge"}
	}
	var written atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(i httptrace.WroteRequestInfo) { written.Store(i.Err == nil) }})
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url.Reveal(), bytes.NewReader(body))
	if err != nil {
		return &Fault{Problem: "the address cannot be used", Mend: "write another one into url"} // the cause repeats it
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Drawbridge")
	if !h.secret.Empty() {
		r.Header.Set(SignatureHeader, signature(h.secret, body))
	}
	answer, err := h.client.Do(r)
	if err != nil {
		return h.failed(err, written.Load())
	}
	defer func() { _ = answer.Body.Close() }() // nothing more is wanted of it
	said, _ := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	return h.judge(answer, string(said))
}

// encode is JSON without the escapes that HTML needs.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// signature is the HMAC (RFC 2104) of a body, as its header has it.
func signature(key secret.Secret, body []byte) string {
	h := hmac.New(sha256.New, []byte(key.Reveal()))
	h.Write(body)
	return "sha256=" + hex.EncodeToString(h.Sum(nil))
}

// failed says of a request that got no answer why, without its address, which url.Error has.
func (h *webhook) failed(err error, written bool) *Fault {
	var about *url.Error
	if errors.As(err, &about) {
		err = about.Err
	}
	f := &Fault{Problem: h.hide("no answer: " + err.Error()), Mend: mendOf(err, "url"), Uncertain: written}
	if written {
		f.Problem = h.hide("no answer to the message, which it may have taken: " + err.Error())
	}
	return f
}

// judge says whether an answer means that the message was taken.
func (h *webhook) judge(answer *http.Response, said string) error {
	if answer.StatusCode/100 == 2 {
		return nil
	}
	f := &Fault{Problem: "the answer was " + strconv.Itoa(answer.StatusCode) + " " + http.StatusText(answer.StatusCode)}
	if quote := cut(inventory.Printable(strings.TrimSpace(said)), maxQuote); quote != "" {
		f.Problem = h.hide(f.Problem + " (" + quote + ")")
	}
	switch code := answer.StatusCode; {
	case code/100 == 3:
		f.Mend = "write the address into url to which it leads: a redirect is not followed"
	case code == http.StatusTooManyRequests, code/100 == 5:
		f.Mend = "wait, or ask whoever runs it"
		f.After = retryAfter(answer.Header.Get("Retry-After"))
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusNotFound, code == http.StatusGone:
		f.Mend = "see whether the webhook still exists, else make a new one and write its address into url"
	default:
		f.Mend = "see whether format is what it takes"
	}
	return f
}

// hide takes the secrets of the address out of a sentence: who knows its path and query can post there.
func (h *webhook) hide(text string) string {
	secrets := []string{h.url.Reveal(), h.secret.Reveal()}
	if u, err := url.Parse(h.url.Reveal()); err == nil {
		for piece := range strings.FieldsFuncSeq(u.EscapedPath()+"/"+u.RawQuery, func(r rune) bool { return strings.ContainsRune("/?&=;", r) }) {
			if len(piece) >= 8 { // shorter ones are words
				secrets = append(secrets, piece)
			}
		}
	}
	return cut(inventory.Printable(inventory.Redact(text, secrets...)), maxSentence)
}

// retryAfter reads the seconds of a Retry-After (RFC 9110, section 10.2.3); 0 of anything else. The outbox bounds it.
func retryAfter(text string) time.Duration {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}

// slack is the body that Slack's incoming webhooks take. The three characters that stand for something in its texts are escaped, so
// that nothing a device is called can mention people or link anywhere.
func slack(m *Message) any {
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	return struct {
		Text string `json:"text"`
	}{escape.Replace(m.text())}
}

// The parts of an adaptive card (schema 1.4) that a message needs, as Teams' webhooks take it.
type (
	cardMessage struct {
		Type        string       `json:"type"`
		Attachments []attachment `json:"attachments"`
	}
	attachment struct {
		ContentType string `json:"contentType"`
		Content     card   `json:"content"`
	}
	card struct {
		Schema  string  `json:"$schema"`
		Type    string  `json:"type"`
		Version string  `json:"version"`
		Body    []block `json:"body"`
	}
	block struct {
		Type    string `json:"type"`
		Inlines []run  `json:"inlines"`
	}
	run struct {
		Type   string `json:"type"`
		Text   string `json:"text"`
		Weight string `json:"weight,omitempty"`
	}
)

// teams is an adaptive card. Its texts are runs, which are shown as they are: other texts of a card read Markdown.
func teams(m *Message) any {
	blocks := []block{{Type: "RichTextBlock", Inlines: []run{{Type: "TextRun", Text: m.subject(), Weight: "Bolder"}}}}
	for _, s := range m.sentences() {
		blocks = append(blocks, block{Type: "RichTextBlock", Inlines: []run{{Type: "TextRun", Text: s}}})
	}
	return cardMessage{Type: "message", Attachments: []attachment{{ContentType: "application/vnd.microsoft.card.adaptive",
		Content: card{Schema: "http://adaptivecards.io/schemas/adaptive-card.json", Type: "AdaptiveCard", Version: "1.4", Body: blocks}}}}
}
