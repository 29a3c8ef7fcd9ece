package oauth_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/internal/oauth"
	"drawbridge/proxy/login"
)

func TestToken_WhatEntraAnswersBecomesAClassAndAMend(t *testing.T) {
	tests := []struct {
		name  string
		say   *reply
		class oauth.Class
		words []string
	}{
		{"expired secret", refusal(401, "invalid_client", 7000222), oauth.SecretExpired, []string{"AADSTS7000222", "client_secret"}},
		{"wrong secret", refusal(401, "invalid_client", 7000215), oauth.Configuration, []string{"ID was pasted"}},
		{"unknown application", refusal(400, "unauthorized_client", 700016), oauth.Configuration, []string{"app-1", tenant}},
		{"loop", refusal(400, "invalid_request", 50196), oauth.Throttled, []string{"too often"}},
		{"consent", refusal(400, "invalid_grant", 65001), oauth.Consent, []string{"IMAP.AccessAsApp"}},
		{"unknown number", refusal(400, "invalid_client", 4711), oauth.Configuration, []string{"AADSTS4711", "client_secret", "doctor"}},
		{"no number", refusal(400, "invalid_scope"), oauth.Configuration, []string{"invalid_scope"}},
		{"invalid_grant for an application", refusal(400, "invalid_grant", 70000), oauth.Configuration, []string{"AADSTS70000"}},
		{"unknown error", refusal(400, "canary_error-1"), oauth.Unavailable, nil},
		{"fault of its own", refusal(500, "server_error", 90033), oauth.Unavailable, []string{"HTTP 500", "by itself"}},
		{"throttled", &reply{status: 429}, oauth.Throttled, []string{"HTTP 429"}},
		{"garbage", &reply{body: "<html>" + canaryToken}, oauth.Unavailable, []string{"not one of a token service"}},
		{"garbage refused", &reply{status: 403, body: "<html>" + canarySecret}, oauth.Unavailable, []string{"HTTP 403"}},
		{"nothing", &reply{}, oauth.Unavailable, nil},
		{"null", &reply{body: "null"}, oauth.Unavailable, nil},
		{"a list", &reply{body: "[1,2]"}, oauth.Unavailable, nil},
		{"other types", &reply{body: `{"access_token":5,"expires_in":{},"id_token":7}`}, oauth.Unavailable, nil},
		{"other types refused", &reply{status: 400, body: `{"error":5,"error_codes":"x"}`}, oauth.Unavailable, nil},
		{"broken ID token", &reply{body: `{"access_token":"a b","expires_in":3600,"id_token":"..","client_info":"!"}`}, oauth.Unavailable, nil},
		{"no token in it", &reply{body: `{"token_type":"Bearer","expires_in":3600}`}, oauth.Unavailable, nil},
		{"no end", &reply{body: `{"token_type":"Bearer","access_token":"` + canaryToken + `"}`}, oauth.Unavailable, nil},
		{"ended token", &reply{body: `{"token_type":"Bearer","expires_in":3,"access_token":"` + canaryToken + `"}`}, oauth.Unavailable,
			[]string{"clock"}},
		{"lines in the token", &reply{body: `{"token_type":"Bearer","expires_in":3600,"access_token":"` + canaryToken + `\r\nA1 LOGIN"}`},
			oauth.Unavailable, []string{"0x0d"}},
		{"huge token", &reply{body: `{"token_type":"Bearer","expires_in":3600,"access_token":"` + strings.Repeat("x", 20<<10) + `"}`},
			oauth.Unavailable, []string{"20480 bytes"}},
		{"huge answer", &reply{body: strings.Repeat("x", 300<<10)}, oauth.Network, []string{"256 KiB"}},
		{"redirect", &reply{status: 302, header: map[string]string{"Location": "https://elsewhere.test/"}}, oauth.Unavailable,
			[]string{"redirects"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEntra(t)
				e.say = always(test.say)
				s := open(t, e.options())
				fault := fail(t, s, imap, test.class)
				contains(t, fault.Sentence, append(test.words, "exchange-online")...)
				if refused := oauth.Fault(fault); refused.Reason != login.Unavailable {
					t.Errorf("the device is told %v, want Unavailable", refused.Reason)
				}
				e.set(func(e *entra) { e.say = nil })
				time.Sleep(2 * time.Second)
				get(t, s, imap)
			})
		})
	}
}

func TestToken_WrongTenantIsToldByDiscovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEntra(t)
		e.discover = refusal(400, "invalid_tenant", 90002)
		s := open(t, e.options())
		fault := fail(t, s, imap, oauth.Configuration)
		contains(t, fault.Sentence, "does not exist in cloud global", tenant)
		if fault.Trace != "0f1e2d3c-0000-4000-8000-000000000001" {
			t.Errorf("trace: got %q", fault.Trace)
		}
		if e.requests() != 0 {
			t.Error("the secret was sent")
		}
	})
}

func TestToken_NoSecretGoesToAnotherHost(t *testing.T) {
	for _, endpoint := range []string{"https://elsewhere.test/token", "http://entra.test/token"} {
		synctest.Test(t, func(t *testing.T) {
			e := newEntra(t)
			e.endpoint = endpoint
			s := open(t, e.options())
			contains(t, fail(t, s, imap, oauth.Configuration).Sentence, "cloud")
			if e.requests() != 0 {
				t.Errorf("the secret was sent to %s", endpoint)
			}
		})
	}
}

func TestToken_UntrustedCertificateNamesCA(t *testing.T) {
	e := newEntra(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			select {
			case e.conns <- c:
			case <-e.done:
			}
		}
	}()
	o := e.options()
	o.CA = nil
	o.SetDial(func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, listener.Addr().String())
	})
	s := open(t, o)
	contains(t, fail(t, s, imap, oauth.Network).Sentence, "entra.test", "as ca")
}

func TestToken_NoSecretToACertificateThatCanBeForged(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	good, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		key       *rsa.PrivateKey
		algorithm x509.SignatureAlgorithm
		says      string
	}{
		{small, x509.SHA256WithRSA, "an RSA key of 1024 bits"},
		{good, x509.SHA1WithRSA, "a signature by SHA1-RSA"},
	} {
		synctest.Test(t, func(t *testing.T) {
			e := newEntraOf(t, c.key, c.algorithm)
			s := open(t, e.options())
			contains(t, fail(t, s, imap, oauth.Network).Sentence, "the certificate of entra.test does not verify: ", c.says, "TLS inspection")
			if e.requests() != 0 {
				t.Error("a request was made")
			}
		})
	}
}

func TestToken_UnreachableEntraIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEntra(t)
		o := e.options()
		down := true
		o.SetDial(func(ctx context.Context, network, address string) (net.Conn, error) {
			if down {
				return nil, &net.DNSError{Err: "no such host", Name: "entra.test", IsNotFound: true}
			}
			return e.dial(ctx, network, address)
		})
		s := open(t, o)
		fault := fail(t, s, imap, oauth.Network)
		contains(t, fault.Sentence, "no such host", "HTTPS_PROXY")
		var dns *net.DNSError
		if !errors.As(fault, &dns) {
			t.Error("the network's error is not kept")
		}
		down = false
		time.Sleep(2 * time.Second)
		get(t, s, imap)
	})
}

func TestToken_AskedAgainstTheContract(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, newEntra(t).options())
		fail(t, s, oauth.Request{Protocol: "smtp"}, oauth.Configuration)
	})
}

func TestExplain(t *testing.T) {
	tests := []struct {
		name  string
		error string
		codes []int
		class oauth.Class
		code  string
	}{
		{"a number explains", "invalid_client", []int{7000222}, oauth.SecretExpired, "AADSTS7000222"},
		{"the first known number", "invalid_grant", []int{1, 50126}, oauth.WrongPassword, "AADSTS50126"},
		{"no wrong password but by invalid_grant", "invalid_request", []int{50126}, oauth.Configuration, "AADSTS50126"},
		{"no ended sign-in by a server's fault", "server_error", []int{70008}, oauth.Unavailable, "AADSTS70008"},
		{"multi-factor", "interaction_required", []int{50076}, oauth.Policy, "AADSTS50076"},
		{"no number", "invalid_grant", nil, oauth.SignInAgain, ""},
		{"nothing known", "unheard_of", []int{-1}, oauth.Unavailable, "AADSTS-1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := oauth.Explain(oauth.DeviceCode, test.error, test.codes)
			if got.Class != test.class || got.Code != test.code || got.Mend == "" {
				t.Errorf("got %+v, want %s %s and a mend", got, test.class, test.code)
			}
		})
	}
}

