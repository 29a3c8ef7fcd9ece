package doctor

import (
	"cmp"
	"regexp"
	"strings"

	"drawbridge/config"
	"drawbridge/internal/oauth"
	"drawbridge/inventory"
)

// exchangeAppID is Office 365 Exchange Online itself, the same in every tenant and cloud.
const exchangeAppID = "00000002-0000-0ff1-ce00-000000000000"

// clouds are what PowerShell's modules call them, where they need a word, and the audiences that Exchange Online takes there.
var clouds = map[string]struct {
	graph, exchange string
	audiences       []string
}{
	"global":   {"", "", []string{"https://outlook.office365.com", "https://outlook.office.com", exchangeAppID}},
	"gcc-high": {"USGov", "O365USGovGCCHigh", []string{"https://outlook.office365.us", exchangeAppID}},
	"dod":      {"USGovDoD", "O365USGovDoD", []string{"https://outlook-dod.office365.us", exchangeAppID}},
	"china":    {"China", "O365China", []string{"https://partner.outlook.cn", exchangeAppID}},
}

// powerShell writes the steps of a set-up with the ids of one tenant filled in.
type powerShell struct {
	tenant, app string
	object      string // of the enterprise application; empty where no token has told it
	user        string // whose token it is, with flows that log a user in; then app and object do not count
	cloud       string
}

func newPowerShell(o *config.OAuth2, claims oauth.Claims) powerShell {
	return powerShell{tenant: cmp.Or(o.Tenant, claims.Tenant), app: cmp.Or(o.ClientID, claims.App), object: claims.Object,
		user: claims.User, cloud: o.Cloud}
}

// quotes are the characters that PowerShell takes for a single quote.
var quotes = strings.NewReplacer("'", "''", "\u2018", "\u2018\u2018", "\u2019", "\u2019\u2019",
	"\u201a", "\u201a\u201a", "\u201b", "\u201b\u201b")

// psQuote makes s one word of PowerShell, in which nothing is expanded.
func psQuote(s string) string { return "'" + quotes.Replace(inventory.Printable(s)) + "'" }

// psList makes a list's words one expression, with before in front of each.
func psList(list []string, before, between string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = before + psQuote(s)
	}
	return strings.Join(quoted, between)
}

