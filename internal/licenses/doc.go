// Package licenses has the licences of everything that is compiled into the program: Drawbridge itself, Go, and the modules of others.
// The texts are built in, since most of the licences want their text to come with the binary.
//
// The file is made by go generate from the modules that the go command lists for cmd/drawbridge on each operating system; a test of
// cmd/drawbridge fails when it is older than go.mod.
package licenses

//go:generate go run drawbridge/internal/licenses/internal/makelicenses -to licenses.gz
