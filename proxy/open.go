package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"drawbridge/internal/hello"
	"drawbridge/inventory"
)

// open makes the connection one that a Login can speak on: at once where STARTTLS comes later, else after the handshake.
func (s *session) open(ctx context.Context) error {
	if t := s.listener.HandshakeTimeout; t > 0 {
		_ = s.wire.SetDeadline(s.record.StartedAt.Add(t))
	}
	if s.listener.StartTLS {
		s.start(s.wire, ConnOptions{Upgrade: func(ctx context.Context, _ net.Conn) (net.Conn, error) {
			return s.handshake(ctx, time.Now())
		}})
		return nil
	}
	c, err := s.handshake(ctx, s.record.StartedAt)
	if err != nil {
		return err
	}
	s.start(c, ConnOptions{Secure: true})
	return nil
}

func (s *session) start(c net.Conn, o ConnOptions) {
	o.Notes, o.MaxBadCommands, o.RecordSize = &s.notes, s.listener.BadCommands, s.listener.RecordSize
	s.device = NewConn(c, o)
	s.login = s.listener.NewLogin(s.device, s.listener.Greeting, &s.notes)
}

// handshake peeks the hello, so that it is on record whatever comes of it, and terminates TLS.
func (s *session) handshake(ctx context.Context, since time.Time) (net.Conn, error) {
	if t := s.listener.HandshakeTimeout; t > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, s.record.StartedAt.Add(t))
		defer cancel()
	}
	h, err := s.wire.peekHello()
	if err = s.helloRead(h, err); err != nil {
		return nil, err
	}
	c, info, err := s.listener.Terminate(ctx, s.wire, s.record.Hello)
	s.record.TLS = info
	if err != nil {
		return nil, err
	}
	s.record.HandshakeTime = time.Since(since)
	s.record.Phase = inventory.PhaseLogin
	s.loginDeadline(c)
	return c, nil
}

// helloRead puts what was peeked on record and answers what is no hello.
func (s *session) helloRead(h *hello.Hello, err error) error {
	var malformed *hello.MalformedError
	switch {
	case err == nil:
		s.record.Hello = s.server.Hellos.Share(h)
		return nil
	case errors.Is(err, hello.ErrNotTLS):
		return s.refusePlaintext()
	case errors.As(err, &malformed):
		s.record.Hello = malformed.Hello
		s.wire.sendAlert(recordVersion(malformed.Hello), alertDecodeError)
		s.record.TLS.AlertSent = alertName(alertDecodeError)
		return &TLSError{Err: err, Sentence: "the device's ClientHello is broken (" + malformed.Reason + "): update its firmware, or look for what changes its packets on the way"}
	case isTimeout(err) && len(s.wire.peeked) == 0:
		s.wire.sendAlert(recordVersion(nil), alertCloseNotify)
		return &silence{s.silenceSentence()}
	case isTimeout(err):
		s.wire.sendAlert(recordVersion(nil), alertCloseNotify)
		return &TLSError{Err: err, Sentence: fmt.Sprintf("the device began a ClientHello and did not finish it (limits.handshake_timeout: %s)", s.listener.HandshakeTimeout)}
	case len(s.wire.peeked) > 0:
		return &TLSError{Err: err, Sentence: "the device closed the connection in the middle of its ClientHello"}
	}
	return err
}

func (s *session) silenceSentence() string {
	if s.listener.StartTLS {
		return fmt.Sprintf("the device asked to start TLS and then said nothing (limits.handshake_timeout: %s)", s.listener.HandshakeTimeout)
	}
	return fmt.Sprintf("the device connected and said nothing (limits.handshake_timeout: %s): it may wait for a greeting in plain text, "+
		"then its encryption setting is wrong", s.listener.HandshakeTimeout)
}

// refusePlaintext tells a device that speaks no TLS so, in one line of its protocol.
func (s *session) refusePlaintext() error {
	if isRecord(s.wire.peeked) {
		return s.refuseRecord()
	}
	s.record.Hello = hello.None()
	sentence := "the device sent plain text to a port with TLS: switch its encryption to SSL/TLS"
	if s.listener.StartTLS {
		sentence = "what the device sent after STARTTLS was no ClientHello"
	}
	if passwordIn(s.wire.peeked) {
		s.notes.PasswordClear = true
		s.notes.Quirk(QuirkPasswordInClear)
	}
	conn := NewConn(s.wire.Conn, ConnOptions{Notes: &Notes{}})
	_ = conn.SetDeadline(time.Now().Add(lastWordTimeout))
	_ = s.listener.NewLogin(conn, s.listener.Greeting, &Notes{}).Refuse(&Refusal{Reason: Plaintext})
	return &TLSError{Sentence: sentence, Err: hello.ErrNotTLS}
}

// isRecord reports whether p begins a TLS record (RFC 8446, section 5.1).
func isRecord(p []byte) bool {
	const first, last = 20, 23
	return len(p) > 1 && p[0] >= first && p[0] <= last && p[1] == 3
}

// refuseRecord answers a TLS record that is no ClientHello.
func (s *session) refuseRecord() error {
	s.wire.came.follow(s.wire.peeked)
	s.record.TLS.AlertReceived = s.wire.came.name()
	s.wire.sendAlert(recordVersion(nil), alertUnexpectedMessage)
	s.record.TLS.AlertSent = alertName(alertUnexpectedMessage)
	return &TLSError{Err: hello.ErrNotTLS, Sentence: "the device opened with a TLS record that is no ClientHello: something in between may be cutting its connections"}
}

func (s *session) loginDeadline(c interface{ SetDeadline(time.Time) error }) {
	var deadline time.Time
	if t := s.listener.LoginTimeout; t > 0 {
		deadline = time.Now().Add(t)
	}
	_ = c.SetDeadline(deadline)
}