// TestExplain_AdviceFitsCodeAndFlow has of each answer what must be said to whom, and what must not.
func TestExplain_AdviceFitsCodeAndFlow(t *testing.T) {
	const app, workload, machine, device, password = oauth.ClientCredentials, oauth.WorkloadIdentity, oauth.ManagedIdentity, oauth.DeviceCode,
		oauth.Password
	for _, c := range []struct {
		flow  oauth.Flow
		error string
		code  int
		class oauth.Class
		says  string
		not   string
	}{
		{app, "access_denied", 53003, oauth.Policy, "policies for workload identities", "client_credentials"},
		{app, "invalid_grant", 530032, oauth.Policy, "policies for workload identities", "client_credentials"},
		{workload, "access_denied", 53003, oauth.Policy, "policies for workload identities", "client_credentials"},
		{machine, "access_denied", 53003, oauth.Policy, "policies for workload identities", "client_credentials"},
		{app, "access_denied", 0, oauth.Policy, "policies for workload identities", "client_credentials"},
		{app, "interaction_required", 50076, oauth.Policy, "policies for workload identities", "client_credentials"},
		{device, "invalid_grant", 53003, oauth.Policy, "device code", "which no device can do"},
		{device, "invalid_grant", 530032, oauth.Policy, "device code", "which no device can do"},
		{device, "invalid_grant", 50076, oauth.Policy, "account login {mailbox}", "which no device can do"},
		{device, "interaction_required", 50079, oauth.Policy, "account login {mailbox}", "which no device can do"},
		{device, "invalid_grant", 50074, oauth.Policy, "account login {mailbox}", "which no device can do"},
		{device, "invalid_grant", 53000, oauth.Policy, "client_credentials", "account login"},
		{password, "invalid_grant", 50076, oauth.Policy, "flow client_credentials", "account login"},
		{password, "invalid_grant", 53003, oauth.Policy, "flow client_credentials", "account login"},
		{password, "invalid_grant", 530035, oauth.Policy, "security defaults", "account login"},

		{app, "invalid_client", 700030, oauth.Configuration, "subject is not authorized", "clock"},
		{app, "invalid_client", 700030, oauth.Configuration, "trustedCertificateSubjects", "NTP"},
		{app, "invalid_client", 700027, oauth.Configuration, "client_certificate", "clock"},
		{workload, "invalid_client", 700027, oauth.Configuration, "Federated credentials", "client_certificate"},
		{workload, "invalid_client", 50012, oauth.Configuration, "Federated credentials", "client_certificate"},
		{app, "invalid_client", 700024, oauth.Configuration, "clock", "projected"},
		{workload, "invalid_client", 700024, oauth.Configuration, "AZURE_FEDERATED_TOKEN_FILE", "client_certificate"},
		{app, "invalid_client", 7000215, oauth.Configuration, "ID was pasted", "clock"},
		{app, "invalid_client", 7000222, oauth.SecretExpired, "client_secret", "clock"},
		{app, "invalid_client", 700025, oauth.Configuration, "to No", "remove client_secret"},
		{password, "invalid_client", 7000218, oauth.Configuration, "to Yes", "client_secret and reload"},
		{app, "unauthorized_client", 700016, oauth.Configuration, "client_id and tenant", "cloud"},

		{app, "invalid_request", 90051, oauth.Configuration, "set cloud", "by itself"},
		{device, "invalid_request", 90051, oauth.Configuration, "set cloud", "by itself"},
		{app, "invalid_request", 900382, oauth.Configuration, "set cloud", "by itself"},
		{app, "invalid_request", 90002, oauth.Configuration, "cloud with where the tenant lives", "by itself"},
		{app, "invalid_scope", 1002012, oauth.Configuration, "set cloud", "own resource"},

		{app, "invalid_grant", 65001, oauth.Consent, "IMAP.AccessAsApp", "AccessAsUser"},
		{device, "invalid_grant", 65001, oauth.Consent, "IMAP.AccessAsUser.All", "AccessAsApp"},
		{password, "invalid_grant", 65001, oauth.Consent, "POP.AccessAsUser.All", "AccessAsApp"},
		{machine, "invalid_grant", 65001, oauth.Consent, "New-MgServicePrincipalAppRoleAssignment", "App registrations"},
		{password, "consent_required", 0, oauth.Consent, "IMAP.AccessAsUser.All", "AccessAsApp"},

		{password, "invalid_grant", 50126, oauth.WrongPassword, "the device's password", "account login"},
		{password, "invalid_grant", 50034, oauth.WrongPassword, "userPrincipalName", "correct the device's password"},
		{password, "invalid_grant", 50056, oauth.WrongPassword, "no password", "correct the device's password"},
		{password, "invalid_grant", 50053, oauth.AccountFault, "sign-in log", "account login"},
		{password, "invalid_grant", 50055, oauth.AccountFault, "into the device", "account login"},
		{device, "invalid_grant", 50055, oauth.AccountFault, "account login {mailbox}", "into the device"},
		{password, "invalid_grant", 50057, oauth.AccountFault, "shared mailbox", "account login"},
		{device, "invalid_grant", 50057, oauth.AccountFault, "enable sign-in", "into the device"},

		{machine, "invalid_request", 0, oauth.Configuration, "assign a managed identity", "client_id and"},
		{machine, "unauthorized_client", 700016, oauth.Configuration, "assign a managed identity", "app registration's"},
		{machine, "invalid_resource", 500011, oauth.Configuration, "has Exchange Online", "assign a managed identity"},
		{machine, "server_error", 0, oauth.Unavailable, "by itself", "authority"},
	} {
		var codes []int
		if c.code != 0 {
			codes = []int{c.code}
		}
		got := oauth.Explain(c.flow, c.error, codes)
		said := got.Means + ": " + got.Mend
		if got.Class != c.class || !strings.Contains(said, c.says) || strings.Contains(said, c.not) {
			t.Errorf("%s, %s, %d: got %s, %q, want %s and %q, not %q", c.flow, c.error, c.code, got.Class, said, c.class, c.says, c.not)
		}
	}
}

