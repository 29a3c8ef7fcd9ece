// Package inventory is what Drawbridge learns about devices.
//
// It learns from the session record, which is one line of the log and of the journal for every connection, and of which
// Recorders are told. A connection that a source repeats without ever logging in is not written each time: Flood sums it. What devices and
// upstreams sent is made harmless for terminals by Printable and searched for secrets by Redact before anyone reads it.
//
// Times are RFC 3339, cipher suites and groups carry their IANA names, alerts those of RFC 8446, section 6.
package inventory
