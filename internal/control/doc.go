// Package control is the socket of a data directory, control.sock, from both ends: Handler is what the running bridge
// answers there, RemoteAccounts, RemoteStock and Ready are how commands ask it. Each question is a call, which says once for
// both ends its path and what goes over the wire: JSON over HTTP, by a socket that only the bridge's owner can open.
package control
