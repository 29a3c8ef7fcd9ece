package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"drawbridge/certs"
	"drawbridge/config"
	"drawbridge/internal/accounts"
	"drawbridge/internal/control"
	"drawbridge/internal/enrich"
	"drawbridge/internal/logs"
	"drawbridge/internal/memory"
	"drawbridge/internal/notices"
	"drawbridge/internal/reminder"
	"drawbridge/internal/watch"
	"drawbridge/internal/web"
	"drawbridge/inventory"
	"drawbridge/inventory/ledger"
	"drawbridge/proxy"
	"drawbridge/proxy/guard"
	"drawbridge/proxy/limits"
)

// bridge is a running Drawbridge: what lives as long as the process, and the generation that holds. newBridge opens
// everything that can fail, run serves, and run leaves nothing open.
type bridge struct {
	logs *logs.Logs
	data *dataDir
	of   inventory.Instance // this run

	failures  *guard.Failures
	verified  *guard.Verified
	checker   *accounts.Checker // remembers passwords
	unknown   *accounts.Unknown
	counts    *limits.Counts
	flood     *inventory.Flood
	recorders inventory.Recorders // behind flood
	ledger    *ledger.Ledger
	identity  *enrich.Identifier
	watch     watch.Recorder
	notices   *notices.Notifier
	server    *proxy.Server
	control   net.Listener
	admin     net.Listener // nil where there is none
	state     atomic.Pointer[string]
	gateways  gatewayWatch
	disk      func(folder string) (free, total uint64, err error)

	generation atomic.Pointer[generation]
}

// The states of a bridge, as /readyz tells them.
var (
	stateStarting = "starting"
	stateServing  = "serving"
	stateDraining = "draining"
)

// newBridge opens what cfg asks for: all of it, or nothing stays open. Every session is told to the log and to more.
func newBridge(cfg *config.Config, logs *logs.Logs, more ...inventory.Recorder) (_ *bridge, err error) {
	b := &bridge{logs: logs, of: inventory.Instance{Bridge: cfg.Name, Run: proxy.NewRun()}, disk: diskOf,
		recorders: append(inventory.Recorders{logs.Records}, more...)}
	b.state.Store(&stateStarting)
	b.gateways.log = logs.Events
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	for _, open := range []func(*config.Config) error{b.openData, b.openGuard, b.openInventory, b.openNotices, b.openServer, b.openGeneration,
		b.openSockets, b.openControl, b.openAdmin} {
		if err := open(cfg); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// openGeneration builds the first generation.
func (b *bridge) openGeneration(cfg *config.Config) error {
	g, err := b.build(cfg, nil)
	if err != nil {
		return err
	}
	b.swap(g)
	return nil
}

func (b *bridge) openData(cfg *config.Config) (err error) {
	b.data, err = openServedDataDir(cfg.DataDir)
	if errors.Is(err, errLocked) {
		return fmt.Errorf("%w: stop it, or name another data_dir", err)
	}
	return err
}

func (b *bridge) openControl(*config.Config) (err error) {
	b.control, err = control.Listen(b.data.path)
	return err
}

// openInventory opens the journal, which every session is told to, and what learns of devices.
func (b *bridge) openInventory(cfg *config.Config) (err error) {
	if b.ledger, err = openLedger(cfg, b.of, b.logs.Records.Change, b.logs.Events); err != nil {
		return err
	}
	b.recorders = append(inventory.Recorders{b.ledger.Journal}, b.recorders...)
	b.identity, err = newIdentifier(cfg, b.ledger, b.logs.Events)
	return err
}

// run serves until accept ends and the last session has ended, or cut ends.
func (b *bridge) run(accept, cut context.Context) error {
	defer b.close()
	b.logStart()
	background, stop := context.WithCancel(context.WithoutCancel(accept))
	var parts sync.WaitGroup
	b.runGeneration(background, b.holds(), &parts)
	parts.Go(func() { b.flood.Run(background) })
	parts.Go(func() { b.logEnd("verified logins", b.verified.Run(background)) })
	parts.Go(func() { memory.Tidy(background) })
	parts.Go(func() { b.logEnd("what the network tells of devices", b.identity.Run(background)) })
	parts.Go(func() { b.ledger.Tidy(background) })
	parts.Go(func() { b.logEnd("notices", b.notices.Run(background)) })
	b.ledger.Start()
	b.serveHTTP(background, &parts)
	b.state.Store(&stateServing)
	drained := context.AfterFunc(accept, func() { b.state.Store(&stateDraining) })
	defer drained()
	err := b.server.Serve(accept, cut)
	stop()
	parts.Wait()
	b.tell(inventory.BridgeStop)
	return errors.Join(err, b.ledger.Close())
}

// tell writes a bridge line to log and journal.
func (b *bridge) tell(event inventory.BridgeEvent) {
	line := b.line(event)
	b.ledger.Journal.Describe(&line)
	b.logs.Records.Bridge(line)
	b.ledger.Journal.Bridge(line)
}

// logEnd tells of a part that ended by a fault; the bridge goes on without it.
func (b *bridge) logEnd(part string, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		b.logs.Events.Error("a part of the bridge has ended", zap.String("part", part), zap.Error(err))
	}
}

// serveHTTP answers on the control socket and on the admin address until ctx ends.
func (b *bridge) serveHTTP(ctx context.Context, parts *sync.WaitGroup) {
	own := web.Server{Socket: b.control, Bounds: web.ControlBounds(), Handler: b.controlHandler(), Name: "control socket", Log: b.logs.Events}
	parts.Go(func() { own.Serve(ctx) })
	if b.admin != nil {
		people := web.Server{Socket: b.admin, Bounds: web.AdminBounds(), TLS: b.adminTLS(), Name: "admin address", Log: b.logs.Events,
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { b.holds().admin.handler.ServeHTTP(w, r) })}
		parts.Go(func() { people.Serve(ctx) })
	}
}

