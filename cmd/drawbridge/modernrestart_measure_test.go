//go:build measure && linux

package main

import (
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"drawbridge/internal/accounts"
)

// restartDevices is how many devices log in when the bridge of BenchmarkRestart2000 is up again.
const restartDevices = 2000

// BenchmarkRestart2000 restarts a bridge whose 2,000 devices, each with a password of its own, all come back at once, by TLS 1.0 and both
// protocols, on two CPUs, which the devices, Entra ID and Exchange share with it. It reports how long the last device waited for its OK
// (s/all, of which the contract's acceptance grants 30), the median device (s/half), and what a login costs (cpu-ms/login, all of these
// programs together). Then 100 of them poll again (cpu-ms/poll), which costs no argon2. Making the accounts takes half a
// minute. Run it with
//
//	go test -tags measure -run '^$' -bench Restart2000 -benchtime 1x ./cmd/drawbridge
func BenchmarkRestart2000(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	fleet := newReturning(b, restartDevices, accounts.DefaultParameters())
	for b.Loop() {
		b.StopTimer()
		w := newModernWorld(b, modernOptions{accounts: fleet.list, noScanner: true})
		for i := range restartDevices {
			w.openMailbox(fleet.mailbox(i))
		}
		b.StartTimer()
		before := cpuTime(b)
		waited := fleet.login(w, restartDevices)
		cpu := cpuTime(b) - before
		b.StopTimer()
		slices.Sort(waited)
		b.ReportMetric(waited[len(waited)-1].Seconds(), "s/all")
		b.ReportMetric(waited[len(waited)/2].Seconds(), "s/half")
		b.ReportMetric(cpu.Seconds()*1000/restartDevices, "cpu-ms/login")
		fleet.wantRemembered(w)
		const polls = 100
		before = cpuTime(b)
		fleet.login(w, polls)
		cpu = cpuTime(b) - before
		b.ReportMetric(cpu.Seconds()*1000/polls, "cpu-ms/poll")
		w.end()
		b.StartTimer()
	}
}

// cpuTime is what this process has used of all CPUs.
func cpuTime(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	must(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
