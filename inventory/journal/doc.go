// Package journal is the file in which everything that happens to devices is written down before anything else is made
// of it.
//
// A Journal is a directory of JSON lines: segments named by the journal's random id and a number, of which the last one
// is being written and the others are compressed. It is append-only, has one writer, and a line that was written survives
// the process being killed at any moment. What is older than an administrator wants to keep is replaced by a snapshot,
// whose content belongs to who reads the journal. Sessions never wait for it longer than a second, and not at all at
// their end; a disk that is full or does not answer costs memory, with a bound, and no session.
//
// ReadLog reads the same lines out of any log: of another bridge, rotated, compressed, cut off, or mixed with others.
//
// Lines are JSON (RFC 8259), times RFC 3339, compression is Zstandard (RFC 8878); logs may also be gzip (RFC 1952).
package journal
