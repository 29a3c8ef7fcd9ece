// Package config is what an administrator decides about a bridge, as the plain values of the one file drawbridge.yaml.
//
// A configuration is read whole or not at all. Every fault is told at once, each with file, line, column, key and
// what to write instead, so that a file is mended in one go. Keys that the product will have and this version has not
// are faults that say "not built yet" (see notbuilt.go); nothing that stands in a file is ever ignored.
//
// Nothing here acts: no socket is opened and no name is resolved. Files are read only where the configuration names
// them (roots, certificates, secrets, lists of mailboxes). A *Config is never changed after Load, Parse or Default
// returned it and may be shared freely between goroutines.
//
// The JSON schema for editors (drawbridge.schema.json) and the commented reference (reference.yaml) are generated
// from the types and their comments; tests hold the three together.
package config

//go:generate go run ./internal/generate
