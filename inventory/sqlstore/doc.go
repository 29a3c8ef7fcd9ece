// Package sqlstore keeps the inventory in a database: SQLite for one bridge, PostgreSQL for several.
//
// The store is a projection of the journal. It can be thrown away and made anew; what makes it right is that rows and
// the journal's position are committed in one transaction. So nothing is lost when the program is killed or the
// database is away for hours, and nothing counts twice.
//
// What all lines about an id come to is kept as an inventory.Tally, and the devices that pages show are computed from
// the tallies by inventory.NewDevice, as they are when a log is read alone.
package sqlstore
