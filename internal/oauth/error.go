package oauth

import (
	"errors"
	"time"

	"drawbridge/proxy/login"
)

// Class is what kind of thing keeps a token away, and so who must do what.
type Class string

// The classes. Only WrongPassword is told to a device as such.
const (
	Configuration Class = "configuration"  // what is configured here or in Entra ID is wrong
	SecretExpired Class = "secret_expired" // urgent, and mended in a minute
	Consent       Class = "consent"        // the application lacks a permission
	WrongPassword Class = "wrong_password" // flow Password only
	AccountFault  Class = "account"        // the user's account: locked, disabled, its password expired
	Policy        Class = "policy"         // multi-factor, Conditional Access, security defaults
	SignInAgain   Class = "sign_in_again"  // a refresh token is missing or retired
	Throttled     Class = "throttled"
	Unavailable   Class = "unavailable" // Entra ID answers, but nothing of use
	Network       Class = "network"     // Entra ID does not answer
)

// Error is why there is no token. It never holds a secret, nor what MSAL said, which may quote some.
type Error struct {
	Class      Class
	Code       string // Entra's number, "AADSTS7000222", where it told one
	Sentence   string // what happened, and what the administrator must do
	Trace      string // Entra's trace id, for Microsoft's support
	RetryAfter time.Duration
	Err        error // the network's error, where there was one
}

// Error returns the sentence.
func (e *Error) Error() string { return e.Sentence }

// Unwrap returns the network's error, or nil.
func (e *Error) Unwrap() error { return e.Err }

// Fault is what a device may be told of an error of Token: that its password is wrong where that is what Entra ID said,
// and otherwise that the service is unavailable. Nil for nil.
func Fault(err error) *login.Refusal {
	if err == nil {
		return nil
	}
	var refusal *login.Refusal
	if errors.As(err, &refusal) {
		return refusal
	}
	reason := login.Unavailable
	var e *Error
	if errors.As(err, &e) && e.Class == WrongPassword {
		reason = login.BadCredentials
	}
	return &login.Refusal{Reason: reason, Err: err}
}
