package enrich

import "time"

// What devices, name servers and neighbours can make an Enricher hold or do, at most.
const (
	maxAddresses = 20_000 // remembered; the one not seen for longest is forgotten
	maxWaiting   = 1024   // lookups of one kind that wait; further ones are dropped and counted, and come up with the next Facts
	namesAtOnce  = 8      // reverse lookups under way
	snmpAtOnce   = 4      // SNMP requests under way

	nameTimeout   = 5 * time.Second  // of a reverse lookup with its proof
	nameKept      = time.Hour        // a proven name is asked again
	noNameKept    = 10 * time.Minute // likewise where there is none, or the lookup came to nothing
	maxNames      = 4                // names of one address that are tried
	maxNameLength = 253              // characters, RFC 1035, section 2.3.4

	snmpTimeout = 2 * time.Second
	snmpEvery   = 24 * time.Hour // one address is asked, whatever came of it
	maxSaid     = 256            // characters of what a device says of itself

	maxNeighbours    = 65_536                 // entries of the neighbour table that are looked at
	neighboursFresh  = 5 * time.Second        // the table is not read again for an address that stands in it
	neighboursAgain  = time.Second            // nor for one that does not
	neighboursLate   = 2 * time.Second        // an address that does not is looked for once more, this much later
	neighboursWait   = 500 * time.Millisecond // for one part of the kernel's answer
	addressesOfOne   = 8                      // IPv4 addresses with one MAC address; with more it is a router answering for others (proxy ARP)
	registryLookedAt = 24 * time.Hour         // whether Debian's files are newer
)
