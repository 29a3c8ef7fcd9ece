// Package vendors tells who made a network adapter, by the registry in which the IEEE writes down to whom it gave
// which addresses.
//
// The registry is built in, so that a name needs no network. Where Debian's package ieee-data is on the machine and newer,
// [Read] takes its files instead. The registers are MA-L (24 bits), MA-M (28) and MA-S (36), and besides them IAB, which
// the IEEE closed in 2014 and old devices still wear. The longest prefix wins: a block that the IEEE divided among
// several makers names the maker, or nobody, but never the block's keeper.
//
// An address follows IEEE 802-2014, section 8.2; one whose locally administered bit is set was chosen by software, not
// given to a maker, and has no vendor.
package vendors

//go:generate go run drawbridge/internal/enrich/internal/makevendors -from /usr/share/ieee-data -to vendors.gz