func TestToken_ManagedIdentityIsNotToldOfAnAuthority(t *testing.T) {
	for _, body := range []string{"<html>", "{}", `{"access_token":"x","expires_on":"5","token_type":"Bearer"}`} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
		t.Setenv("IDENTITY_ENDPOINT", server.URL)
		t.Setenv("IDENTITY_HEADER", "h")
		s := open(t, oauth.Options{Name: "exchange-online", Flow: oauth.ManagedIdentity})
		sentence := fail(t, s, imap, oauth.Unavailable).Sentence
		if strings.Contains(sentence, "authority") || strings.Contains(sentence, "HTTPS_PROXY") {
			t.Errorf("%s: %s", body, sentence)
		}
		server.Close()
	}
}

func TestEntraCodes_EachStandsThereOnce(t *testing.T) {
	codes := oauth.EntraCodes()
	slices.Sort(codes)
	for i := 1; i < len(codes); i++ {
		if codes[i] == codes[i-1] {
			t.Errorf("AADSTS%d stands there twice", codes[i])
		}
	}
}

func TestFault(t *testing.T) {
	blocked := login.Refuse(login.Blocked, "by stage")
	tests := []struct {
		name string
		err  error
		want login.Reason
	}{
		{"wrong password", fmt.Errorf("log in: %w", &oauth.Error{Class: oauth.WrongPassword}), login.BadCredentials},
		{"expired secret", &oauth.Error{Class: oauth.SecretExpired}, login.Unavailable},
		{"a deadline", context.DeadlineExceeded, login.Unavailable},
		{"a refusal", blocked, login.Blocked},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := oauth.Fault(test.err); got.Reason != test.want {
				t.Errorf("got %v, want %v", got.Reason, test.want)
			}
		})
	}
	if oauth.Fault(nil) != nil {
		t.Error("no error is a refusal")
	}
}
