package sandbox

import (
	"cmp"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"sync"
)

// tokenAnswer is the JSON with a token (RFC 6749, section 5.1).
type tokenAnswer struct {
	Type         string `json:"token_type"`
	Scope        string `json:"scope,omitempty"`
	ExpiresIn    int64  `json:"expires_in"`
	ExtExpiresIn int64  `json:"ext_expires_in"`
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token,omitempty"`
	IDToken      string `json:"id_token,omitempty"`
	ClientInfo   string `json:"client_info,omitempty"`
}

// delegation is what a user let an application do.
type delegation struct {
	tenant      *Tenant
	application string
	user        string
	scope       string
}

// resources are the names under which services are asked for; the value says whether it is Exchange Online.
var resources = map[string]bool{
	"https://outlook.office365.com": true, "https://outlook.office.com": true, "https://ps.outlook.com": true,
	"https://outlook.office365.us": true, "https://outlook-dod.office365.us": true, "https://partner.outlook.cn": true,
	exchangeAppID: true, "https://graph.microsoft.com": false, graphAppID: false,
}

const (
	exchangeAppID = "00000002-0000-0ff1-ce00-000000000000"
	graphAppID    = "00000003-0000-0000-c000-000000000000"
	graphResource = "https://graph.microsoft.com"
	defaultScope  = ".default"
	offlineAccess = "offline_access"
)

// splitScope takes a scope apart into its resource and its permission.
func splitScope(scope string) (resource, permission string) {
	i := strings.LastIndexByte(scope, '/')
	if i < 0 {
		return "", scope
	}
	return strings.TrimSuffix(scope[:i], "/"), scope[i+1:]
}

// isIdentityScope recognises the scopes of OpenID Connect, which belong to no resource.
func isIdentityScope(scope string) bool {
	return scope == "openid" || scope == "profile" || scope == "email" || scope == offlineAccess
}

// grantApplication is client credentials: the application itself logs in.
func (c *call) grantApplication(tenant *Tenant, app Application) (tokenAnswer, error) {
	scopes := slices.DeleteFunc(words(c.r.PostForm.Get("scope")), isIdentityScope) // libraries send those too
	if len(scopes) == 0 {
		return tokenAnswer{}, refuse(900144, "scope")
	}
	resource, permission := splitScope(scopes[0])
	if len(scopes) != 1 || permission != defaultScope {
		return tokenAnswer{}, refuse(1002012, strings.Join(scopes, " "))
	}
	if _, ok := resources[resource]; !ok {
		return tokenAnswer{}, refuse(500011, resource)
	}
	return c.bearer(c.applicationClaims(tenant, app, resource))
}

// bearer is an answer with an access token and nothing else.
func (c *call) bearer(cl claims) (tokenAnswer, error) {
	life := c.life()
	token, err := c.accessToken(cl, life)
	seconds := int64(life.Seconds())
	return tokenAnswer{Type: "Bearer", ExpiresIn: seconds, ExtExpiresIn: seconds, AccessToken: token}, err
}

// grantPassword is ROPC (RFC 6749, section 4.3).
func (c *call) grantPassword(tenant *Tenant, app Application, user User) (tokenAnswer, error) {
	switch {
	case user.Name == "":
		return tokenAnswer{}, refuse(50034, c.note.User)
	case user.Refusal == 50053:
		return tokenAnswer{}, refuse(50053, "")
	case user.Password == "" || subtle.ConstantTimeCompare([]byte(c.r.PostForm.Get("password")), []byte(user.Password)) == 0:
		return tokenAnswer{}, refuse(50126, "")
	}
	return c.delegate(delegation{tenant, app.ID, user.Name, c.r.PostForm.Get("scope")})
}

// grantRefresh hands out a new refresh token with each access token.
func (c *call) grantRefresh(tenant *Tenant, app Application) (tokenAnswer, error) {
	d, code := c.refresh.use(c.r.PostForm.Get("refresh_token"), c.fault.RefreshOnce)
	if code != 0 {
		return tokenAnswer{}, refuse(code, "")
	}
	if d.application != app.ID || d.tenant != tenant {
		return tokenAnswer{}, refuse(70000, "")
	}
	c.note.User = d.user
	d.scope = cmp.Or(c.r.PostForm.Get("scope"), d.scope)
	return c.delegate(d)
}

