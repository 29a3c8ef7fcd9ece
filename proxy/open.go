package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"drawbridge/internal/hello"
	"drawbridge/inventory"
	"drawbridge/proxy/devicetls"
	"drawbridge/proxy/login"
)

// open makes the connection one that a Login can speak on: at once where STARTTLS comes later, else after the handshake.
func (s *session) open(ctx context.Context) error {
	_ = s.wire.SetDeadline(s.listener.handshakeEnd(s.record.StartedAt))
	if s.listener.StartTLS {
		s.start(s.wire, login.ConnOptions{Upgrade: func(ctx context.Context, _ net.Conn) (net.Conn, error) {
			return s.handshake(ctx, time.Now())
		}})
		return nil
	}
	c, err := s.handshake(ctx, s.record.StartedAt)
	if err != nil {
		return err
	}
	s.start(c, login.ConnOptions{Secure: true})
	return nil
}

func (s *session) start(c net.Conn, o login.ConnOptions) {
	o.Notes, o.MaxBadCommands, o.RecordSize = &s.notes, s.listener.BadCommands, s.listener.RecordSize
	o.NoTokens = s.listener.NoDeviceTokens
	s.device = login.NewConn(c, o)
	s.login = s.listener.Dialect.NewLogin(s.device, s.listener.Greeting, &s.notes)
}

// handshake peeks the hello, so that it is on record whatever comes of it, and terminates TLS.
func (s *session) handshake(ctx context.Context, since time.Time) (net.Conn, error) {
	ctx, cancel := until(ctx, s.listener.handshakeEnd(s.record.StartedAt))
	defer cancel()
	h, err := s.wire.PeekHello()
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
	s.listener.awaitLogin(c)
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
		s.wire.SendAlert(devicetls.RecordVersion(malformed.Hello), devicetls.AlertDecodeError)
		s.record.TLS.AlertSent = devicetls.AlertName(devicetls.AlertDecodeError)
		return &devicetls.TLSError{Err: err, Sentence: "the device's ClientHello is broken (" + malformed.Reason + "): update its firmware, or " +
			"look for what changes its packets on the way"}
	case login.IsTimeout(err) && len(s.wire.Peeked()) == 0:
		s.wire.SendAlert(devicetls.RecordVersion(nil), devicetls.AlertCloseNotify)
		return &silence{s.silenceSentence()}
	case login.IsTimeout(err):
		s.wire.SendAlert(devicetls.RecordVersion(nil), devicetls.AlertCloseNotify)
		return &devicetls.TLSError{Err: err, Sentence: fmt.Sprintf("the device began a ClientHello and did not finish it "+
			"(limits.handshake_timeout: %s): look for what holds back its packets on the way", login.Span(s.listener.HandshakeTimeout))}
	case len(s.wire.Peeked()) > 0:
		return &devicetls.TLSError{Err: err, Sentence: "the device closed the connection in the middle of its ClientHello: look for what cuts " +
			"its connections on the way, or update its firmware"}
	}
	return err
}

func (s *session) silenceSentence() string {
	if s.listener.StartTLS {
		return fmt.Sprintf("the device asked to start TLS and then said nothing (limits.handshake_timeout: %s): look for what holds back "+
			"its packets on the way", login.Span(s.listener.HandshakeTimeout))
	}
	return fmt.Sprintf("the device connected and said nothing (limits.handshake_timeout: %s): it may wait for a greeting in plain text, "+
		"then switch its encryption to SSL/TLS", login.Span(s.listener.HandshakeTimeout))
}

// refusePlaintext tells a device that speaks no TLS so, in one line of its protocol.
func (s *session) refusePlaintext() error {
	if isRecord(s.wire.Peeked()) {
		return s.refuseRecord()
	}
	s.record.Hello = hello.None()
	sentence := "the device sent plain text to a port with TLS: switch its encryption to SSL/TLS"
	if s.listener.StartTLS {
		sentence = "what the device sent after STARTTLS was no ClientHello: update it, or look for what changes its packets on the way"
	}
	if passwordIn(s.wire.Peeked()) {
		s.notes.PasswordClear = true
		s.notes.Quirk(login.QuirkPasswordInClear)
	}
	conn := login.NewConn(s.wire.Conn, login.ConnOptions{Notes: &login.Notes{}})
	lastWord(conn)
	_ = s.listener.Dialect.NewLogin(conn, s.listener.Greeting, &login.Notes{}).Refuse(&login.Refusal{Reason: login.Plaintext})
	return &devicetls.TLSError{Sentence: sentence, Err: hello.ErrNotTLS}
}

// isRecord reports whether p begins a TLS record (RFC 8446, section 5.1).
func isRecord(p []byte) bool {
	const first, last = 20, 23
	return len(p) > 1 && p[0] >= first && p[0] <= last && p[1] == 3
}

// refuseRecord answers a TLS record that is no ClientHello.
func (s *session) refuseRecord() error {
	s.record.TLS.AlertReceived = s.wire.PeekedAlert()
	s.wire.SendAlert(devicetls.RecordVersion(nil), devicetls.AlertUnexpectedMessage)
	s.record.TLS.AlertSent = devicetls.AlertName(devicetls.AlertUnexpectedMessage)
	return &devicetls.TLSError{Err: hello.ErrNotTLS, Sentence: "the device opened with a TLS record that is no ClientHello: look for what " +
		"cuts or changes its connections on the way"}
}
