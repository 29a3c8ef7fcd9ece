//go:build !unix

package filelock

const noFollow = 0 // there is no such flag