// delegate makes a user's tokens, once the user is known.
func (c *call) delegate(d delegation) (tokenAnswer, error) {
	app, user := c.directory.look(d.tenant, d.application, d.user)
	if user.Name == "" {
		return tokenAnswer{}, refuse(50034, d.user)
	}
	if user.Refusal != 0 {
		return tokenAnswer{}, refuse(user.Refusal, exchangeAppID)
	}
	resource, permissions, err := delegated(app, d.scope)
	if err != nil {
		return tokenAnswer{}, err
	}
	answer, err := c.bearer(c.userClaims(d.tenant, app, user, resource, permissions))
	if err != nil {
		return tokenAnswer{}, err
	}
	answer.Scope = grantedScope(resource, permissions, d.scope)
	if slices.Contains(words(d.scope), offlineAccess) {
		answer.RefreshToken = c.refresh.issue(d)
	}
	return c.identify(answer, d, app, user)
}

// delegated finds the one resource and the permissions that a scope asks for; without consent there are none.
func delegated(app Application, scope string) (resource string, permissions []string, err error) {
	for _, s := range words(scope) {
		if isIdentityScope(s) {
			continue
		}
		where, permission := splitScope(s)
		if _, ok := resources[where]; !ok || resource != "" && where != resource {
			return "", nil, refuse(70011, s)
		}
		resource = where
		switch {
		case app.NoConsent:
			return "", nil, refuse(65001, app.ID)
		case permission == defaultScope:
			permissions = append(permissions, app.Scopes...)
		case !slices.Contains(app.Scopes, permission):
			return "", nil, refuse(65001, app.ID)
		default:
			permissions = append(permissions, permission)
		}
	}
	if resource == "" {
		return "", nil, refuse(900144, "scope")
	}
	return resource, permissions, nil
}

// grantedScope is the scope in the answer: what was granted, under the name that was asked for.
func grantedScope(resource string, permissions []string, asked string) string {
	var granted []string
	for _, p := range permissions {
		granted = append(granted, resource+"/"+p)
	}
	for _, s := range words(asked) {
		if isIdentityScope(s) && s != offlineAccess || strings.HasSuffix(s, "/"+defaultScope) {
			granted = append(granted, s)
		}
	}
	return strings.Join(granted, " ")
}

// identify adds who the user is, for programs that asked.
func (c *call) identify(answer tokenAnswer, d delegation, app Application, user User) (tokenAnswer, error) {
	if slices.Contains(words(d.scope), "openid") {
		token, err := c.identityToken(d.tenant, app, user)
		if err != nil {
			return tokenAnswer{}, err
		}
		answer.IDToken = token
	}
	if c.r.PostForm.Get("client_info") == "1" {
		raw, err := json.Marshal(map[string]string{"uid": user.ObjectID, "utid": d.tenant.ID})
		if err != nil {
			return tokenAnswer{}, err
		}
		answer.ClientInfo = base64.RawURLEncoding.EncodeToString(raw)
	}
	return answer, nil
}

// refreshToken is what a refresh token stands for.
type refreshToken struct {
	delegation
	value string
	code  int // the AADSTS number with which it is refused; 0: it is good
}

type refreshTokens struct {
	mu     sync.Mutex
	tokens []*refreshToken
}

// issue makes a refresh token, as long as Entra ID's are.
func (r *refreshTokens) issue(d delegation) string {
	value := "1." + strings.Repeat(rand.Text(), 36)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tokens = keep(r.tokens, &refreshToken{delegation: d, value: value}, maxOpen)
	return value
}

// use returns what a token stands for, or the number with which it is refused.
func (r *refreshTokens) use(value string, once bool) (delegation, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.tokens {
		if t.value != value {
			continue
		}
		code := t.code
		if once && code == 0 {
			t.code = 70000
		}
		return t.delegation, code
	}
	return delegation{}, 70000
}

// Revoke ends the refresh tokens that a user has so far; whoever uses one is refused with an AADSTS number: 50173 after
// a change of password, which 0 stands for, 700082 or 70008 after idling, 70043 for sign-in frequency.
func (e *Entra) Revoke(user string, code int) {
	e.refresh.mu.Lock()
	defer e.refresh.mu.Unlock()
	for _, t := range e.refresh.tokens {
		if strings.EqualFold(t.user, user) {
			t.code = cmp.Or(code, 50173)
		}
	}
}
