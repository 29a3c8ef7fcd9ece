// Package oauth logs in to Exchange Online with OAuth2 tokens.
//
// Today it has the SASL mechanism XOAUTH2, with which the bridge hands on the token that a device brings itself.
package oauth
