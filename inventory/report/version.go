package report

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"

	"drawbridge/inventory"
)

// A version is versionPrefix, a tag of the id and a tag of each of [inventory.Settings], separated by dots. The letters
// keep spreadsheets from reading it as a number.
const (
	versionPrefix = "v1"
	versionLength = 2 + len(inventory.Settings)
	tagLength     = 5 // of base32: 25 bits, so that one edit in 33 million is overlooked
)

// Version tells what a device was set to when it was exported, as a text that cannot be read back: an import sees from
// it which settings were changed since, here or in the file, and whether the row still belongs to that device.
func Version(d inventory.Device) string {
	tags := make([]string, 0, versionLength)
	tags = append(tags, versionPrefix, tag(d.ID, "", ""))
	for _, key := range inventory.Settings {
		tags = append(tags, tag(d.ID, key, comparison(key, shown(&d, key))))
	}
	return strings.Join(tags, ".")
}

// tag shortens a value. The id is in it, so that values which came into another row in sorting are found out.
func tag(id, key, value string) string {
	sum := sha256.Sum256([]byte(id + "\x00" + key + "\x00" + value))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:tagLength])
}

// comparison is a value as it is compared with a cell: as a cell shows it, and numbers without idle zeros, which
// spreadsheets drop.
func comparison(key, value string) string {
	value = strings.TrimSpace(inventory.Printable(value))
	if key == inventory.KeyCost && strings.Contains(value, ".") {
		value = strings.TrimSuffix(strings.TrimRight(value, "0"), ".")
	}
	return value
}

// exported is what a version tells.
type exported struct {
	id   string
	tags map[string]string // by key
}

// parseVersion reads a version; ok is false for what Version cannot have written.
func parseVersion(s string) (v exported, ok bool) {
	tags := strings.Split(strings.TrimSpace(s), ".")
	if len(tags) != versionLength || tags[0] != versionPrefix {
		return exported{}, false
	}
	v = exported{id: tags[1], tags: make(map[string]string, len(inventory.Settings))}
	for i, key := range inventory.Settings {
		v.tags[key] = tags[2+i]
	}
	return v, true
}
