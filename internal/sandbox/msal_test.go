package sandbox_test

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	msalerrors "github.com/AzureAD/microsoft-authentication-library-for-go/apps/errors"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/managedidentity"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/public"

	"drawbridge/internal/sandbox"
)

// Microsoft's own library is the judge of what the stand-in says.

func confidentialClient(t *testing.T, e *sandbox.Entra, credential confidential.Credential) confidential.Client {
	t.Helper()
	client, err := confidential.New(e.URL()+"/"+tenantID, appID, credential, confidential.WithHTTPClient(web(e)),
		confidential.WithInstanceDiscovery(false))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestMSAL_ClientCredentials(t *testing.T) {
	e := newEntra(t, sandbox.EntraOptions{})
	own := newIdentity(t)
	cluster, err := sandbox.NewIssuer("https://cluster.example")
	if err != nil {
		t.Fatal(err)
	}
	app := contoso().Applications[0]
	app.Certificates, app.Federated = []*x509.Certificate{own.certificate}, []sandbox.Federation{{Issuer: cluster, Subject: "me"}}
	if err := e.SetApplication(tenantID, app); err != nil {
		t.Fatal(err)
	}
	bySecret, err := confidential.NewCredFromSecret(secret)
	if err != nil {
		t.Fatal(err)
	}
	byCertificate, err := confidential.NewCredFromCert([]*x509.Certificate{own.certificate}, own.key)
	if err != nil {
		t.Fatal(err)
	}
	byAssertion := confidential.NewCredFromAssertionCallback(func(context.Context, confidential.AssertionRequestOptions) (string, error) {
		return cluster.Token("me", "", time.Hour)
	})
	for name, credential := range map[string]confidential.Credential{
		"secret": bySecret, "certificate": byCertificate, "federated": byAssertion,
	} {
		t.Run(name, func(t *testing.T) {
			result, err := confidentialClient(t, e, credential).AcquireTokenByCredential(testContext(t), []string{exchange})
			if err != nil {
				t.Fatal(err)
			}
			if left := time.Until(result.ExpiresOn); left < 59*time.Minute || left > 91*time.Minute {
				t.Errorf("got a token for %v", left)
			}
			if claims := claimsOf(t, e, result.AccessToken); claims["appid"] != appID {
				t.Errorf("got %v", claims)
			}
		})
	}
	wrong, err := confidential.NewCredFromSecret("wrong")
	if err != nil {
		t.Fatal(err)
	}
	_, err = confidentialClient(t, e, wrong).AcquireTokenByCredential(testContext(t), []string{exchange})
	var call msalerrors.CallErr
	if !errors.As(err, &call) || call.Resp.StatusCode != http.StatusUnauthorized || !strings.Contains(err.Error(), "7000215") {
		t.Errorf("got %v", err)
	}
}

func TestMSAL_PasswordAndRefresh(t *testing.T) {
	e := newEntra(t, sandbox.EntraOptions{})
	client, err := public.New(publicID, public.WithAuthority(e.URL()+"/"+tenantID), public.WithHTTPClient(web(e)),
		public.WithInstanceDiscovery(false))
	if err != nil {
		t.Fatal(err)
	}
	scopes := []string{"https://outlook.office.com/IMAP.AccessAsUser.All"}
	setEntraFaults(t, e, sandbox.EntraFaults{TokenLife: time.Second, RefreshOnce: true})
	//lint:ignore SA1019 tenants that still allow the flow are what it is for
	result, err := client.AcquireTokenByUsernamePassword(testContext(t), scopes, "anna@contoso.example", "right")
	if err != nil {
		t.Fatal(err)
	}
	if result.Account.PreferredUsername != "anna@contoso.example" || len(result.DeclinedScopes) != 0 {
		t.Errorf("got %+v", result.Account)
	}
	for range 2 { // the token is too short-lived for the cache, so each is a refresh with a new refresh token
		again, err := client.AcquireTokenSilent(testContext(t), scopes, public.WithSilentAccount(result.Account))
		if err != nil {
			t.Fatal(err)
		}
		if again.AccessToken == result.AccessToken {
			t.Error("got the same token again")
		}
	}
	if n := len(e.Log().Requests(sandbox.RefreshToken)); n != 2 {
		t.Errorf("got %d refreshes, want 2", n)
	}
	//lint:ignore SA1019 as above
	if _, err := client.AcquireTokenByUsernamePassword(testContext(t), scopes, "mfa@contoso.example", "right"); err == nil ||
		!strings.Contains(err.Error(), "AADSTS50076") {
		t.Errorf("got %v", err)
	}
}

func TestMSAL_DeviceCode(t *testing.T) {
	e := newEntra(t, sandbox.EntraOptions{})
	client, err := public.New(publicID, public.WithAuthority(e.URL()+"/"+tenantID), public.WithHTTPClient(web(e)),
		public.WithInstanceDiscovery(false))
	if err != nil {
		t.Fatal(err)
	}
	code, err := client.AcquireTokenByDeviceCode(testContext(t), []string{"https://outlook.office.com/IMAP.AccessAsUser.All"})
	if err != nil {
		t.Fatal(err)
	}
	approved := make(chan error, 1)
	go func() {
		if err := e.Log().WaitCount(t.Context(), sandbox.DeviceCodePoll, 1); err != nil {
			approved <- err
			return
		}
		approved <- e.Approve(code.Result.UserCode, "anna@contoso.example")
	}()
	result, err := code.AuthenticationResult(testContext(t))
	if err != nil || <-approved != nil || result.Account.PreferredUsername != "anna@contoso.example" {
		t.Fatalf("got %+v, %v", result.Account, err)
	}
}

func TestMSAL_ManagedIdentity(t *testing.T) {
	e := newEntra(t, sandbox.EntraOptions{})
	t.Setenv("IDENTITY_ENDPOINT", e.MetadataURL()+"/msi/token")
	t.Setenv("IDENTITY_HEADER", e.IdentityHeader())
	id := rand.Text() // MSAL's cache of these is the whole program's
	if err := e.SetApplication(tenantID, sandbox.Application{ID: id, Managed: true}); err != nil {
		t.Fatal(err)
	}
	client, err := managedidentity.New(managedidentity.UserAssignedClientID(id), managedidentity.WithHTTPClient(web(e)))
	if err != nil {
		t.Fatal(err)
	}
	result, err := client.AcquireToken(testContext(t), "https://outlook.office365.com")
	if err != nil {
		t.Fatal(err)
	}
	if claims := claimsOf(t, e, result.AccessToken); claims["appid"] != id || time.Until(result.ExpiresOn) < 23*time.Hour {
		t.Errorf("got %v until %v", claims, result.ExpiresOn)
	}
}
