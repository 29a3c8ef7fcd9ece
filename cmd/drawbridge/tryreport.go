package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"drawbridge/internal/terminal"
)

// tryStep is one thing that the device did and what it saw. Text has no secret in it and can be printed.
type tryStep struct {
	Step         string `json:"step"`
	OK           bool   `json:"ok"`
	Milliseconds int64  `json:"ms"`
	Text         string `json:"text"`
}

// tryReport is what `drawbridge try --json` prints.
type tryReport struct {
	Listener   string    `json:"listener"`
	Address    string    `json:"address"`
	Protocol   string    `json:"protocol"`
	TLSMode    string    `json:"tls_mode"`
	As         string    `json:"as"`
	Account    string    `json:"account,omitempty"`
	OK         bool      `json:"ok"`
	Steps      []tryStep `json:"steps"`
	FailedStep string    `json:"failed_step,omitempty"`
	Shows      string    `json:"device_shows,omitempty"`
	Mend       string    `json:"what_to_do,omitempty"`
}

func newTryReport(t *trial) *tryReport {
	l := t.listener
	return &tryReport{Listener: l.Name, Address: t.address, Protocol: l.Protocol, TLSMode: l.TLS, As: t.profile.name, Account: t.account}
}

// conclude says what the visit came to. What was to be read was read before the goodbye.
func (r *tryReport) conclude(t *trial, f *tryFailure) {
	r.OK = f == nil || f.step == "goodbye"
	if f == nil {
		return
	}
	a := t.advise(*f)
	r.FailedStep, r.Shows, r.Mend = f.step, a.shows, a.mend
}

func (r *tryReport) failure() error {
	if r.OK {
		return nil
	}
	return fmt.Errorf("the device failed at its %s: %s", r.FailedStep, r.Mend)
}

func (r *tryReport) printJSON(out io.Writer) error {
	if err := json.NewEncoder(out).Encode(r); err != nil {
		return err
	}
	if err := r.failure(); err != nil {
		return &toldError{err}
	}
	return nil
}

func (p *printer) tryIntro(r *tryReport) {
	mode := "TLS from the first byte"
	if r.TLSMode == "starttls" {
		mode = "STARTTLS"
	}
	p.Line("%s", p.Paint(terminal.Bold, fmt.Sprintf("A device with %s at listener %s (%s, %s)", r.As, r.Listener, strings.ToUpper(r.Protocol), mode)))
}

func (p *printer) tryStep(s tryStep) {
	mark := p.Paint(terminal.Green, "✓")
	if !s.OK {
		mark = p.Paint(terminal.Red, "✗")
	}
	p.Line("  %s %-12s %s  %s", mark, s.Step, p.Paint(terminal.Faint, fmt.Sprintf("%6d ms", s.Milliseconds)), s.Text)
}

// tryVerdict ends the report for people. What to do about a failure goes to standard error with the exit code.
func (p *printer) tryVerdict(r *tryReport) error {
	if r.Shows != "" {
		p.Line("The device would show: %s", r.Shows)
	}
	switch {
	case r.OK && r.Account != "":
		p.Line("The device reads its mail.")
	case r.OK:
		p.Line("The device gets as far as the login. With --account NAME it goes on.")
	}
	return r.failure()
}
