// Package accounts is who may log in on the bridge: by which names, with which passwords, from where, until when, to which
// mailbox. What an administrator lists in the configuration or by `drawbridge account` becomes a Book, which checks what a
// device presents. Whatever is wrong with a login, the device reads the same words after the same work; only the record says
// what it was.
//
// An Account is plain data, a Book is a fixed set of them, a Checker is what outlives a Book when the configuration is
// loaded again: the turns of password checks, and which passwords were right. A Store keeps accounts on disk, the
// importers read them from CSV and from email-oauth2-proxy's configuration, and Unknown lists who tried and is not known.
//
// Passwords are hashed with argon2id (RFC 9106) and written as PHC strings, remembered as HMAC-SHA-256 (RFC 2104) under
// a key that only the process has.
package accounts
