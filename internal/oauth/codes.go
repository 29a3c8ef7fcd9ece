package oauth

import (
	"cmp"
	"slices"
	"strconv"
)

// entraCode is one row of what Entra ID's numbers mean, and what to do where flowCodes has nothing for the flow; without a mend it is
// that of the class. In both texts {app}, {tenant}, {upstream}, {mailbox}, {credential} and {cloud} are filled in.
type entraCode struct {
	codes []int
	class Class
	means string
	mend  string
}

// How often the same thing has to be done.
const (
	mendConsentApp = "in the Entra admin center, App registrations > {app} > API permissions, add the application permissions " +
		"IMAP.AccessAsApp and POP.AccessAsApp of \"Office 365 Exchange Online\" and grant admin consent"
	mendConsentUser = "in the Entra admin center, App registrations > {app} > API permissions, add the delegated permissions " +
		"IMAP.AccessAsUser.All and POP.AccessAsUser.All of \"Office 365 Exchange Online\" and grant admin consent"
	mendConsentIdentity = "grant the identity's service principal IMAP.AccessAsApp and POP.AccessAsApp of \"Office 365 Exchange Online\" " +
		"(New-MgServicePrincipalAppRoleAssignment)"
	mendIdentity = "assign a managed identity to this machine and, where it has several, set client_id to the one meant"
	mendSignIn   = "run `drawbridge account login {mailbox}`"
	mendSecret   = "create a new client secret (Entra admin center > App registrations > {app} > Certificates & secrets), " +
		"put its value into upstreams.{upstream}.auth.oauth2.client_secret and reload"
	mendPolicyApp = "exempt the application from Conditional Access's policies for workload identities, or let them take the address that " +
		"this bridge is seen with"
	mendCloud  = "set cloud of upstreams.{upstream}.auth.oauth2 to where the tenant lives"
	mendTenant = "check that the tenant has Exchange Online, and that cloud is where it lives"
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
	{[]int{700025}, Configuration, "the application is a public client and {credential} was sent",
		"set \"Allow public client flows\" to No (App registrations > {app} > Authentication)"},
	{[]int{700016, 70001}, Configuration, "the application {app} does not exist in tenant {tenant}",
		"compare client_id and tenant with the app registration's overview page"},
	{[]int{7000112}, Configuration, "the application {app} is disabled",
		"enable it: Entra admin center > Enterprise applications > {app} > Properties"},
	{[]int{7000229}, Configuration, "the application {app} has no enterprise application in tenant {tenant}",
		"create it: New-MgServicePrincipal -AppId {app}"},
	{[]int{90002}, Configuration, "the tenant {tenant} does not exist in cloud {cloud}",
		"compare tenant with Entra admin center > Overview, and cloud with where the tenant lives"},
	{[]int{90038}, Configuration, "the tenant {tenant} belongs to another cloud than {cloud}", mendCloud},
	{[]int{90051}, Configuration, "the national cloud is named wrongly, which is {cloud} here", mendCloud},
	{[]int{900382}, Configuration, "the tenant {tenant} does not live in cloud {cloud}, where the application asks", mendCloud},
	{[]int{9001023, 50194}, Configuration, "this needs a tenant, not common", "set tenant to the directory's id"},
	{[]int{700027, 50012, 7000214}, Configuration, "the client certificate has expired or is not the one registered with the application",
		"upload the certificate of client_certificate: App registrations > {app} > Certificates & secrets"},
	{[]int{700030}, Configuration, "the client certificate's subject is not authorized for the application, or its issuer belongs to " +
		"another cloud",
		"upload the certificate itself (App registrations > {app} > Certificates & secrets), or have it issued for a subject that the " +
			"application's trustedCertificateSubjects name, and compare cloud with where the tenant lives"},
	{[]int{700024, 500133}, Configuration, "the signed assertion is outside its time", "set this machine's clock (NTP)"},
	{[]int{70021, 700211, 700212, 700213}, Configuration, "no federated credential of the application matches the workload's token",
		"compare issuer, subject and audience byte for byte: App registrations > {app} > Certificates & secrets > Federated credentials"},
	{[]int{1002012, 70011, 700022, 650057, 28000}, Configuration, "the scope is not one that Exchange Online knows",
		mendCloud},
	{[]int{500011, 500014}, Configuration, "Exchange Online is not set up in tenant {tenant}",
		mendTenant},
	{[]int{65001, 90094, 650056, 65004}, Consent, "consent is missing", ""},
	{[]int{50126, 50064}, WrongPassword, "the user name or password is wrong", "correct the device's password"},
	{[]int{50034}, WrongPassword, "the user does not exist in tenant {tenant}",
		"give the device the name with which the user signs in (userPrincipalName)"},
	{[]int{50056}, WrongPassword, "the user has no password in Entra ID",
		"set one for the user, or use flow client_credentials for this mailbox"},
	{[]int{50053}, AccountFault, "the account is locked, or this address is blocked by Entra ID",
		"look at the user's sign-in log, and reset the password or wait"},
	{[]int{50055}, AccountFault, "the account's password has expired", "set a new one, and put it into the device"},
	{[]int{50057}, AccountFault, "the account is disabled",
		"enable sign-in for the user or, since that of a shared mailbox stays disabled, use flow client_credentials for this mailbox"},
	{[]int{50020, 50059, 51004}, AccountFault, "the account does not belong to tenant {tenant}", "compare the mailbox's address and tenant"},
	{[]int{50076, 50079, 50072, 50074, 50158}, Policy, "multi-factor authentication is required, which no device can do", ""},
	{[]int{53003, 530084}, Policy, "Conditional Access refuses this request", ""},
	{[]int{530032, 530034}, Policy, "a security policy of the tenant refuses this request", ""},
	{[]int{50131, 53000, 53001, 53002}, Policy, "Conditional Access wants a machine or program that it knows, which a bridge is not", ""},
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
	{[]int{90024, 90006, 90033, 50033, 90012, 90085}, Unavailable, "Entra ID has a passing fault", mendWait},
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

// classMends say what to do where only the class is known, and flowMends has nothing for the flow.
var classMends = map[Class]string{
	Configuration: "run `drawbridge doctor` and compare tenant, client_id and {credential} of upstreams.{upstream}.auth.oauth2 " +
		"with the app registration",
	SecretExpired: mendSecret,
	Consent:       mendConsentApp,
	WrongPassword: "correct the device's password",
	AccountFault:  "look at the user's sign-in log in the Entra admin center",
	Policy:        mendPolicy,
	SignInAgain:   mendSignIn,
	Throttled:     mendWait,
	Unavailable:   mendWait,
	Network:       "check the name server, the firewall (port 443 outgoing) and HTTPS_PROXY",
}

// flowMends are the same, by flow.
var flowMends = map[Flow]map[Class]string{
	ClientCredentials: {Policy: mendPolicyApp},
	WorkloadIdentity:  {Policy: mendPolicyApp},
	ManagedIdentity:   {Policy: mendPolicyApp, Configuration: mendIdentity, Consent: mendConsentIdentity},
	DeviceCode:        {Consent: mendConsentUser},
	Password:          {Consent: mendConsentUser},
}

// mendOf says what to do where only the class is known.
func mendOf(f Flow, c Class) string { return cmp.Or(flowMends[f][c], classMends[c]) }

// flowCode is what a number means, and what to do, where one flow alone reads it so. Without means they are those of entraCodes.
type flowCode struct {
	flow  Flow
	codes []int
	means string
	mend  string
}

var flowCodes = []flowCode{
	{WorkloadIdentity, []int{700027, 50012, 7000214, 700030}, "the workload's token is not one that the application trusts",
		"compare issuer, subject and audience byte for byte: App registrations > {app} > Certificates & secrets > Federated credentials"},
	{WorkloadIdentity, []int{700024, 500133}, "the workload's token is outside its time",
		"set this machine's clock (NTP), and check that the file of AZURE_FEDERATED_TOKEN_FILE is renewed"},
	{ManagedIdentity, []int{500011, 500014}, "", mendTenant},
	{DeviceCode, []int{50076, 50079, 50072, 50074, 50158}, "multi-factor authentication is required anew", mendSignIn},
	{DeviceCode, []int{53003, 530032}, "", "exempt this sign-in in Conditional Access, where the device code flow itself may be blocked, " +
		"and then " + mendSignIn + ", or use flow client_credentials, which no user policy touches"},
	{DeviceCode, []int{50055}, "", "set a new one, and then " + mendSignIn},
	{DeviceCode, []int{50053}, "", "look at the user's sign-in log, reset the password or wait, and then " + mendSignIn},
	{DeviceCode, []int{50057}, "", "enable sign-in for the user or, since that of a shared mailbox stays disabled, sign in as a user who " +
		"may open it: " + mendSignIn},
}

// Explanation is what an answer of Entra ID means. Means and Mend have the placeholders of the table in codes.go.
type Explanation struct {
	Class Class
	Code  string // "AADSTS…" of the number that explained it, or of the first one
	Means string // empty where only the class is known
	Mend  string
}

// Explain classifies Entra ID's answer by its `error`, and explains it by its `error_codes` and the flow that it was given to. A
// number never makes a wrong password or an ended sign-in of anything but invalid_grant (RFC 6749, section 5.2). An answer that nobody
// knows is Unavailable.
func Explain(flow Flow, errorClass string, codes []int) Explanation {
	byError, known := errorClasses[errorClass]
	if !known {
		byError = Unavailable
	}
	for _, code := range codes {
		i := slices.IndexFunc(entraCodes, func(row entraCode) bool { return slices.Contains(row.codes, code) })
		if i >= 0 && fits(entraCodes[i].class, errorClass) {
			return entraCodes[i].explain(flow, code)
		}
	}
	e := Explanation{Class: byError, Mend: mendOf(flow, byError)}
	if len(codes) > 0 {
		e.Code = codeName(codes[0])
	}
	return e
}

func (row entraCode) explain(flow Flow, code int) Explanation {
	e := Explanation{Class: row.class, Code: codeName(code), Means: row.means, Mend: row.mend}
	i := slices.IndexFunc(flowCodes, func(f flowCode) bool { return f.flow == flow && slices.Contains(f.codes, code) })
	switch {
	case i >= 0:
		e.Means, e.Mend = cmp.Or(flowCodes[i].means, row.means), flowCodes[i].mend
	case flow == ManagedIdentity: // no app registration stands behind it
		e.Mend = ""
	}
	e.Mend = cmp.Or(e.Mend, mendOf(flow, row.class))
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
