package config

import (
	"time"

	"drawbridge/internal/secret"
)

// The values of Inventory.Store.
const (
	StoreSQLite   = "sqlite"
	StorePostgres = "postgres"
)

// The values of Inventory.IdentifyBy.
const (
	IdentifyBySource = "source"
	IdentifyByMAC    = "mac"
)

// Inventory says how devices are remembered: in a journal on this machine, and in a store that is made from it.
type Inventory struct {
	// Where the rows of the inventory are: sqlite (inventory.db in data_dir) or postgres (one database for several
	// bridges). Either can be made anew from the journal.
	Store string `yaml:"store" jsonschema:"enum=sqlite,enum=postgres"`

	// How PostgreSQL is reached, as postgres://USER:PASSWORD@HOST/DATABASE?sslmode=verify-full or as keys such as
	// host=HOST dbname=DATABASE; a value, {file: PATH} or {env: NAME}. Required with store: postgres, and with no other.
	DSN secret.Secret `yaml:"dsn"`

	// What makes sessions those of one device, beside its login: source (the address it comes from) or mac (its MAC
	// address, where the neighbour table of this machine knows it, else the address it comes from).
	IdentifyBy string `yaml:"identify_by" jsonschema:"enum=source,enum=mac"`

	// How long things are kept. Devices stay until they are removed, but source devices (ADDRESS/-) go when they were not seen
	// for as long as days.
	Keep Keep `yaml:"keep"`

	// The files that the inventory is made from: journal/ in data_dir.
	Journal Journal `yaml:"journal"`

	// What is looked up about a device besides what it says.
	Enrich Enrich `yaml:"enrich"`
}

// Keep says how long the inventory keeps what.
type Keep struct {
	// Single sessions and the journal's files, at least 1d and no longer than days.
	Sessions time.Duration `yaml:"sessions"`

	// One row of counts for each device and day, at least 1d.
	Days time.Duration `yaml:"days"`

	// How much of the disk the journal and a SQLite store have together, at least four times journal.rotate; 0: no bound. What is
	// more goes ahead of its time: the oldest of the journal's files, and single sessions likewise.
	Size int64 `yaml:"size" drawbridge:"size"`
}

// Journal says how the journal's files are written.
type Journal struct {
	// After what time what was written is safe from a power cut, from 10ms to 1m. The end of this process costs nothing.
	Sync time.Duration `yaml:"sync"`

	// The size at which a new file is begun and the old one compressed, from 1MiB to 4GiB.
	Rotate int64 `yaml:"rotate" drawbridge:"size"`
}

// Enrich says what is looked up about devices.
type Enrich struct {
	// Whether names of devices are asked of DNS.
	ReverseDNS bool `yaml:"reverse_dns"`

	// Whether MAC addresses are taken from the neighbour table of this machine, and their makers from the IEEE registry.
	MACAddress bool `yaml:"mac_address"`

	// Whether devices are asked what they are by SNMP: false, or the keys below, as {version: 2c, community: SECRET,
	// sources: [10.20.3.0/24]} or, with version 3, with user and auth instead of community. Default: false.
	SNMP *SNMP `yaml:"snmp,omitempty"`
}

func defaultInventory() Inventory {
	return Inventory{
		Store:      StoreSQLite,
		IdentifyBy: IdentifyBySource,
		Keep:       Keep{Sessions: 30 * day, Days: 400 * day},
		Journal:    Journal{Sync: time.Second, Rotate: 64 * mebibyte},
		Enrich:     Enrich{ReverseDNS: true, MACAddress: true},
	}
}

func (i *Inventory) read(o *object) {
	stored := scalar(o, "store", &i.Store, oneOf(StoreSQLite, StorePostgres))
	i.readDSN(o, stored)
	scalar(o, "identify_by", &i.IdentifyBy, oneOf(IdentifyBySource, IdentifyByMAC))
	o.group("keep", func(o *object) {
		scalar(o, "sessions", &i.Keep.Sessions, within(day, maxDuration))
		scalar(o, "days", &i.Keep.Days, within(day, maxDuration))
		scalar(o, "size", &i.Keep.Size, boundOfSize)
	})
	o.group("journal", func(o *object) {
		scalar(o, "sync", &i.Journal.Sync, within(10*time.Millisecond, time.Minute))
		scalar(o, "rotate", &i.Journal.Rotate, size[int64](mebibyte, 4<<30))
	})
	o.group("enrich", func(o *object) {
		scalar(o, "reverse_dns", &i.Enrich.ReverseDNS, boolean)
		scalar(o, "mac_address", &i.Enrich.MACAddress, boolean)
		scalarOr(o, "snmp", &i.Enrich.SNMP, noSNMP, func(o *object) {
			i.Enrich.SNMP = &SNMP{Version: SNMPVersion2c}
			i.Enrich.SNMP.read(o)
		})
	})
}

// boundOfSize reads how much something may have, 0 where that is without bound.
func boundOfSize(text string) (int64, *mistake) {
	if text == "0" {
		return 0, nil
	}
	return size[int64](mebibyte, maxBytes)(text)
}

// checkInventory judges what several keys tell together.
func (d *decoder) checkInventory(i *Inventory) {
	d.checkKeep(&i.Keep)
	if least := 4 * i.Journal.Rotate; i.Keep.Size > 0 && i.Keep.Size < least {
		d.faultIn("inventory.keep.size", wrong("write at least "+FormatSize(least)+", or a smaller inventory.journal.rotate",
			"%s has no room beside a file of the journal, which has up to %s", FormatSize(i.Keep.Size), FormatSize(i.Journal.Rotate)))
	}
	if i.IdentifyBy == IdentifyByMAC && !i.Enrich.MACAddress {
		d.faultIn("inventory.enrich.mac_address", wrong("write true here, or identify_by: source",
			"identify_by is mac, and no MAC address would be looked up"))
	}
}

// checkKeep tells the key that the file has of two that do not fit, one of which may be a default.
func (d *decoder) checkKeep(k *Keep) {
	sessions, days := FormatDuration(k.Sessions), FormatDuration(k.Days)
	const path = "inventory.keep"
	switch {
	case k.Sessions <= k.Days:
	case d.where[path+".sessions"] != nil:
		d.faultIn(path+".sessions", wrong("write at most "+days+", or days: "+sessions,
			"single sessions would be kept for %s, and the counts made of them for %s", sessions, days))
	default:
		d.faultIn(path+".days", wrong("write at least "+sessions+", or sessions: "+days,
			"the counts would be kept for %s, and the single sessions they are made of for %s", days, sessions))
	}
}
