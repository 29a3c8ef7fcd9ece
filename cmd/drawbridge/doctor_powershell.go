package main

import (
	"fmt"
	"regexp"
	"strings"

	"drawbridge/config"
	"drawbridge/internal/oauth"
	"drawbridge/inventory"
)

// exchangeAppID is Office 365 Exchange Online itself, the same in every tenant and cloud.
const exchangeAppID = "00000002-0000-0ff1-ce00-000000000000"

// The permissions that a token needs for a protocol: the application's, or a user's.
var (
	appRoles   = map[string]string{"imap": "IMAP.AccessAsApp", "pop3": "POP.AccessAsApp"}
	userScopes = map[string]string{"imap": "IMAP.AccessAsUser.All", "pop3": "POP.AccessAsUser.All"}
	casSwitch  = map[string]string{"imap": "-ImapEnabled $true", "pop3": "-PopEnabled $true"}
)

// powerShell writes the steps of a set-up with the ids of one tenant filled in.
type powerShell struct {
	tenant, app string
	object      string // of the enterprise application; empty where no token has told it
	user        string // whose token it is, with flows that log a user in; then app and object do not count
	cloud       string
}

func newPowerShell(o *config.OAuth2, claims oauth.Claims) powerShell {
	p := powerShell{tenant: o.Tenant, app: o.ClientID, object: claims.Object, cloud: o.Cloud}
	if p.app == "" {
		p.app = claims.App
	}
	if p.tenant == "" {
		p.tenant = claims.Tenant
	}
	if claims.User != "" {
		p.user = claims.User
	}
	return p
}

// quotes are the characters that PowerShell takes for a single quote.
var quotes = strings.NewReplacer("'", "''", "\u2018", "\u2018\u2018", "\u2019", "\u2019\u2019", "\u201a", "\u201a\u201a", "\u201b", "\u201b\u201b")

// psQuote makes s one word of PowerShell, in which nothing is expanded.
func psQuote(s string) string { return "'" + quotes.Replace(inventory.Printable(s)) + "'" }

var isGUID = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`).MatchString

// graphEnvironments and exchangeEnvironments are what the modules call the clouds; global needs no word.
var (
	graphEnvironments    = map[string]string{"gcc-high": "USGov", "dod": "USGovDoD", "china": "China"}
	exchangeEnvironments = map[string]string{"gcc-high": "O365USGovGCCHigh", "dod": "O365USGovDoD", "china": "O365China"}
)

func (p powerShell) connectGraph(scopes string) string {
	line := "Connect-MgGraph"
	if p.tenant != "" {
		line += " -TenantId " + psQuote(p.tenant)
	}
	if e := graphEnvironments[p.cloud]; e != "" {
		line += " -Environment " + e
	}
	return line + " -Scopes " + scopes
}

func (p powerShell) connectExchange() string {
	line := "Connect-ExchangeOnline"
	if p.tenant != "" {
		line += " -Organization " + psQuote(p.tenant)
	}
	if e := exchangeEnvironments[p.cloud]; e != "" {
		line += " -ExchangeEnvironmentName " + e
	}
	return line
}

// byAppID is a filter of Microsoft Graph. An id that is none is asked for.
func (p powerShell) byAppID() string {
	if !isGUID(p.app) {
		return `"appId eq '$(Read-Host 'Application (client) id')'"`
	}
	return `"appId eq '` + p.app + `'"`
}

const graphScopes = "Application.ReadWrite.All, AppRoleAssignment.ReadWrite.All"

// grant gives the application its roles, with an administrator's consent.
func (p powerShell) grant(roles ...string) []string {
	for i, r := range roles {
		roles[i] = psQuote(r)
	}
	return []string{
		p.connectGraph(graphScopes),
		"$sp = Get-MgServicePrincipal -Filter " + p.byAppID(),
		`$exo = Get-MgServicePrincipal -Filter "appId eq '` + exchangeAppID + `'"`,
		"foreach ($name in " + strings.Join(roles, ", ") + ") {",
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
	other := p
	other.tenant = "" // it is what is in doubt
	return []string{other.connectGraph("Organization.Read.All"), "Get-MgOrganization | Format-List Id, DisplayName, VerifiedDomains"}
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
	lines := []string{p.connectExchange()}
	if !isGUID(p.object) { // no token told it
		object = "$object"
		lines = []string{
			p.connectGraph("Application.Read.All"),
			"$object = (Get-MgServicePrincipal -Filter " + p.byAppID() + ").Id",
			"if (-not $object) { throw 'the application has no enterprise application in this tenant' }",
			p.connectExchange(),
		}
	}
	return append(lines,
		"$esp = Get-ServicePrincipal | Where-Object AppId -eq "+app,
		"# one that has another object id goes, and its permissions on mailboxes with it: give them again",
		"if ($esp -and $esp.ObjectId -ne "+object+") { Remove-ServicePrincipal -Identity $esp.Identity; $esp = $null }",
		"if (-not $esp) { New-ServicePrincipal -AppId "+app+" -ObjectId "+object+" -DisplayName 'Drawbridge' }")
}

// fullAccess opens a mailbox to the application, or to the user whose token it is.
func (p powerShell) fullAccess(mailbox string) []string {
	name := psQuote(mailbox)
	lines := []string{p.connectExchange()}
	trustee := "$esp.Identity"
	if p.user != "" {
		trustee = psQuote(p.user)
	} else {
		lines = append(lines, "$esp = Get-ServicePrincipal | Where-Object AppId -eq "+psQuote(p.app))
	}
	return append(lines,
		"Add-MailboxPermission -Identity "+name+" -User "+trustee+" -AccessRights FullAccess -AutoMapping $false",
		"Get-MailboxPermission -Identity "+name+" | Where-Object User -NotLike 'NT AUTHORITY*'")
}

// switchOn lets a protocol into a mailbox.
func (p powerShell) switchOn(mailbox, protocol string) []string {
	name := psQuote(mailbox)
	return []string{
		p.connectExchange(),
		"Set-CASMailbox -Identity " + name + " " + casSwitch[protocol],
		"Get-CASMailbox " + name + " | Format-List PrimarySmtpAddress, ImapEnabled, PopEnabled",
	}
}

// lookAt shows what a mailbox that opens to nobody is like.
func (p powerShell) lookAt(mailbox string) []string {
	name := psQuote(mailbox)
	return []string{
		p.connectExchange(),
		"Get-CASMailbox " + name + " | Format-List PrimarySmtpAddress, ImapEnabled, PopEnabled",
		"Get-MailboxPermission -Identity " + name + " | Where-Object User -NotLike 'NT AUTHORITY*'",
	}
}

// script is the whole set-up of an upstream as one script. It looks before it changes, so it can be run twice.
func (p powerShell) script(upstream string, roles, switches, mailboxes []string, application bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Set-up of Drawbridge's upstream %s. It changes only what is not as it should be, so it can be run again.\n", inventory.Printable(upstream))
	b.WriteString("# Needed: Application Administrator and somebody who may consent in Entra ID, Exchange Administrator in Exchange.\n")
	b.WriteString("$ErrorActionPreference = 'Stop'\n")
	b.WriteString(scriptMailboxNames(mailboxes))
	if application {
		b.WriteString(p.scriptApp() + scriptModule("Microsoft.Graph.Applications") + p.scriptEntra(roles))
	}
	b.WriteString("\n# Exchange Online\n" + scriptModule("ExchangeOnlineManagement") + p.connectExchange() + "\n")
	if application {
		b.WriteString(scriptPrincipal)
	} else {
		b.WriteString("# A user who signs in for another's mailbox needs full access to it:\n" +
			"#   Add-MailboxPermission -Identity MAILBOX -User USER -AccessRights FullAccess -AutoMapping $false\n")
	}
	b.WriteString(scriptMailboxes(switches, application))
	return b.String()
}

func scriptMailboxNames(mailboxes []string) string {
	quoted := make([]string, len(mailboxes))
	for i, m := range mailboxes {
		quoted[i] = "  " + psQuote(m)
	}
	return "$mailboxes = @(\n" + strings.Join(quoted, "\n") + "\n)\n"
}

func (p powerShell) scriptApp() string {
	app := "Read-Host 'Application (client) id of the managed identity'"
	if p.app != "" {
		app = psQuote(p.app)
	}
	return "$appId = " + app + "\n\n# Entra ID\n"
}

func scriptModule(name string) string {
	return "if (-not (Get-Module -ListAvailable " + name + ")) { Install-Module " + name + " -Scope CurrentUser }\n"
}

func (p powerShell) scriptEntra(roles []string) string {
	quoted := make([]string, len(roles))
	for i, r := range roles {
		quoted[i] = psQuote(r)
	}
	return p.connectGraph(graphScopes) + `
