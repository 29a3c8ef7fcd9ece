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
	versionPrefix = "v2"
	versionLength = 2 + len(inventory.Settings)
	tagLength     = 5 // of base32: 25 bits, so that one edit in 33 million is overlooked
)

// versionKeys are the settings of which a version tells, by its prefix: exports of earlier versions are still read back.
func versionKeys(prefix string) []string {
	switch prefix {
	case versionPrefix:
		return inventory.Settings[:]
	case "v1":
		return []string{inventory.KeyStage, inventory.KeyDeadline, inventory.KeyOwner, inventory.KeyCategory, inventory.KeyPriority,
			inventory.KeyCost, inventory.KeyNote}
	}
	return nil
}

// Version tells what a device was set to when it was exported, as a text that cannot be read back: an import sees from
// it which settings were changed since, here or in the file, and whether the row still belongs to that device.
func Version(d inventory.Device) string {
	tags := make([]string, 0, versionLength)
	tags = append(tags, versionPrefix, tag(d.ID, "", ""))
	for _, key := range inventory.Settings {
		tags = append(tags, tag(d.ID, key, comparison(key, d.Setting(key))))
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
	keys := versionKeys(tags[0])
	if keys == nil || len(tags) != 2+len(keys) {
		return exported{}, false
	}
	v = exported{id: tags[1], tags: make(map[string]string, len(keys))}
	for i, key := range keys {
		v.tags[key] = tags[2+i]
	}
	return v, true
}
