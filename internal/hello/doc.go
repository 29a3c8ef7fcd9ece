// Package hello is what a device says of itself when it opens a TLS connection: which versions of TLS it
// speaks, which cipher suites, curves and signatures it offers, so whether it could reach Exchange Online
// without the bridge.
//
// [Parse] takes the first bytes of a connection, as they were peeked, and knows both formats of a ClientHello:
// TLS records, over however many of them the hello is spread, and the SSLv2 format that devices of the 2000s
// still send. It consumes nothing, answers nothing and keeps nothing of what it was given. It is strict about
// structure (lengths that do not fit are refused) and lenient about sense (an empty list, a session id that is
// too long): the engine that does the handshake has the last word there. What the standard library will not take of it,
// [Hello.Oddity] tells beforehand.
//
// It follows RFC 5246 (section 7.4.1.2 and appendix E), RFC 8446 (sections 4.1.2 and 4.2), RFC 6101 for SSL 3.0,
// RFC 8701 for GREASE, and the published descriptions of JA3 (Salesforce) and JA4 (FoxIO).
package hello