$sp = Get-MgServicePrincipal -Filter "appId eq '$appId'"
if (-not $sp) { $sp = New-MgServicePrincipal -AppId $appId }
$exo = Get-MgServicePrincipal -Filter "appId eq '` + exchangeAppID + `'"
$granted = Get-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $sp.Id -All
foreach ($name in ` + strings.Join(quoted, ", ") + `) {
  $role = $exo.AppRoles | Where-Object Value -eq $name
  if ($granted | Where-Object { $_.ResourceId -eq $exo.Id -and $_.AppRoleId -eq $role.Id }) { continue }
  $null = New-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $sp.Id -PrincipalId $sp.Id -ResourceId $exo.Id -AppRoleId $role.Id
  "granted $name"
}
`
}

const scriptPrincipal = `# It must have the object id of the enterprise application, not that of the app registration.
$esp = Get-ServicePrincipal | Where-Object AppId -eq $appId
if ($esp -and $esp.ObjectId -ne $sp.Id) { Remove-ServicePrincipal -Identity $esp.Identity; $esp = $null }
if (-not $esp) {
  $esp = New-ServicePrincipal -AppId $appId -ObjectId $sp.Id -DisplayName 'Drawbridge'
  'registered the application in Exchange'
}
`

const scriptAccess = `  $rights = Get-MailboxPermission -Identity $mailbox | Where-Object { $_.AccessRights -contains 'FullAccess' -and -not $_.Deny }
  if (-not ($rights | Where-Object { "$($_.User)" -in $esp.Identity, $esp.DisplayName, $esp.ObjectId, $esp.Sid })) {
    $null = Add-MailboxPermission -Identity $mailbox -User $esp.Identity -AccessRights FullAccess -AutoMapping $false
    "opened $mailbox to the application"
  }
`

// scriptMailboxes are the steps for each mailbox. switches are protocols.
func scriptMailboxes(switches []string, application bool) string {
	var b strings.Builder
	b.WriteString("\nforeach ($mailbox in $mailboxes) {\n")
	if application {
		b.WriteString(scriptAccess)
	}
	b.WriteString("  $cas = Get-CASMailbox $mailbox\n")
	for _, protocol := range switches {
		property, _, _ := strings.Cut(strings.TrimPrefix(casSwitch[protocol], "-"), " ")
		fmt.Fprintf(&b, "  if (-not $cas.%s) { Set-CASMailbox -Identity $mailbox %s; \"switched %s on for $mailbox\" }\n", property, casSwitch[protocol], protocol)
	}
	b.WriteString("}\n'Done. Permissions take up to an hour to be in force; then run: drawbridge doctor'\n")
	return b.String()
}