// controlHandler is what the owner of the data directory may ask.
func (b *bridge) controlHandler() http.Handler {
	return control.Handler(control.Options{
		Readiness: b.readiness, Accounts: servedAccounts{b}, Unknown: b.unknown,
		Stock: func(ctx context.Context) control.Stock {
			b.ledger.CatchUpSoon(ctx)
			return b.ledger.Current()
		},
		Certificates: func() []certs.Facts { return b.holds().certs.List() },
	})
}

// readiness is what /readyz says now.
func (b *bridge) readiness() web.Readiness {
	state := *b.state.Load()
	return web.Readiness{Ready: state == stateServing, State: state, Warnings: b.warnings()}
}

// warnings are what an administrator should know of now. They name no device, account or host: anyone may read them.
func (b *bridge) warnings() []string {
	var list []string
	if b.gateways.any() || len(b.verified.Shared()) > 0 {
		list = append(list, "devices show as one address and cannot be told apart, the log says which: use host networking for the container, "+
			"or a load balancer with the PROXY protocol (listeners[].proxy_protocol)")
	}
	if b.verified.Err() != nil {
		list = append(list, "which sources had a verified login cannot be written to the data directory: see its free space and permissions")
	}
	list = append(list, b.inventoryWarnings()...)
	list = append(list, b.logWarnings()...)
	list = append(list, b.diskWarnings()...)
	list = append(list, b.upstreamWarnings()...)
	list = append(list, reminder.Warnings(b.cfg().Upstreams, time.Now())...)
	for i, c := range b.holds().certs.List() {
		if c.LastError != "" {
			list = append(list, fmt.Sprintf("certificates[%d] could not be renewed or read again: see the log, or drawbridge certs list", i))
		}
	}
	return append(list, b.recordSizeWarnings()...)
}

// upstreamWarnings tell of upstreams that nobody can log in to, by their places.
func (b *bridge) upstreamWarnings() []string {
	var list []string
	for i, u := range b.cfg().Upstreams {
		if _, _, down := b.watch.Down(u.Name, time.Now()); down {
			list = append(list, fmt.Sprintf("all logins to upstream %d of the configuration failed for 5 minutes: "+
				"drawbridge doctor shows which link is broken", i+1))
		}
	}
	return list
}

