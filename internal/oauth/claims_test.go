package oauth_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"drawbridge/internal/oauth"
)

func TestDecode(t *testing.T) {
	app := `{"aud":"https://outlook.office365.com","iss":"i","tid":"t","appid":"a","oid":"o","idtyp":"app","exp":1700000000,` +
		`"roles":["IMAP.AccessAsApp"]}`
	user := `{"aud":["00000002-0000-0ff1-ce00-000000000000","x"],"azp":"a","scp":"IMAP.AccessAsUser.All ` +
		`POP.AccessAsUser.All","preferred_username":"u@contoso.com"}`
	tests := []struct {
		name  string
		token string
		want  oauth.Claims
		err   string
	}{
		{"an application's", "e30." + jwtPart(app) + ".sig", oauth.Claims{Audience: "https://outlook.office365.com", Issuer: "i", Tenant: "t",
			App: "a", Object: "o", Type: "app",
			Expires: time.Unix(1700000000, 0), Roles: []string{"IMAP.AccessAsApp"}, Scopes: []string{}}, ""},
		{"a user's", "e30." + jwtPart(user) + ".sig", oauth.Claims{Audience: "00000002-0000-0ff1-ce00-000000000000", App: "a",
			User:   "u@contoso.com",
			Scopes: []string{"IMAP.AccessAsUser.All", "POP.AccessAsUser.All"}}, ""},
		{"padded", "e30." + jwtPart(`{"a":1}`) + "==.sig", oauth.Claims{Scopes: []string{}}, ""},
		{"no audience", "e30." + jwtPart(`{"aud":[]}`) + ".sig", oauth.Claims{Scopes: []string{}}, ""},
		{"opaque", canaryToken, oauth.Claims{}, "opaque"},
		{"not base64", "a.canary!.c", oauth.Claims{}, "base64url"},
		{"not JSON", "a." + jwtPart("canary") + ".c", oauth.Claims{}, "JSON"},
		{"odd audience", "a." + jwtPart(`{"aud":7}`) + ".c", oauth.Claims{}, "JSON"},
		{"long", strings.Repeat("x", 20<<10), oauth.Claims{}, "too long"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := oauth.Decode(test.token)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("error: got %v, want %q", err, test.err)
				}
				noCanary(t, err.Error())
				return
			}
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, %v, want %+v", got, err, test.want)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("e30." + jwtPart(`{"aud":["a"],"exp":1}`) + ".s")
	f.Add("a.b.c")
	f.Add("..")
	f.Add("e30." + jwtPart(`{"aud":null,"roles":null,"exp":-1}`) + ".")
	f.Fuzz(func(t *testing.T, token string) {
		claims, err := oauth.Decode(token)
		if err != nil && !reflect.DeepEqual(claims, oauth.Claims{}) {
			t.Errorf("claims beside an error: %+v", claims)
		}
	})
}
