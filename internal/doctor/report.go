package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"drawbridge/inventory"
)

// Finding is how a check came out.
type Finding string

// The findings. A warning does not make the whole unwell; what was skipped could not be looked at because of an earlier failure.
const (
	OK      Finding = "ok"
	Warning Finding = "warning"
	Failed  Finding = "failed"
	Skipped Finding = "skipped"
)

// Check is one link on the way to a mailbox, as `drawbridge doctor --json` prints it.
type Check struct {
	Upstream string   `json:"upstream"`
	Protocol string   `json:"protocol,omitempty"`
	Mailbox  string   `json:"mailbox,omitempty"`
	Step     string   `json:"check"`
	Finding  Finding  `json:"finding"`
	Detail   string   `json:"detail,omitempty"` // what was seen
	Cause    string   `json:"cause,omitempty"`  // the probable one, and what to do
	Mend     []string `json:"mend,omitempty"`   // lines to paste into PowerShell, or a shell
	Wait     bool     `json:"wait,omitempty"`   // what was granted lately may not be in force yet
}

func good(step, detail string) Check { return Check{Step: step, Finding: OK, Detail: detail} }

func bad(step, detail, cause string) Check {
	return Check{Step: step, Finding: Failed, Detail: detail, Cause: cause}
}

// fail makes c a failure, by its cause and what mends it.
func (c *Check) fail(cause string, mend ...string) {
	c.Finding, c.Cause, c.Mend = Failed, cause, mend
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

// Diagnosis is all that was found, in order. It may be printed as it is: nothing in it moves a terminal's cursor.
type Diagnosis struct {
	Healthy bool    `json:"healthy"`
	Checks  []Check `json:"checks"`
}

func newDiagnosis(checks []Check) Diagnosis {
	r := Diagnosis{Healthy: true, Checks: checks}
	for i := range checks {
		c := &checks[i]
		c.Detail, c.Cause = inventory.Printable(c.Detail), inventory.Printable(c.Cause)
		r.Healthy = r.Healthy && c.Finding != Failed
	}
	return r
}

// JSON prints the diagnosis for programs.
func (r Diagnosis) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// Text prints the diagnosis for people. What mends several checks is printed with the first of them.
func (r Diagnosis) Text(w io.Writer, colour bool) error {
	var b strings.Builder
	last, printed := "", map[string]bool{}
	for _, c := range r.Checks {
		if heading := c.heading(); heading != last {
			b.WriteString("\n" + heading + "\n")
			last = heading
		}
		c.text(&b, colour)
		if mend := strings.Join(c.Mend, "\n      "); mend != "" && !printed[mend] {
			printed[mend] = true
			b.WriteString("\n      " + mend + "\n\n")
		}
	}
	text := strings.TrimPrefix(b.String()+"\n"+r.summary(), "\n")
	_, err := io.WriteString(w, strings.ReplaceAll(text, "\n\n\n", "\n\n"))
	return err
}

func (r Diagnosis) summary() string {
	count := map[Finding]int{}
	for _, c := range r.Checks {
		count[c.Finding]++
	}
	switch n := count[Failed]; {
	case n == 0 && count[Warning] > 0:
		return "Nothing failed; look at what is marked warn.\n"
	case n == 0:
		return "All is well.\n"
	case n == 1:
		return "1 check failed. Mend it, then run this again.\n"
	default:
		return fmt.Sprintf("%d checks failed. Mend the first one, then run this again.\n", n)
	}
}

// heading is what a check belongs to: a link of an upstream, its token, or a mailbox.
func (c Check) heading() string {
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

func (c Check) isToken() bool {
	return slices.Contains([]string{stepToken, stepAudience, stepTenant, stepApplication, stepExpiry, stepRole}, c.Step)
}

// name is the step, and the protocol where the heading does not say it.
func (c Check) name() string {
	if c.Protocol != "" && (c.Mailbox != "" || c.isToken()) {
		return c.Protocol + " " + c.Step
	}
	return c.Step
}

// marks are what stands before a line, and its colour.
var marks = map[Finding]struct{ word, colour string }{
	OK:      {"ok", "\x1b[32m"},
	Warning: {"warn", "\x1b[33m"},
	Failed:  {"FAIL", "\x1b[31m"},
	Skipped: {"-", ""},
}

func (c Check) text(b *strings.Builder, colour bool) {
	mark := marks[c.Finding]
	word := fmt.Sprintf("%-4s", mark.word)
	if colour && mark.colour != "" {
		word = mark.colour + word + "\x1b[0m"
	}
	b.WriteString(strings.TrimRight(fmt.Sprintf("  %s  %-12s  %s", word, c.name(), c.Detail), " ") + "\n")
	const indent = "                      " // to below the detail
	if c.Cause != "" {
		b.WriteString(indent + c.Cause + "\n")
	}
	if c.Wait {
		b.WriteString(indent + "Granted within the last hour? Wait and try again: it takes effect only after a while.\n")
	}
}
