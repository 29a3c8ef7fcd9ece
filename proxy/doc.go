// Package proxy is the life of one device's connection: it accepts, terminates TLS, lets the device log in, decides, logs in
// upstream, admits the device, relays bytes, leaves one record.
//
// A reader begins with session.go, whose steps stand in this order; clock.go says how long each may take, refuse.go and end.go
// how a session can end. What the steps are made of has rooms of its own: login (the ground: what a login is), imaplogin,
// pop3login (one protocol as far as login), devicetls (TLS with a device), limits (who may begin), guard (who may have a
// password checked), policy (which rule decides).
//
// The bytes of a session are those of RFC 3501 and 9051 (IMAP), 1939 (POP3), 5246 and 8446 (TLS); after login none is changed.
package proxy
