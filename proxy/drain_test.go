package proxy_test

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"io"
	"strings"
	"testing"
	"time"

	"drawbridge/inventory"
	"drawbridge/proxy/imaplogin"
)

const (
	unavailablePOP3 = "-ERR [SYS/TEMP] Service unavailable, please wait a few minutes and try again"
	unavailableIMAP = "* BYE [UNAVAILABLE] Service unavailable, please wait a few minutes and try again"
)

// notLoggedIn are the ways in which a session may wait for its device, with the protocol's own settings.
func TestServer_DrainTellsAtOnceWhoIsNotLoggedIn(t *testing.T) {
	for _, c := range []struct {
		name   string
		adjust func(*world)
		before func(*device) *device
		want   string
		phase  inventory.Phase
	}{
		{"POP3, greeted", nil, func(d *device) *device { d.hear("+OK ready"); return d }, unavailablePOP3, inventory.PhaseLogin},
		{"POP3, after USER", nil, func(d *device) *device {
			d.hear("+OK ready")
			d.say("USER anna")
			d.hear("+OK")
			return d
		}, unavailablePOP3, inventory.PhaseLogin},
		{"POP3, in AUTH LOGIN", nil, func(d *device) *device {
			d.hear("+OK ready")
			d.say("AUTH LOGIN " + base64.StdEncoding.EncodeToString([]byte("anna")))
			d.hear("+ UGFzc3dvcmQ6")
			return d
		}, unavailablePOP3, inventory.PhaseLogin},
		{"IMAP, greeted", speakIMAP, func(d *device) *device { _, _ = d.r.ReadString('\n'); return d }, unavailableIMAP, inventory.PhaseLogin},
		{"IMAP, in AUTHENTICATE", speakIMAP, func(d *device) *device {
			_, _ = d.r.ReadString('\n')
			d.say("a AUTHENTICATE PLAIN")
			d.hear("+ ")
			return d
		}, unavailableIMAP, inventory.PhaseLogin},
		{"IMAP, in a literal", speakIMAP, func(d *device) *device {
			_, _ = d.r.ReadString('\n')
			d.say("a LOGIN {4}")
			d.hear("+ Ready for literal data")
			return d
		}, unavailableIMAP, inventory.PhaseLogin},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.adjust)
			d := c.before(w.dial(0))
			w.drain()
			d.hear(c.want)
			d.end()
			w.expect(inventory.OutcomeCut, c.phase, inventory.EndedByBridge, "stopped before the device had logged in")
			<-w.done
		})
	}
}

func speakIMAP(w *world) { w.listener.Protocol, w.listener.Dialect = "imap", imaplogin.Dialect() }

func TestServer_DrainTellsWhoWaitsInClear(t *testing.T) {
	w := newWorld(t, func(w *world) { w.listener.StartTLS = true })
	silent, spoken := newDevice(t, w.dialRaw()), newDevice(t, w.dialRaw())
	silent.hear("+OK ready")
	spoken.hear("+OK ready")
	spoken.say("NOOP")
	spoken.hear("+OK")
	w.drain()
	for _, d := range []*device{silent, spoken} {
		d.hear(unavailablePOP3)
		d.end()
	}
	w.expect(inventory.OutcomeCut, inventory.PhaseHandshake, inventory.EndedByBridge, "stopped")
	<-w.done
	if len(w.records.ended) > 0 {
		t.Errorf("a connection that never said a byte is on record: %+v", <-w.records.ended)
	}
}

func TestServer_DrainEndsHandshakes(t *testing.T) {
	for name, sent := range map[string]string{"silent": "", "in the middle of a hello": "\x16\x03\x01\x00\x80\x01"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			raw := w.dialRaw()
			_, _ = io.WriteString(raw, sent)
			other := w.dial(0) // accepted later: the first one is being served
			other.hear("+OK ready")
			w.drain()
			if got, err := io.ReadAll(raw); err != nil || string(got) != "\x15\x03\x01\x00\x02\x01\x00" {
				t.Errorf("got %x, %v, want close_notify", got, err)
			}
			<-w.done
			if records := len(w.records.ended); records != 1+min(len(sent), 1) {
				t.Errorf("%d records, want one of each that said a byte", records)
			}
		})
	}
}

func TestServer_DrainIsTheAnswerToALoginUnderWay(t *testing.T) {
	inDecide := make(chan struct{})
	w := newWorld(t, func(w *world) {
		w.decider.wait = func(ctx context.Context) { close(inDecide); <-ctx.Done() }
	})
	d := w.dial(0)
	d.logIn("right")
	<-inDecide
	w.drain()
	d.hear(unavailablePOP3)
	d.hear(unavailablePOP3)
	d.end()
	w.expect(inventory.OutcomeUpstreamFailed, inventory.PhaseDial, inventory.EndedByBridge, "the bridge is stopping")
	<-w.done
}

func TestServer_DrainIsTheAnswerToALoginThatTheUpstreamHolds(t *testing.T) {
	asked := make(chan struct{})
	w := newWorld(t, nil)
	w.upstream.serveBy(nil)
	w.upstream.answerWith(func(line string) string {
		if strings.HasPrefix(line, "PASS") {
			close(asked)
			time.Sleep(time.Second)
		}
		return ""
	})
	d := w.dial(tls.VersionTLS12)
	d.logIn("right")
	<-asked
	w.drain()
	d.hear(unavailablePOP3)
	d.hear(unavailablePOP3)
	d.end()
	if w.records.admittedSessions() > 0 {
		t.Error("it was admitted")
	}
	<-w.done
}
