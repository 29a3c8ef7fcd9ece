package main

import "golang.org/x/sys/unix"

// diskOf returns how many bytes of the disk that a folder is on are free for us, and how many it has.
func diskOf(folder string) (free, total uint64, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(folder, &s); err != nil {
		return 0, 0, err
	}
	block := uint64(s.Bsize) //nolint:gosec,unconvert // never negative; its type depends on the system
	return s.Bavail * block, s.Blocks * block, nil
}

// scarce is the share of a disk below which it is nearly full.
const scarce = 10

// diskWarnings tell of a disk that is nearly full: a journal that cannot be written loses sessions in the end.
func (b *bridge) diskWarnings() []string {
	free, total, err := b.disk(b.data.path)
	if err != nil || total == 0 || free >= total/scarce {
		return nil
	}
	return []string{"less than a tenth of the data directory's disk is free: make room, or bound what the inventory keeps " +
		"(inventory.keep.size)"}
}
