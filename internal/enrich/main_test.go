package enrich_test

import (
	"context"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// Package net makes a channel with its first lookup. Made in a bubble of synctest, it could not be used outside.
	_, _ = noResolver().LookupAddr(context.Background(), "192.0.2.1")
	goleak.VerifyTestMain(m)
}
