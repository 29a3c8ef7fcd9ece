package doctor

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"drawbridge/config"
	"drawbridge/internal/oauth"
	"drawbridge/inventory"
)

// Script prints the set-up of every upstream that takes tokens, with the mailboxes of targets, for PowerShell. Where no upstream
// does, that is an error.
func Script(w io.Writer, upstreams []config.Upstream, targets []*Target) error {
	var scripts []string
	for _, u := range upstreams {
		if u.OAuth2 != nil {
			scripts = append(scripts, script(u, targets))
		}
	}
	if len(scripts) == 0 {
		return errors.New("no upstream logs in with tokens, so there is nothing to set up: configure auth: {oauth2: ...} first")
	}
	if _, err := io.WriteString(w, strings.Join(scripts, "\n")); err != nil {
		return fmt.Errorf("print the script: %w", err)
	}
	return nil
}

// script is the whole set-up of an upstream as one script. It looks before it changes, so it can be run twice.
func script(u config.Upstream, targets []*Target) string {
	var mailboxes []string
	for _, t := range leadingTo(u.Name, targets) {
		mailboxes = append(mailboxes, t.mailbox)
	}
	p := newPowerShell(u.OAuth2, oauth.Claims{})
	entra, principal, access := p.scriptEntra(roles(served(u))), scriptPrincipal, scriptAccess
	if u.OAuth2.Flow == config.FlowDeviceCode || u.OAuth2.Flow == config.FlowPassword { // users open the mailboxes
		entra, principal, access = "", scriptUser, ""
	}
	text := fmt.Sprintf(scriptHead, inventory.Printable(u.Name), psList(mailboxes, "  ", "\n")) + entra +
		"\n# Exchange Online\n" + scriptModule("ExchangeOnlineManagement") + p.connectExchange() + "\n" + principal +
		"\nforeach ($mailbox in $mailboxes) {\n" + access + "  $cas = Get-CASMailbox $mailbox\n"
	for _, protocol := range served(u) {
		text += fmt.Sprintf("  if (-not $cas.%s) { Set-CASMailbox -Identity $mailbox%s; \"switched %s on for $mailbox\" }\n",
			known(protocol).CASSwitch, casSwitch(protocol), protocol)
	}
	return text + "}\n'Done. Permissions take up to an hour to be in force; then run: drawbridge doctor'\n"
}

const scriptHead = `# Set-up of Drawbridge's upstream %s. It changes only what is not as it should be, so it can be run again.
# Needed: Application Administrator and somebody who may consent in Entra ID, Exchange Administrator in Exchange.
$ErrorActionPreference = 'Stop'
$mailboxes = @(
%s
)
`

func scriptModule(name string) string {
	return "if (-not (Get-Module -ListAvailable " + name + ")) { Install-Module " + name + " -Scope CurrentUser }\n"
}

func (p powerShell) scriptEntra(roles []string) string {
	app := "Read-Host 'Application (client) id of the managed identity'"
	if p.app != "" {
		app = psQuote(p.app)
	}
	return "$appId = " + app + "\n\n# Entra ID\n" + scriptModule("Microsoft.Graph.Applications") + p.connectGraph(graphScopes) + `
$sp = Get-MgServicePrincipal -Filter "appId eq '$appId'"
if (-not $sp) { $sp = New-MgServicePrincipal -AppId $appId }
$exo = Get-MgServicePrincipal -Filter "appId eq '` + exchangeAppID + `'"
$granted = Get-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $sp.Id -All
foreach ($name in ` + psList(roles, "", ", ") + `) {
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

const scriptUser = `# A user who signs in for another's mailbox needs full access to it:
#   Add-MailboxPermission -Identity MAILBOX -User USER -AccessRights FullAccess -AutoMapping $false
`

const scriptAccess = `  $rights = Get-MailboxPermission -Identity $mailbox | Where-Object { $_.AccessRights ` +
	`-contains 'FullAccess' -and -not $_.Deny }
  if (-not ($rights | Where-Object { "$($_.User)" -in $esp.Identity, $esp.DisplayName, $esp.ObjectId, $esp.Sid })) {
    $null = Add-MailboxPermission -Identity $mailbox -User $esp.Identity -AccessRights FullAccess -AutoMapping $false
    "opened $mailbox to the application"
  }
`
