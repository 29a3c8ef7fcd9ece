package devicetls

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"drawbridge/internal/hello"
	"drawbridge/inventory"
	"drawbridge/proxy/login"
)

// Alert descriptions that we send ourselves (RFC 8446, section 6).
const (
	AlertCloseNotify           = 0
	AlertUnexpectedMessage     = 10
	AlertHandshakeFailure      = 40
	AlertIllegalParameter      = 47
	AlertDecodeError           = 50
	AlertProtocolVersion       = 70
	AlertInternalError         = 80
	AlertInappropriateFallback = 86
	AlertMissingExtension      = 109
)

// Alert descriptions that crypto/tls sends.
const (
	alertRecordOverflow  = 22
	alertNoRenegotiation = 100
)

const (
	recordTypeAlert     = 21
	recordTypeHandshake = 22
	recordHeader        = 5 // bytes
	alertLevelWarning   = 1
	alertLevelFatal     = 2
)

// alertNames are the descriptions of RFC 8446, appendix B.2, and of the older versions it lists as reserved.
var alertNames = map[uint8]string{
	0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 21: "decryption_failed", 22: "record_overflow",
	30: "decompression_failure", 40: "handshake_failure", 41: "no_certificate", 42: "bad_certificate",
	43: "unsupported_certificate", 44: "certificate_revoked", 45: "certificate_expired", 46: "certificate_unknown",
	47: "illegal_parameter", 48: "unknown_ca", 49: "access_denied", 50: "decode_error", 51: "decrypt_error",
	60: "export_restriction", 70: "protocol_version", 71: "insufficient_security", 80: "internal_error",
	86: "inappropriate_fallback", 90: "user_canceled", 100: "no_renegotiation", 109: "missing_extension",
	110: "unsupported_extension", 112: "unrecognized_name", 113: "bad_certificate_status_response",
	115: "unknown_psk_identity", 116: "certificate_required", 120: "no_application_protocol",
}

func AlertName(description uint8) string {
	if name, ok := alertNames[description]; ok {
		return name
	}
	return fmt.Sprintf("alert_%d", description)
}

// RecordVersion is the version of the record that carries an alert to a hello: the hello's maximum, at most 1.2, and
// never below SSL 3.0, which has the oldest record layer there is.
func RecordVersion(h *hello.Hello) uint16 {
	v := tls.VersionTLS10
	if h != nil && h.MaxVersion != 0 {
		v = int(h.MaxVersion)
	}
	return uint16(min(max(v, int(hello.SSL3)), tls.VersionTLS12))
}

// ReceivedAlert is the name of the alert by which the device ended the handshake, from the engine's error.
func ReceivedAlert(err error) string { return alertOf(err, "remote error") }

// localAlert is the name of the alert that the engine sent, where its error tells.
func localAlert(err error) string { return alertOf(err, "local error") }

// BrokenBy reports whether err is the end of a TLS session that the peer broke after the handshake, and the name of the alert that
// crypto/tls sent it. It says no where the peer ended the session, by an alert or without.
func BrokenBy(err error) (alert string, broken bool) {
	var header tls.RecordHeaderError
	switch alert := localAlert(err); {
	case err == nil:
		return "", false
	case alert != "":
		return alert, true
	case errors.As(err, &header) && strings.HasPrefix(header.Msg, "oversized"):
		return AlertName(alertRecordOverflow), true
	case errors.As(err, &header):
		return AlertName(AlertProtocolVersion), true
	case strings.HasPrefix(err.Error(), "tls: received unexpected"), strings.HasPrefix(err.Error(), "tls: too many"):
		return AlertName(AlertUnexpectedMessage), true
	}
	return "", false
}

// Renegotiates reports whether err comes of a peer that asked to renegotiate in the session.
func Renegotiates(err error) bool {
	return localAlert(err) == AlertName(alertNoRenegotiation) || err != nil && strings.Contains(err.Error(), "type *tls.clientHelloMsg")
}

// alertOf reads the alert out of crypto/tls's error, whose type is not exported but reads like tls.AlertError's.
func alertOf(err error, op string) string {
	var oe *net.OpError
	if !errors.As(err, &oe) || oe.Op != op || oe.Err == nil {
		return ""
	}
	for description, name := range alertNames {
		if description != AlertCloseNotify && tls.AlertError(description).Error() == oe.Err.Error() {
			return name
		}
	}
	return ""
}

