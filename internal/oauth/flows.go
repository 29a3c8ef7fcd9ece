package oauth

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/cache"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/managedidentity"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/public"

	"drawbridge/internal/pemfile"
	"drawbridge/internal/secret"
)

// newFetcher returns what asks for tokens by s.Flow.
func newFetcher(s *settings, client *http.Client) (fetcher, error) {
	switch s.Flow {
	case Password:
		c, err := newPublic(s, client, forgetful{})
		return passwordFetcher{settings: s, client: c}, err
	case DeviceCode:
		return deviceFetcher{settings: s, narrator: newNarrator(s), client: client}, nil
	case ManagedIdentity:
		return newIdentityFetcher(s, client)
	}
	credential, err := s.credential()
	if err != nil {
		return nil, err
	}
	c, err := newConfidential(s, credential, client)
	if err != nil {
		return nil, err
	}
	return applicationFetcher{client: c, scopes: []string{s.cloud.application + "/.default"}}, nil
}

// applicationFetcher asks by a client secret, a client certificate or a workload's token (RFC 6749, section 4.4).
type applicationFetcher struct {
	client confidential.Client
	scopes []string // everything that the application was granted
}

func (f applicationFetcher) fetch(ctx context.Context, _ Request) (Token, error) {
	result, err := f.client.AcquireTokenByCredential(ctx, f.scopes)
	return tokenOf(result, err)
}

// passwordFetcher asks by the mailbox's own password (RFC 6749, section 4.3), as a public client: MSAL sends no client
// secret beside a password.
type passwordFetcher struct {
	settings *settings
	client   public.Client
}

func (f passwordFetcher) fetch(ctx context.Context, r Request) (Token, error) {
	//lint:ignore SA1019 the flow is for tenants that still allow it
	result, err := f.client.AcquireTokenByUsernamePassword(ctx, f.settings.delegatedScopes(r.Protocol), r.Mailbox, r.Password.Reveal())
	return tokenOf(result, err)
}

// identityFetcher asks the machine's own metadata service.
type identityFetcher struct {
	client   managedidentity.Client
	resource string
}

func newIdentityFetcher(s *settings, client *http.Client) (fetcher, error) {
	id := managedidentity.SystemAssigned()
	if s.ClientID != "" {
		id = managedidentity.UserAssignedClientID(s.ClientID)
	}
	c, err := managedidentity.New(id, managedidentity.WithHTTPClient(client), managedidentity.WithRetryPolicyDisabled())
	if err != nil {
		return nil, fmt.Errorf("flow managed_identity: %w: use workload_identity or client_credentials here", err)
	}
	return identityFetcher{client: c, resource: s.cloud.application}, nil
}

// fetch asks with claims, which are not sent but keep MSAL from its own cache, one for the whole process.
func (f identityFetcher) fetch(ctx context.Context, _ Request) (Token, error) {
	result, err := f.client.AcquireToken(ctx, f.resource, managedidentity.WithClaims("{}"))
	return tokenOf(result, err)
}

func tokenOf(result confidential.AuthResult, err error) (Token, error) {
	if err != nil {
		return Token{}, err
	}
	return Token{Value: secret.New(result.AccessToken), Expires: result.ExpiresOn, Account: result.Account.PreferredUsername}, nil
}

// credential is how the application proves who it is.
func (s *settings) credential() (confidential.Credential, error) {
	switch {
	case s.Flow == WorkloadIdentity:
		return confidential.NewCredFromAssertionCallback(s.workloadToken), nil
	case len(s.ClientCertificate) > 0:
		return s.certificate()
	}
	return confidential.NewCredFromSecret(s.ClientSecret.Reveal())
}

// certificate is the credential of ClientCertificate.
func (s *settings) certificate() (confidential.Credential, error) {
	pair, err := pemfile.Pair(s.ClientCertificate, s.ClientCertificate)
	if err != nil {
		return confidential.Credential{}, fmt.Errorf("client_certificate: %w", err)
	}
	// The leaf alone: of several certificates for one key MSAL would take the last, and it sends no chain.
	credential, err := confidential.NewCredFromCert([]*x509.Certificate{pair.Leaf}, pair.PrivateKey)
	if err != nil {
		return confidential.Credential{}, fmt.Errorf("client_certificate: %w: give an RSA key and the certificate made for it", err)
	}
	return credential, nil
}

// workloadToken reads the token with which the cluster vouches for this workload; it is a new one every hour.
func (s *settings) workloadToken(context.Context, confidential.AssertionRequestOptions) (string, error) {
	raw, err := readSmall(s.TokenFile)
	token := strings.TrimSpace(string(raw))
	if err == nil && token == "" {
		err = errors.New("it is empty")
	}
	if err != nil {
		return "", &Error{Class: Configuration, Err: err, Sentence: newNarrator(s).sentence(
			fmt.Sprintf("the workload's token cannot be read: %v", err), "check the projected volume and AZURE_FEDERATED_TOKEN_FILE")}
	}
	return token, nil
}

// readSmall reads a file of 64 KiB at most.
func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 64<<10))
}

// newConfidential returns MSAL's client without its cache, instance discovery and regions: the authority is a known one
// or the administrator's, and an environment variable does not send secrets elsewhere.
func newConfidential(s *settings, c confidential.Credential, client *http.Client) (confidential.Client, error) {
	return confidential.New(s.tenantURL(), s.ClientID, c,
		confidential.WithHTTPClient(client),
		confidential.WithInstanceDiscovery(false),
		confidential.WithAzureRegion("DisableMsalForceRegion"),
		confidential.WithCache(forgetful{}))
}

func newPublic(s *settings, client *http.Client, c cache.ExportReplace) (public.Client, error) {
	return public.New(s.ClientID,
		public.WithAuthority(s.tenantURL()),
		public.WithHTTPClient(client),
		public.WithInstanceDiscovery(false),
		public.WithCache(c))
}

// forgetful keeps MSAL's cache empty, so that it asks each time it is asked: the Source decides when.
type forgetful struct{}

// Replace empties the cache.
func (forgetful) Replace(_ context.Context, c cache.Unmarshaler, _ cache.ReplaceHints) error {
	return c.Unmarshal([]byte("{}"))
}

// Export keeps nothing.
func (forgetful) Export(context.Context, cache.Marshaler, cache.ExportHints) error { return nil }
