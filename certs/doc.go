// Package certs has the certificates that listeners show to devices: from a CA of Drawbridge's own, from an ACME
// server, or from files. It keeps them fresh while sessions go on: a new certificate is for new handshakes only.
//
// Old devices decide how they are made:
//
//   - All keys are RSA-2048: a device with RSA-only cipher suites can use no other.
//   - One leaf carries all names and addresses of its entry, from the local CA and from ACME alike, because a device
//     that sends no server name is shown one certificate whatever name it was told to call.
//   - The first name is the common name too, since the oldest devices look nowhere else. Addresses stand as iPAddress
//     only (RFC 5280, section 4.2.1.6), never among the dNSNames: for a device that knows its server by address and
//     reads only the common name, list the address first.
//   - The local CA's leaf is sent alone, without the CA: the root is the one certificate a device must have already
//     for it to mean anything (RFC 5246, section 7.4.2), and it would double a message that small stacks must hold in
//     one buffer (mbed TLS with 512-byte records cannot join two). ACME chains and files are sent as they came.
//   - Leaves begin a day early, for clocks in the wrong time zone, and end 397 days after that, before the year 2050,
//     so that every date is a UTCTime.
//
// Storage, locking and renewal of what is issued are certmagic's. The package follows RFC 5280 (certificates), RFC 6125
// (names), RFC 8555 and RFC 8737 (ACME, TLS-ALPN-01) and RFC 2315 (PKCS #7).
package certs
