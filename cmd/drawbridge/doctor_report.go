package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"drawbridge/inventory"
)

// finding is how a check came out.
type finding string

// The findings. A warning does not make the whole unwell; what was skipped could not be looked at because of an earlier failure.
const (
	findOK   finding = "ok"
	findWarn finding = "warning"
	findFail finding = "failed"
	findSkip finding = "skipped"
)

// check is one link on the way to a mailbox, as `drawbridge doctor --json` prints it.
type check struct {
	Upstream string   `json:"upstream"`
	Protocol string   `json:"protocol,omitempty"`
	Mailbox  string   `json:"mailbox,omitempty"`
	Step     string   `json:"check"`
	Finding  finding  `json:"finding"`
	Detail   string   `json:"detail,omitempty"` // what was seen
	Cause    string   `json:"cause,omitempty"`  // the probable one, and what to do
	Mend     []string `json:"mend,omitempty"`   // lines to paste into PowerShell, or a shell
	Wait     bool     `json:"wait,omitempty"`   // what was granted lately may not be in force yet
}

// The steps, in the order in which they depend on each other.
const (
	stepDNS          = "dns"
	stepTCP          = "tcp"
	stepTLS          = "tls"
	stepCertificate  = "certificate"
	stepGreeting     = "greeting"
	stepCapabilities = "capabilities"
	stepToken        = "token"
	stepAudience     = "audience"
	stepTenant       = "tenant"
	stepApplication  = "application"
	stepExpiry       = "expiry"
	stepRole         = "role"
	stepLogin        = "xoauth2"
	stepMailbox      = "mailbox"
	stepAccounts     = "accounts"
)

// diagnosis is all that a doctor found, in order.
type diagnosis struct {
	Healthy bool    `json:"healthy"`
	Checks  []check `json:"checks"`
}

func newDiagnosis(checks []check) diagnosis {
	r := diagnosis{Healthy: true, Checks: checks}
	for i := range checks {
		c := &checks[i]
		c.Detail, c.Cause = inventory.Printable(c.Detail), inventory.Printable(c.Cause)
		r.Healthy = r.Healthy && c.Finding != findFail
	}
	return r
}

// json prints the report for programs.
func (r diagnosis) json(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

const hourNote = "Granted within the last hour? Wait and try again: it takes effect only after a while."

// text prints the report for people. What mends several checks is printed with the first of them.
func (r diagnosis) text(w io.Writer, colour bool) error {
	var b strings.Builder
	last, printed := "", map[string]bool{}
	for _, c := range r.Checks {
		if heading := c.heading(); heading != last {
			blankLine(&b)
			b.WriteString(heading + "\n")
			last = heading
		}
		c.text(&b, colour)
		if mend := strings.Join(c.Mend, "\n"); mend != "" && !printed[mend] {
			printed[mend] = true
			mendText(&b, c.Mend)
		}
	}
	blankLine(&b)
	b.WriteString(r.summary())
	_, err := io.WriteString(w, b.String())
	return err
}

// blankLine ends a paragraph, once.
func blankLine(b *strings.Builder) {
	if text := b.String(); text != "" && !strings.HasSuffix(text, "\n\n") {
		b.WriteByte('\n')
	}
}

func (r diagnosis) count(f finding) (n int) {
	for _, c := range r.Checks {
		if c.Finding == f {
			n++
		}
	}
	return n
}

func (r diagnosis) summary() string {
	switch n := r.count(findFail); {
	case n == 0 && r.count(findWarn) > 0:
		return "Nothing failed; look at what is marked warn.\n"
	case n == 0:
		return "All is well.\n"
	case n == 1:
		return "1 check failed. Mend it, then run this again.\n"
	default:
		return fmt.Sprintf("%d checks failed. Mend the first one, then run this again.\n", n)
	}
}

func mendText(b *strings.Builder, lines []string) {
	b.WriteByte('\n')
	for _, line := range lines {
		b.WriteString("      " + line + "\n")
	}
	b.WriteByte('\n')
}

// heading is what a check belongs to: a link of an upstream, its token, or a mailbox.
func (c check) heading() string {
	switch {
	case c.Mailbox != "":
		return c.Upstream + ", mailbox " + inventory.Printable(c.Mailbox)
	case c.Step == stepAccounts:
		return c.Upstream + ", mailboxes"
	case c.isToken():
		return c.Upstream + ", token"
	}
	return c.Upstream + ", " + c.Protocol
}

func (c check) isToken() bool {
	switch c.Step {
	case stepToken, stepAudience, stepTenant, stepApplication, stepExpiry, stepRole:
		return true
	}
	return false
}

// name is the step, and the protocol where the heading does not say it.
func (c check) name() string {
	if c.Protocol != "" && (c.Mailbox != "" || c.isToken()) {
		return c.Protocol + " " + c.Step
	}
	return c.Step
}

// marks are what stands before a line, and its colour.
var marks = map[finding]struct{ word, colour string }{
	findOK:   {"ok", "\x1b[32m"},
	findWarn: {"warn", "\x1b[33m"},
	findFail: {"FAIL", "\x1b[31m"},
	findSkip: {"-", ""},
}

const noColour = "\x1b[0m"

// indent is where what belongs to a check begins: below its detail.
const indent = "                      "

func (c check) text(b *strings.Builder, colour bool) {
	mark := marks[c.Finding]
	word := fmt.Sprintf("%-4s", mark.word)
	if colour && mark.colour != "" {
		word = mark.colour + word + noColour
	}
	b.WriteString(strings.TrimRight(fmt.Sprintf("  %s  %-12s  %s", word, c.name(), c.Detail), " ") + "\n")
	if c.Cause != "" {
		b.WriteString(indent + c.Cause + "\n")
	}
	if c.Wait {
		b.WriteString(indent + hourNote + "\n")
	}
}
