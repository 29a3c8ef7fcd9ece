package sandbox

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Flow names what a request to the [Entra] stand-in was for.
type Flow string

// The flows. Those of the token endpoint are named as the configuration names them.
const (
	Discovery         Flow = "discovery" // OIDC configuration, instance discovery, keys
	UserRealm         Flow = "user_realm"
	ClientCredentials Flow = "client_credentials"
	WorkloadIdentity  Flow = "workload_identity" // client credentials with another issuer's assertion
	Password          Flow = "password"
	DeviceCodeStart   Flow = "device_code_start"
	DeviceCodePoll    Flow = "device_code"
	RefreshToken      Flow = "refresh_token"
	ManagedIdentity   Flow = "managed_identity"
	Introspection     Flow = "introspection"
	OtherFlow         Flow = "other"
)

// EntraRequest is one request and what was answered.
type EntraRequest struct {
	At     time.Time // by the stand-in's clock, when it came in
	Flow   Flow
	Path   string
	Tenant string // as asked for
	Client string // client id
	User   string // with Password, and with DeviceCodePoll and RefreshToken once it is known
	Method string // how the client proved who it is: secret, certificate, federated; empty: not at all
	Form   url.Values
	Header map[string][]string
	Status int // 0: cut before an answer
	Code   int // AADSTS number; 0: none
	Error  string
}

// OK tells whether the request got what it was for.
func (r EntraRequest) OK() bool { return r.Status == 200 && r.Error == "" }

// EntraLog keeps what was asked of the stand-in, up to 65,536 requests, with made-up secrets in clear text. It is safe for concurrent use.
type EntraLog struct{ record *record[EntraRequest] }

func newEntraLog() *EntraLog { return &EntraLog{newRecord[EntraRequest]()} }

// Requests returns a copy of what was asked and answered so far, in the order of the answers; with flows, only those.
func (l *EntraLog) Requests(flows ...Flow) []EntraRequest {
	return l.record.matching(func(r EntraRequest) bool { return len(flows) == 0 || slices.Contains(flows, r.Flow) })
}

// Tokens returns how many requests for a token of any flow there were, answered with one or not; polls for a device code count.
func (l *EntraLog) Tokens() int {
	return len(l.Requests(ClientCredentials, WorkloadIdentity, Password, DeviceCodePoll, RefreshToken, ManagedIdentity))
}

// Contains tells whether text came in any form field.
func (l *EntraLog) Contains(text string) bool {
	return slices.ContainsFunc(l.Requests(), func(r EntraRequest) bool {
		for _, values := range r.Form {
			if slices.ContainsFunc(values, func(v string) bool { return strings.Contains(v, text) }) {
				return true
			}
		}
		return false
	})
}

// Wait returns the first request, past or to come, that match accepts. It ends with an error when ctx does.
func (l *EntraLog) Wait(ctx context.Context, match func(EntraRequest) bool) (EntraRequest, error) {
	return l.record.wait(ctx, match)
}

// WaitCount returns when there are at least n requests of a flow. It ends with an error when ctx does.
func (l *EntraLog) WaitCount(ctx context.Context, flow Flow, n int) error {
	if err := l.record.waitCount(ctx, n, func(r EntraRequest) bool { return r.Flow == flow }); err != nil {
		return fmt.Errorf("%s: %w", flow, err)
	}
	return nil
}

// discardLog drops net/http's remarks about handshakes and the like.
func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }
