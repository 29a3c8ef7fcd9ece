package accounts

import (
	"fmt"
	"testing"
	"time"

	"drawbridge/internal/secret"
)

func TestMemory_IsBounded(t *testing.T) {
	m := newMemory(3)
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	numbered := func(i int) secret.Secret { return secret.New(fmt.Sprint("p", i)) }
	for i := range 3 {
		m.remember("a", numbered(i), "key", now)
	}
	m.remember("a", numbered(0), "key", now) // the newest now
	m.remember("a", numbered(3), "key", now)
	for i, want := range []bool{true, false, true, true} {
		if _, got := m.recall("a", numbered(i), now); got != want {
			t.Errorf("password %d: got remembered %v, want %v", i, got, want)
		}
	}
	m.remember("a", numbered(4), "key", now.Add(rememberFor))
	if len(m.rows) != 1 || m.order.Len() != 1 {
		t.Errorf("got %d rows and %d in order, want what is over gone", len(m.rows), m.order.Len())
	}
}

func TestMemory_TellsBindingsApart(t *testing.T) {
	m := newMemory(10)
	now := time.Now()
	m.remember("ab", secret.New("c"), "key", now)
	if _, ok := m.recall("a", secret.New("bc"), now); ok {
		t.Error("the end of a binding was taken for the beginning of a password")
	}
	if _, ok := newMemory(10).recall("ab", secret.New("c"), now); ok {
		t.Error("another memory knows the password")
	}
}