// inventoryWarnings tell of a journal or a store that does not take what happens.
func (b *bridge) inventoryWarnings() []string {
	var list []string
	health := b.ledger.Journal.Health()
	if health.Err != nil {
		list = append(list, fmt.Sprintf("the journal cannot be written, %s wait in memory: see the data directory's free space and permissions",
			plural(health.Pending, "line")))
	}
	if health.Lost > 0 {
		list = append(list, fmt.Sprintf("%d lines of the journal were lost while it could not be written: the inventory counts too little",
			health.Lost))
	}
	if b.ledger.Behind() != nil {
		list = append(list, "the inventory's store is behind the journal, the log says why: it catches up when it can")
	}
	if aside := b.ledger.SetAside(); len(aside) > 0 {
		list = append(list, "the inventory's store was damaged and is made anew from the journal: see whether the disk is sound, and remove "+
			strings.Join(aside, ", ")+" from the data directory when nobody needs it")
	}
	return list
}

// logWarnings tell of outputs of the log that do not take their lines.
func (b *bridge) logWarnings() []string {
	var list []string
	for i, health := range b.logs.Health() {
		if health.Err != nil {
			list = append(list, fmt.Sprintf("log.output[%d] cannot be written: see whether its reader runs, or its free space and permissions", i))
		}
		if health.Lost > 0 {
			list = append(list, fmt.Sprintf("%s of log.output[%d] were lost since the start, it did not take them: the journal has all records",
				plural(int(health.Lost), "line"), i))
		}
	}
	return list
}

// recordSizeWarnings tell of listeners whose certificate message is larger than the records that their devices are said to
// bear: the message is sent in records of TLS's own size.
func (b *bridge) recordSizeWarnings() []string {
	largest := 0
	for _, c := range b.holds().certs.List() {
		largest = max(largest, c.MessageSize)
	}
	var list []string
	for _, l := range b.cfg().Listeners {
		if l.RecordSize > 0 && l.RecordSize < largest {
			list = append(list, fmt.Sprintf("listener %s: the certificate message has up to %d bytes and record_size is %s: "+
				"a device with so small a buffer cannot read it, give the certificate fewer "+
				"names", l.Name, largest, config.FormatSize(int64(l.RecordSize))))
		}
	}
	return list
}

func (b *bridge) logStart() {
	b.tell(inventory.BridgeStart)
	for _, w := range append(b.recordSizeWarnings(), filesWarnings(b.cfg(), openFiles())...) {
		b.logs.Events.Warn(w)
	}
	for _, l := range b.server.Sockets {
		b.logs.Events.Info("listening", zap.String("listener", l.Name), zap.Stringer("address", l.Net.Addr()))
	}
}

func (b *bridge) line(event inventory.BridgeEvent) inventory.BridgeLine {
	line := inventory.BridgeLine{Time: time.Now(), Bridge: b.of.Bridge, Run: b.of.Run, Event: event, Version: version,
		ConfigurationHash: configHash(b.cfg())}
	for _, l := range b.server.Sockets {
		line.Listeners = append(line.Listeners, l.Name)
	}
	return line
}

// configHash tells two configurations apart; secrets are not in it, since they do not print.
func configHash(cfg *config.Config) string {
	text, err := json.Marshal(cfg)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// close gives everything back that newBridge opened.
func (b *bridge) close() {
	if b.server != nil {
		for _, l := range b.server.Sockets {
			_ = l.Net.Close()
		}
	}
	if b.control != nil {
		_ = b.control.Close()
	}
	if b.admin != nil {
		_ = b.admin.Close()
	}
	if b.ledger != nil {
		_ = b.ledger.Close()
	}
	if g := b.holds(); g != nil {
		g.services.Retire(nil)
	}
	if b.data != nil {
		_ = b.data.Close()
	}
}

// openGuard opens who was verified, and what failed logins cost.
func (b *bridge) openGuard(*config.Config) (err error) {
	b.verified, err = guard.OpenVerified(b.data.file(verifiedFile))
	if err != nil {
		return err
	}
	if damaged := b.verified.Damaged(); damaged != nil {
		b.logs.Events.Error("which sources had a verified login is forgotten: until they log in again they count as strangers",
			zap.Error(damaged))
	}
	b.gateways.addresses = enrich.DefaultGateways()
	b.failures = guard.NewFailures(guard.FailureOptions{Verified: b.verified, Gateways: b.gateways.addresses})
	b.counts = limits.NewCounts(b.failures.Standing)
	b.counts.SetFiles(openFiles())
	b.checker = accounts.NewChecker(accounts.CheckerOptions{Standing: b.failures.Standing})
	b.unknown = accounts.NewUnknown()
	return nil
}
