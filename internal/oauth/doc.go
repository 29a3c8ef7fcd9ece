// Package oauth is the bridge's login to Exchange Online with OAuth2 tokens of Microsoft Entra ID. It keeps them, renews
// them ahead of their end, says in plain words why there is none, and hands them on by the SASL mechanism XOAUTH2.
//
// Sessions ask a Source. Above Microsoft's own library (MSAL for Go), which makes the requests, the Source keeps what
// that library does not: one request however many sessions wait, a forced refresh after Exchange refused a token, the
// life that a token has left, the memory of a failed request, authorities of one's own. MSAL's cache is therefore always
// handed over empty, but for refresh tokens, which a Vault holds encrypted.
//
// RFC 6749 (OAuth 2.0), RFC 8628 (device code), RFC 7523 (client assertions).
package oauth
