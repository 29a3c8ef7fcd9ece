package enrich_test

import (
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/internal/enrich"
)

func TestFacts_NameIsProven(t *testing.T) {
	s := newNameServer()
	s.give("192.0.2.10", "Printer-3.Clinic.example")
	s.give("2001:db8::10", "printer-3.clinic.example")
	s.names["192.0.2.11"] = []string{"mail.bank.example"} // claims a name that is another's
	s.addrs["mail.bank.example"] = []string{"198.51.100.1"}
	s.names["192.0.2.12"] = []string{"nowhere.example"} // claims a name that does not exist
	s.names["192.0.2.13"] = []string{"a.example", "b.example", "real.example"}
	s.addrs["real.example"] = []string{"192.0.2.99", "192.0.2.13"}
	s.addrs["a.example"] = []string{"192.0.2.99"}

	for _, c := range []struct{ addr, name string }{
		{"192.0.2.10", "printer-3.clinic.example"},
		{"::ffff:192.0.2.10", "printer-3.clinic.example"},
		{"2001:db8::10", "printer-3.clinic.example"},
		{"192.0.2.11", ""},
		{"192.0.2.12", ""},
		{"192.0.2.13", "real.example"},
		{"192.0.2.14", ""},
	} {
		name, err := enrich.ProveName(t.Context(), s.listen(t), address(c.addr).Unmap())
		if err != nil || name != c.name {
			t.Errorf("%s: %q, %v; want %q", c.addr, name, err, c.name)
		}
	}
}

func TestFacts_NameThatIsNoHostNameIsNotUsed(t *testing.T) {
	s := newNameServer()
	for i, name := range []string{"<script>.example", "=cmd.example", "a b.example", "\x1b[31m.example", "r\r\n.example"} {
		addr := address("192.0.2.1")
		for range i {
			addr = addr.Next()
		}
		s.give(addr.String(), name)
		if got, _ := enrich.ProveName(t.Context(), s.listen(t), addr); got != "" {
			t.Errorf("%q was used as %q", name, got)
		}
	}
}

func TestFacts_AnswersAtOnceAndTellsTheNameLater(t *testing.T) {
	s, d := newNameServer(), newDiary()
	s.give("192.0.2.10", "printer.clinic.example")
	e := start(t, enrich.Options{ReverseDNS: true, Resolver: s.listen(t), Learned: d.learned})
	if got := e.Facts(address("192.0.2.10")); got != (enrich.Facts{}) {
		t.Errorf("known before it was asked: %+v", got)
	}
	d.wait(t, "192.0.2.10 source_name=printer.clinic.example")
	if got := e.Facts(address("::ffff:192.0.2.10")).Name; got != "printer.clinic.example" {
		t.Errorf("name %q", got)
	}
	if s := e.Stats(); s.NamesAsked != 1 || s.NamesFailed != 0 || s.Addresses != 1 {
		t.Errorf("%+v", s)
	}
}

func TestFacts_SilentNameServerDelaysNobodyAndIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newNameServer()
		s.silent = true
		e := start(t, enrich.Options{ReverseDNS: true, Resolver: s.stream()})
		began := time.Now()
		e.Facts(address("192.0.2.10"))
		if waited := time.Since(began); waited != 0 {
			t.Errorf("Facts waited %s", waited)
		}
		time.Sleep(5*time.Second - 1)
		synctest.Wait()
		if got := e.Stats().NamesFailed; got != 0 {
			t.Errorf("given up before five seconds")
		}
		time.Sleep(2 * time.Nanosecond)
		synctest.Wait()
		if got := e.Stats().NamesFailed; got != 1 {
			t.Errorf("%d lookups given up after five seconds, want 1", got)
		}
	})
}

func TestFacts_NamesAreAskedAnewWhenTheyAreOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := newNameServer(), newDiary()
		s.give("192.0.2.10", "old.example")
		e := start(t, enrich.Options{ReverseDNS: true, Resolver: s.stream(), Learned: d.learned})
		see := func(after time.Duration, want string, asked int) {
			t.Helper()
			time.Sleep(after)
			e.Facts(address("192.0.2.10"))
			synctest.Wait()
			if got := e.Facts(address("192.0.2.10")).Name; got != want || s.count() != asked {
				t.Errorf("name %q after %d lookups, want %q after %d", got, s.count(), want, asked)
			}
		}
		see(0, "old.example", 1)
		s.set(func(s *nameServer) {
			s.names["192.0.2.10"], s.addrs["new.example"] = []string{"new.example"}, []string{"192.0.2.10"}
		})
		see(time.Hour-time.Second, "old.example", 1)
		see(2*time.Second, "new.example", 2)
		s.set(func(s *nameServer) { s.broken = true })
		see(time.Hour+time.Second, "new.example", s.count()+2) // the resolver tries twice; what is known stays
		before := s.count()
		see(10*time.Minute-2*time.Second, "new.example", before)
		s.set(func(s *nameServer) { s.broken = false; s.names["192.0.2.10"] = nil })
		see(3*time.Second, "", before+1)
		see(10*time.Minute-2*time.Second, "", before+1)
		see(3*time.Second, "", before+2)
		want := []string{"192.0.2.10 source_name=old.example", "192.0.2.10 source_name=new.example", "192.0.2.10 source_name="}
		if got := d.all(); len(got) != len(want) || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
			t.Errorf("told %q, want %q", got, want)
		}
	})
}

func TestFacts_FullQueueDropsAndCounts(t *testing.T) {
	e := enrich.New(enrich.Options{ReverseDNS: true, Resolver: noResolver()})
	addr := address("10.0.0.1")
	for range enrich.MaxWaiting + 5 {
		e.Facts(addr)
		e.Facts(addr) // waits already
		addr = addr.Next()
	}
	// the five are tried with every Facts, twice
	if got := e.Stats().Dropped; got != 10 {
		t.Errorf("%d dropped, want 10", got)
	}
}

func TestFacts_RememberedAddressesAreBounded(t *testing.T) {
	e := enrich.New(enrich.Options{})
	addr := address("10.0.0.1")
	for range enrich.MaxAddresses + 7 {
		e.Facts(addr)
		addr = addr.Next()
	}
	if s := e.Stats(); s.Addresses != enrich.MaxAddresses || s.Displaced != 7 {
		t.Errorf("%+v", s)
	}
}

func TestFacts_AddressesThatAreNobodysAreNotRemembered(t *testing.T) {
	e := enrich.New(enrich.Options{ReverseDNS: true, Resolver: noResolver()})
	for _, a := range []string{"0.0.0.0", "::", "224.0.0.1", "ff02::1"} {
		e.Facts(address(a))
	}
	if s := e.Stats(); s.Addresses != 0 {
		t.Errorf("%+v", s)
	}
}
