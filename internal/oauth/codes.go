package oauth

import (
	"slices"
	"strconv"
)

// entraCode is one row of what Entra ID's numbers mean. In mend {app}, {tenant}, {upstream}, {mailbox}, {credential} and
// {cloud} are filled in.
type entraCode struct {
	codes []int
	class Class
	means string
	mend  string
}

// How often the same thing has to be done.
const (
	mendConsent = "in the Entra admin center, App registrations > {app} > API permissions, add what the flow needs of " +
		"\"Office 365 Exchange Online\" (IMAP.AccessAsApp and POP.AccessAsApp, or the delegated IMAP.AccessAsUser.All and " +
		"POP.AccessAsUser.All) and grant admin consent"
	mendSignIn = "run `drawbridge account login {mailbox}`"
	mendSecret = "create a new client secret (Entra admin center > App registrations > {app} > Certificates & secrets), " +
		"put its value into upstreams.{upstream}.auth.oauth2.client_secret and reload"
	mendPolicy = "exempt this sign-in in Conditional Access, or use flow client_credentials, which no user policy touches"
	mendWait   = "nothing needs to be done, it is asked again by itself"
)

// entraCodes explain the numbers of error_codes (learn.microsoft.com, "Microsoft Entra authentication and authorization
// error codes"). Microsoft may change them: what happens is decided by `error` and the HTTP status wherever they suffice.
var entraCodes = []entraCode{
	{[]int{7000222}, SecretExpired, "the client secret has expired", mendSecret},
	{[]int{7000215, 70002}, Configuration, "the client secret is wrong (often its ID was pasted instead of its value)", mendSecret},
	{[]int{7000218}, Configuration, "the application is not a public client and no client secret was sent",
		"set \"Allow public client flows\" to Yes (App registrations > {app} > Authentication)"},
	{[]int{700025}, Configuration, "the application is a public client and a client secret was sent",
		"remove client_secret, or set \"Allow public client flows\" to No (App registrations > {app} > Authentication)"},
	{[]int{700016, 70001}, Configuration, "the application {app} does not exist in tenant {tenant}",
		"compare client_id and tenant with the app registration's overview page"},
	{[]int{7000112}, Configuration, "the application {app} is disabled",
		"enable it: Entra admin center > Enterprise applications > {app} > Properties"},
	{[]int{7000229}, Configuration, "the application {app} has no enterprise application in tenant {tenant}",
		"create it: New-MgServicePrincipal -AppId {app}"},
	{[]int{90002}, Configuration, "the tenant {tenant} does not exist in cloud {cloud}",
		"compare tenant with Entra admin center > Overview, and cloud with where the tenant lives"},
	{[]int{90038}, Configuration, "the tenant {tenant} belongs to another cloud than {cloud}", "set cloud to where the tenant lives"},
	{[]int{9001023, 50194}, Configuration, "this needs a tenant, not common", "set tenant to the directory's id"},
	{[]int{700027, 50012, 7000214}, Configuration, "the client certificate has expired or is not the one registered with the application",
		"upload the certificate of client_certificate: App registrations > {app} > Certificates & secrets"},
	{[]int{700024, 700030, 500133}, Configuration, "the signed assertion is outside its time", "set this machine's clock (NTP)"},
	{[]int{70021, 700211, 700212, 700213}, Configuration, "no federated credential of the application matches the workload's token",
		"compare issuer, subject and audience byte for byte: App registrations > {app} > Certificates & secrets > Federated credentials"},
	{[]int{1002012, 70011, 700022, 650057, 28000}, Configuration, "the scope is not one that Exchange Online knows",
		"remove an own resource from the configuration, and set cloud to where the tenant lives"},
	{[]int{500011, 500014}, Configuration, "Exchange Online is not set up in tenant {tenant}",
		"check that the tenant has Exchange Online, and that cloud is where it lives"},
	{[]int{65001, 90094, 650056, 65004}, Consent, "consent is missing", mendConsent},
	{[]int{50126, 50034, 50056, 50064}, WrongPassword, "the user name or password is wrong", "correct the device's password"},
	{[]int{50053}, AccountFault, "the account is locked, or this address is blocked by Entra ID",
		"look at the user's sign-in log, and reset the password or wait"},
	{[]int{50055}, AccountFault, "the account's password has expired", "set a new one, and put it into the device"},
	{[]int{50057}, AccountFault, "the account is disabled", "enable sign-in for the user"},
	{[]int{50020, 50059, 51004}, AccountFault, "the account does not belong to tenant {tenant}", "compare the mailbox's address and tenant"},
	{[]int{50076, 50079, 50072, 50074, 50158}, Policy, "multi-factor authentication is required, which no device can do", mendPolicy},
	{[]int{53003, 50131, 53000, 53001, 53002, 530032, 530034, 530084}, Policy, "Conditional Access refuses this sign-in", mendPolicy},
	{[]int{530035}, Policy, "security defaults refuse this sign-in",
		"use flow client_credentials, or replace security defaults by Conditional Access"},
	{[]int{70008, 700082, 700084}, SignInAgain, "the sign-in was not used for too long", mendSignIn},
	{[]int{70043}, SignInAgain, "the sign-in frequency of Conditional Access has passed", mendSignIn},
	{[]int{50173, 50133}, SignInAgain, "the sign-in was revoked, by a password change or an administrator", mendSignIn},
	{[]int{70000, 50078, 50089}, SignInAgain, "the sign-in is no longer valid", mendSignIn},
	{[]int{70018}, SignInAgain, "the code was mistyped", mendSignIn},
	{[]int{70019, 70020}, SignInAgain, "the code was not entered in time", mendSignIn},
	{[]int{50196}, Throttled, "Entra ID sees the same request too often", mendWait},
	{[]int{90055}, Throttled, "the tenant asks Entra ID too often", mendWait},
	{[]int{90024, 90006, 90033, 50033, 90012, 90051, 90085}, Unavailable, "Entra ID has a passing fault", mendWait},
}

