package certs_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"drawbridge/certs"
)

const day = 24 * time.Hour

// running starts s inside a bubble, where the clock jumps ahead whenever everyone waits.
func running(t *testing.T, s *certs.Source) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

func TestRun_RenewsAtTwoThirdsWithoutDroppingASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s := newSource(t, certs.Options{Dir: dir, Entries: []certs.Entry{local("a.test", "10.0.0.1")}})
		defer running(t, s)()
		d := device{verify: "a.test", roots: poolOf(openCA(t, dir).Certificate()), config: oldTLS()}
		session, before := pipe(t, s, d)
		echoes(t, session, "before")

		time.Sleep(time.Until(before.NotBefore.Add(397 * day * 2 / 3).Add(-time.Minute)))
		if now := shown(t, s, ""); now.SerialNumber.Cmp(before.SerialNumber) != 0 {
			t.Fatal("renewed before two thirds of its life")
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		fresh, after := pipe(t, s, d)
		if after.SerialNumber.Cmp(before.SerialNumber) == 0 {
			t.Fatal("not renewed at two thirds of its life")
		}
		checkLeaf(t, after, openCA(t, dir).Certificate())
		if string(after.RawSubject) != string(before.RawSubject) {
			t.Error("renewed for another subject")
		}
		echoes(t, fresh, "fresh")
		echoes(t, session, "still here")
		fresh.Close()
		session.Close()
	})
}

// pipe makes a handshake without a network, so that the bubble's clock can move.
func pipe(t *testing.T, s *certs.Source, d device) (*tls.Conn, *x509.Certificate) {
	t.Helper()
	near, far := net.Pipe()
	go func() {
		c := tls.Server(far, serverConfig(s))
		defer c.Close()
		_, _ = io.Copy(c, c)
	}()
	return handshake(t, near, d)
}

func TestRun_RenewsWhatFellDueWhileStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := certs.Options{Dir: t.TempDir(), Entries: []certs.Entry{local("a.test")}}
		before := newSource(t, o).List()[0]
		time.Sleep(300 * day)
		after := newSource(t, o).List()[0]
		if after.Serial == before.Serial || !after.NotAfter.After(before.NotAfter) {
			t.Error("a leaf that was due is served again")
		}
	})
}

func TestRun_TakesWhatAnotherReplicaRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := certs.Options{Dir: t.TempDir(), Entries: []certs.Entry{local("a.test")}}
		one, two := newSource(t, o), newSource(t, o)
		before := one.List()[0].Serial
		defer running(t, one)()
		defer running(t, two)()
		time.Sleep(270 * day)
		synctest.Wait()
		if one.List()[0].Serial == before || one.List()[0].Serial != two.List()[0].Serial {
			t.Error("two replicas with one folder renewed apart from each other, or not at all")
		}
	})
}

func TestRun_TriesAgainAndGoesOnServing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		log, logs := observed()
		s := newSource(t, certs.Options{Dir: dir, Entries: []certs.Entry{local("a.test")}, Logger: log})
		before := s.List()[0].Serial
		defer running(t, s)()
		time.Sleep(200 * day)
		unblock := block(t, filepath.Join(dir, "locks"))
		time.Sleep(100 * day)
		synctest.Wait()
		facts := s.List()[0]
		if facts.Serial != before || facts.LastError == "" {
			t.Errorf("serves %s with error %q, want the certificate before and an error", facts.Serial, facts.LastError)
		}
		// 2, 4, 8 … minutes up to 6 hours over some 35 days
		if n := said(logs, zap.ErrorLevel, "cannot be renewed"); n < 100 || n > 200 {
			t.Errorf("said %d times, want about 150", n)
		}
		unblock()
		time.Sleep(7 * time.Hour)
		synctest.Wait()
		facts = s.List()[0]
		if facts.Serial == before || facts.LastError != "" {
			t.Errorf("serves %s with error %q after the fault is gone", facts.Serial, facts.LastError)
		}
	})
}

// block puts a file where a folder must be.
func block(t *testing.T, folder string) (unblock func()) {
	t.Helper()
	if err := os.Rename(folder, folder+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(folder, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(folder); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(folder+".away", folder); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRun_EndOfTheCA(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		ca := openCA(t, dir)
		time.Sleep(time.Until(ca.Certificate().NotAfter) - 100*day)
		leaf := shown(t, newSource(t, certs.Options{Dir: dir, Entries: []certs.Entry{local("a.test")}}), "")
		if !leaf.NotAfter.Equal(ca.Certificate().NotAfter) {
			t.Errorf("a leaf ends on %v, its CA on %v", leaf.NotAfter, ca.Certificate().NotAfter)
		}
		time.Sleep(101 * day)
		if _, _, err := ca.Issue([]string{"a.test"}); err == nil || !strings.Contains(err.Error(), "expired") {
			t.Errorf("an expired CA issues: %v", err)
		}
		_, err := certs.New(certs.Options{Dir: dir, Entries: []certs.Entry{local("b.test")}})
		if err == nil || !strings.Contains(err.Error(), "import the new CA") || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v, want what to do", err)
		}
	})
}