var isGUID = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`).MatchString

func (p powerShell) connectGraph(scopes string) string {
	return p.connect("Connect-MgGraph", " -TenantId ", " -Environment ", clouds[p.cloud].graph) + " -Scopes " + scopes
}

func (p powerShell) connectExchange() string {
	return p.connect("Connect-ExchangeOnline", " -Organization ", " -ExchangeEnvironmentName ", clouds[p.cloud].exchange)
}

func (p powerShell) connect(line, tenant, environment, name string) string {
	if p.tenant != "" {
		line += tenant + psQuote(p.tenant)
	}
	if name != "" {
		line += environment + name
	}
	return line
}

// byAppID is a filter of Microsoft Graph. An id that is none is asked for.
func (p powerShell) byAppID() string {
	app := p.app
	if !isGUID(app) {
		app = "$(Read-Host 'Application (client) id')"
	}
	return `"appId eq '` + app + `'"`
}

const graphScopes = "Application.ReadWrite.All, AppRoleAssignment.ReadWrite.All"

// roles are the permissions that an application needs for protocols.
func roles(protocols []string) []string {
	var list []string
	for _, p := range protocols {
		list = append(list, known(p).AppRole)
	}
	return list
}

// grant gives the application its roles, with an administrator's consent.
func (p powerShell) grant(roles []string) []string {
	return []string{
		p.connectGraph(graphScopes),
		"$sp = Get-MgServicePrincipal -Filter " + p.byAppID(),
		`$exo = Get-MgServicePrincipal -Filter "appId eq '` + exchangeAppID + `'"`,
		"foreach ($name in " + psList(roles, "", ", ") + ") {",
		"  $role = $exo.AppRoles | Where-Object Value -eq $name",
		"  New-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $sp.Id -PrincipalId $sp.Id -ResourceId $exo.Id -AppRoleId $role.Id",
		"}",
	}
}

// newSecret makes another client secret; its text is shown once.
func (p powerShell) newSecret() []string {
	return []string{
		p.connectGraph("Application.ReadWrite.All"),
		"$app = Get-MgApplication -Filter " + p.byAppID(),
		"(Add-MgApplicationPassword -ApplicationId $app.Id).SecretText",
	}
}

// showTenant and showApplication print what the configuration should say.
func (p powerShell) showTenant() []string {
	p.tenant = "" // it is what is in doubt
	return []string{p.connectGraph("Organization.Read.All"), "Get-MgOrganization | Format-List Id, DisplayName, VerifiedDomains"}
}

func (p powerShell) showApplication() []string {
	return []string{p.connectGraph("Application.Read.All"), "Get-MgApplication -All | Format-Table AppId, DisplayName"}
}

func (p powerShell) newEnterpriseApplication() []string {
	return []string{p.connectGraph("Application.ReadWrite.All"), "New-MgServicePrincipal -AppId " + psQuote(p.app)}
}

// register makes Exchange know the application, by the object id of the enterprise application: that of the app registration,
// which is often taken, makes every login fail.
func (p powerShell) register() []string {
	app, object := psQuote(p.app), psQuote(p.object)
	var lines []string
	if !isGUID(p.object) { // no token told it
		object = "$object"
		lines = []string{
			p.connectGraph("Application.Read.All"),
			"$object = (Get-MgServicePrincipal -Filter " + p.byAppID() + ").Id",
			"if (-not $object) { throw 'the application has no enterprise application in this tenant' }",
		}
	}
	return append(lines, p.connectExchange(),
		"$esp = Get-ServicePrincipal | Where-Object AppId -eq "+app,
		"# one that has another object id goes, and its permissions on mailboxes with it: give them again",
		"if ($esp -and $esp.ObjectId -ne "+object+") { Remove-ServicePrincipal -Identity $esp.Identity; $esp = $null }",
		"if (-not $esp) { New-ServicePrincipal -AppId "+app+" -ObjectId "+object+" -DisplayName 'Drawbridge' }")
}

// fullAccess opens a mailbox to the application, or to the user whose token it is.
func (p powerShell) fullAccess(mailbox string) []string {
	lines, trustee := []string{p.connectExchange()}, psQuote(p.user)
	if p.user == "" {
		lines, trustee = append(lines, "$esp = Get-ServicePrincipal | Where-Object AppId -eq "+psQuote(p.app)), "$esp.Identity"
	}
	return append(lines, "Add-MailboxPermission -Identity "+psQuote(mailbox)+" -User "+trustee+" -AccessRights FullAccess -AutoMapping $false",
		showAccess(mailbox))
}

// switchOn lets a protocol into a mailbox.
func (p powerShell) switchOn(mailbox, protocol string) []string {
	return []string{p.connectExchange(), "Set-CASMailbox -Identity " + psQuote(mailbox) + casSwitch(protocol), showSwitches(mailbox)}
}

func casSwitch(protocol string) string { return " -" + known(protocol).CASSwitch + " $true" }

// lookAt shows what a mailbox that opens to nobody is like.
func (p powerShell) lookAt(mailbox string) []string {
	return []string{p.connectExchange(), showSwitches(mailbox), showAccess(mailbox)}
}

func showSwitches(mailbox string) string {
	return "Get-CASMailbox " + psQuote(mailbox) + " | Format-List PrimarySmtpAddress, ImapEnabled, PopEnabled"
}

func showAccess(mailbox string) string {
	return "Get-MailboxPermission -Identity " + psQuote(mailbox) + " | Where-Object User -NotLike 'NT AUTHORITY*'"
}