// errorClasses say what an `error` of OAuth2 means where no number tells more (RFC 6749, sections 4.1.2.1 and 5.2;
// RFC 8628, section 3.5; and Entra's own).
var errorClasses = map[string]Class{
	"invalid_request":           Configuration,
	"invalid_client":            Configuration,
	"unauthorized_client":       Configuration,
	"unsupported_grant_type":    Configuration,
	"unsupported_response_type": Configuration,
	"invalid_scope":             Configuration,
	"invalid_resource":          Configuration,
	"invalid_tenant":            Configuration,
	"invalid_instance":          Configuration,
	"consent_required":          Consent,
	"access_denied":             Policy,
	"interaction_required":      Policy,
	"invalid_grant":             SignInAgain,
	"login_required":            SignInAgain,
	"expired_token":             SignInAgain,
	"authorization_declined":    SignInAgain,
	"bad_verification_code":     SignInAgain,
	"slow_down":                 Throttled,
	"temporarily_unavailable":   Unavailable,
	"server_error":              Unavailable,
}

// classMends say what to do where only the class is known.
var classMends = map[Class]string{
	Configuration: "run `drawbridge doctor` and compare tenant, client_id and {credential} of upstreams.{upstream}.auth.oauth2 " +
		"with the app registration",
	SecretExpired: mendSecret,
	Consent:       mendConsent,
	WrongPassword: "correct the device's password",
	AccountFault:  "look at the user's sign-in log in the Entra admin center",
	Policy:        mendPolicy,
	SignInAgain:   mendSignIn,
	Throttled:     mendWait,
	Unavailable:   mendWait,
	Network:       "check the name server, the firewall (port 443 outgoing) and HTTPS_PROXY",
}

// Explanation is what an answer of Entra ID means. Means and Mend have the placeholders of the table in codes.go.
type Explanation struct {
	Class Class
	Code  string // "AADSTS…" of the number that explained it, or of the first one
	Means string // empty where only the class is known
	Mend  string
}

// Explain classifies Entra ID's answer by its `error`, and explains it by its `error_codes`. A number never makes a
// wrong password or an ended sign-in of anything but invalid_grant (RFC 6749, section 5.2). An answer that nobody knows
// is Unavailable.
func Explain(errorClass string, codes []int) Explanation {
	byError, known := errorClasses[errorClass]
	if !known {
		byError = Unavailable
	}
	for _, code := range codes {
		i := slices.IndexFunc(entraCodes, func(row entraCode) bool { return slices.Contains(row.codes, code) })
		if i >= 0 && fits(entraCodes[i].class, errorClass) {
			return Explanation{Class: entraCodes[i].class, Code: codeName(code), Means: entraCodes[i].means, Mend: entraCodes[i].mend}
		}
	}
	e := Explanation{Class: byError, Mend: classMends[byError]}
	if len(codes) > 0 {
		e.Code = codeName(codes[0])
	}
	return e
}

// fits reports whether a number's class may be believed beside an `error`.
func fits(c Class, errorClass string) bool {
	switch c {
	case WrongPassword:
		return errorClass == "invalid_grant"
	case SignInAgain:
		return errorClasses[errorClass] == SignInAgain || errorClasses[errorClass] == Policy
	}
	return true
}

func codeName(code int) string { return "AADSTS" + strconv.Itoa(code) }
