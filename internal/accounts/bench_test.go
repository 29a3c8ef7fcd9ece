package accounts_test

import (
	"context"
	"net/netip"
	"sync/atomic"
	"testing"

	"drawbridge/internal/accounts"
	"drawbridge/internal/secret"
)

// BenchmarkVerify_Restart is what devices cost that log in again after a restart, on all CPUs, a source each.
func BenchmarkVerify_Restart(b *testing.B) {
	h, err := accounts.Hash(secret.New("right"), accounts.Parameters{})
	if err != nil {
		b.Fatal(err)
	}
	k := book(b, accounts.Options{}, accounts.Account{Login: "a", Passwords: one(h)})
	var source atomic.Uint32
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		n := source.Add(1)
		a := attempt("a", "wrong") // a right one would be remembered, and costs as much
		a.Source = netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)})
		for pb.Next() {
			if _, err := k.Verify(context.Background(), a); err == nil {
				b.Error("a wrong password was taken")
			}
		}
	})
}
