// Package enrich learns what the network tells of a device's address. That is the name which the reverse DNS gives it, the
// MAC address of its network adapter and who made it, and, where the administrator allows it, what the device says of itself
// by SNMP.
//
// An [Enricher] answers at once with what it knows and looks up the rest meanwhile, so that a session never waits. What it
// learns it also tells through [Options.Learned]; an [Identifier] has session records and the inventory know it. Nothing is
// guessed: a name must lead back to the address, a MAC address must stand in the machine's own neighbour table (so a device
// behind a router has none), and what devices and name servers say is treated as hostile text: one line of printable
// characters, cut.
//
// Everything is bounded: the addresses remembered, the lookups that wait, the lookups under way, and the time of each.
//
// Reverse DNS follows RFC 1035, section 3.5, and RFC 3596, section 2.5; the neighbour table is that of rtnetlink(7); SNMP is
// RFC 3416 (v2c by RFC 1901, v3 by RFC 3412 and RFC 3414), and its objects are those of the system group (RFC 3418).
package enrich