// TLSError is a handshake that failed. Sentence says why in words for an administrator, and what to do.
type TLSError struct {
	Sentence string
	Err      error // the engine's, where there was one
	alert    uint8
}

// Error returns the sentence.
func (e *TLSError) Error() string { return e.Sentence }

// Unwrap returns the engine's error.
func (e *TLSError) Unwrap() error { return e.Err }

// receivedMeaning says what a device means by an alert.
var receivedMeaning = map[string]string{
	"unknown_ca": "the device does not trust this bridge's certificate authority: import its certificate into the device " +
		"(drawbridge certs export)",
	"bad_certificate": "the device does not accept this bridge's certificate: import the authority's certificate into the device " +
		"(drawbridge certs export), and check that the device uses a name or address that the certificate has",
	"certificate_unknown": "the device does not accept this bridge's certificate: import the authority's certificate into the device " +
		"(drawbridge certs export), and check that the device uses a name or address that the certificate has",
	"unsupported_certificate": "the device cannot use this kind of certificate, which has an RSA key and a signature " +
		"with SHA-256: update its " +
		"firmware, or give it a certificate of another authority (certificates[].file)",
	"certificate_expired": "the device takes this bridge's certificate for expired: check the device's clock, and how long the certificate " +
		"holds (drawbridge certs list)",
	"handshake_failure": "the device ended the handshake after this bridge had chosen among what it offers: look at the device's log for " +
		"what it missed, or update its firmware",
	"protocol_version": "the device ended the handshake, since it does not take the TLS version that was chosen among those it offers: look " +
		"at the TLS versions in its settings, or update its firmware",
	"record_overflow": "the device cannot take a certificate message of this size: give the certificate fewer names, or one with a " +
		"shorter chain",
	"illegal_parameter": "the device ended the handshake over something it does not understand: update its firmware, or look for what " +
		"changes its packets on the way",
	"user_canceled": "the device broke the handshake off of its own will: try again, and look at its log if it goes on",
}

// longWait is how long a device may wait for this bridge before that is told as the cause of what became of it: some give up
// after five seconds.
const longWait = 3 * time.Second

// blamesDevice are the alerts by which the engine says that what the device sent is against the protocol (RFC 8446, section 6.2).
var blamesDevice = map[string]bool{"unexpected_message": true, "illegal_parameter": true, "decode_error": true, "decrypt_error": true,
	"bad_record_mac": true, "missing_extension": true, "unsupported_extension": true}

// handshakeError puts a failed handshake into words. waited is how long the device had to wait meanwhile for this bridge.
func handshakeError(err error, info inventory.TLS, h *hello.Hello, waited time.Duration) *TLSError {
	e := &TLSError{Err: err}
	switch {
	case info.AlertReceived != "":
		e.Sentence = receivedMeaning[info.AlertReceived]
		if e.Sentence == "" {
			e.Sentence = "the device ended the handshake with the alert " + info.AlertReceived + ": look at its log for the cause, or update " +
				"its firmware"
		}
	case info.AlertSent == "no_application_protocol":
		e.Sentence = "the device asked for another protocol than this listener " +
			"speaks (ALPN " + strings.Join(h.ALPN, ", ") + "): check the port it uses"
	case blamesDevice[info.AlertSent]:
		e.Sentence = "the device sent what TLS does not allow (" + login.Plainly(err) + "): update its firmware, or look for what changes its " +
			"packets on the way"
	case errors.Is(err, context.DeadlineExceeded):
		e.Sentence = "so many handshakes were computing that this one had no turn in time (limits.handshakes, 16 a source): find out who " +
			"connects so often"
	case waited >= longWait:
		e.Sentence = fmt.Sprintf("the device waited %s for its handshake's turn, since so many were computing, and gave up or had no time left "+
			"(limits.handshakes, 16 a source): find out who connects so often", waited.Round(time.Second))
	case login.IsTimeout(err):
		e.Sentence = "the device fell silent during the handshake: it may not accept the certificate (drawbridge certs export), or be too slow " +
			"(limits.handshake_timeout)"
	case login.IsClosed(err):
		e.Sentence = "the device closed the connection during the handshake: it may not accept the certificate (drawbridge certs export), or " +
			"the version"
	default:
		e.Sentence = "the handshake failed (" + login.Plainly(err) + "): update the device's firmware, or look for what changes its packets on " +
			"the way"
	}
	return e
}
