package oauth

// cloud is one of Microsoft's separate worlds: who issues tokens, and for what.
type cloud struct {
	authority   string // of Entra ID
	application string // the resource of tokens for the application itself
	delegated   string // the resource of tokens for a user
}

// clouds are the values of Options.Cloud. Microsoft documents the scopes of the worldwide cloud only; those of the
// others follow its pattern, Options.Resource replaces them.
var clouds = map[string]cloud{
	"global": {
		authority:   "https://login.microsoftonline.com",
		application: "https://outlook.office365.com",
		delegated:   "https://outlook.office.com",
	},
	"gcc-high": {
		authority:   "https://login.microsoftonline.us",
		application: "https://outlook.office365.us",
		delegated:   "https://outlook.office365.us",
	},
	"dod": {
		authority:   "https://login.microsoftonline.us",
		application: "https://outlook-dod.office365.us",
		delegated:   "https://outlook-dod.office365.us",
	},
	"china": {
		authority:   "https://login.partner.microsoftonline.cn",
		application: "https://partner.outlook.cn",
		delegated:   "https://partner.outlook.cn",
	},
}
