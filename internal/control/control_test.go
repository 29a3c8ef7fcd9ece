package control_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"drawbridge/internal/accounts"
	"drawbridge/internal/control"
	"drawbridge/internal/secret"
	"drawbridge/internal/web"
	"drawbridge/inventory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// serveControl answers on a control socket until the test ends.
func serveControl(t *testing.T, dir string, handler http.Handler) {
	t.Helper()
	l, err := control.Listen(dir)
	must(t, err)
	s := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l)
	}()
	t.Cleanup(func() {
		_ = s.Close()
		<-done
	})
}

// TestControl_ServesFromADeepDirectory has a socket path longer than Unix allows.
func TestControl_ServesFromADeepDirectory(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), strings.Repeat("deep", 30))
	must(t, os.MkdirAll(dir, 0o700))
	if path := filepath.Join(dir, "control.sock"); len(path) <= 107 {
		t.Fatalf("%s is not long", path)
	}
	serveControl(t, dir, web.Health(func() web.Readiness {
		return web.Readiness{Ready: true, State: "serving", Warnings: []string{"one"}}
	}))
	r, err := control.Ready(t.Context(), dir)
	if err != nil || !r.Ready || len(r.Warnings) != 1 {
		t.Errorf("got %+v, %v, want ready with one warning", r, err)
	}
}

// TestControl_ReplacesADeadSocket finds the socket of a bridge that was killed, and a file of another kind.
func TestControl_ReplacesADeadSocket(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	dead, err := control.Listen(dir)
	must(t, err)
	must(t, dead.Close())
	if _, err := os.Lstat(filepath.Join(dir, "control.sock")); err != nil {
		t.Fatalf("the dead socket is not there: %v", err)
	}
	serveControl(t, dir, http.NotFoundHandler())
	info, err := os.Lstat(filepath.Join(dir, "control.sock"))
	must(t, err)
	if info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("the socket has the mode %v, want Srw-------", info.Mode())
	}
	other := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(other, "control.sock", "kept"), 0o700))
	if l, err := control.Listen(other); err == nil {
		_ = l.Close()
		t.Error("a folder in the place of the socket was removed")
	}
}

// TestControl_TellsAnAnswerThatIsNone has something else answer on the socket, and nothing in time.
func TestControl_TellsAnAnswerThatIsNone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	serveControl(t, dir, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }))
	if _, err := control.Ready(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("got %v, want that the answer cannot be read", err)
	}
	silent := t.TempDir()
	l, err := control.Listen(silent)
	must(t, err)
	defer func() { _ = l.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := control.Ready(ctx, silent); !errors.Is(err, context.DeadlineExceeded) ||
		!strings.Contains(err.Error(), "no bridge answers in "+silent) {
		t.Errorf("got %v, want a time-out that says that no bridge answers", err)
	}
}

// answerAll answers everything with the same.
func answerAll(status int, text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	})
}

// TestRemote_BridgeOfAnotherVersion does not know the question, and one that is no answer is told as such.
func TestRemote_BridgeOfAnotherVersion(t *testing.T) {
	t.Parallel()
	r := control.RemoteAccounts{Dir: t.TempDir()}
	serveControl(t, r.Dir, answerAll(http.StatusNotFound, "404 page not found"))
	addition := accounts.Addition{Account: accounts.Account{Login: "x"}, Password: secret.New("47114711")}
	if _, err := r.Add(t.Context(), addition); err == nil || !strings.Contains(err.Error(), "restart it with this version") {
		t.Errorf("got %v", err)
	}
	serveControl(t, r.Dir, answerAll(http.StatusOK, "<html>"))
	if _, err := r.Unknown(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("got %v", err)
	}
}

// served are the accounts and the inventory of a bridge in a test.
type served struct {
	*accounts.Keeper
	signIn func(ctx context.Context, show func(code, url string)) error
}

func (s served) SignIn(ctx context.Context, _, _ string, show func(code, url string)) error {
	return s.signIn(ctx, show)
}

// serveBridge answers on a control socket as a bridge does, and returns its data directory.
func serveBridge(t *testing.T, s served, stock control.Stock) string {
	t.Helper()
	dir := t.TempDir()
	s.Keeper = accounts.NewKeeper(accounts.KeeperOptions{Dir: filepath.Join(dir, "accounts")})
	unknown := accounts.NewUnknown()
	must(t, s.Serve(accounts.NewChecker(accounts.CheckerOptions{}), unknown))
	unknown.Note("fax7", netip.MustParseAddr("10.20.3.7"), "imap", time.Now())
	serveControl(t, dir, control.Handler(control.Options{
		Readiness: func() web.Readiness { return web.Readiness{} }, Accounts: s, Unknown: unknown,
		Stock: func(context.Context) control.Stock { return stock },
	}))
	return dir
}

// TestHandler_QuotesNoPassword sends the bridge what it cannot read.
func TestHandler_QuotesNoPassword(t *testing.T) {
	t.Parallel()
	dir := serveBridge(t, served{}, nil)
	for _, question := range []any{map[string]any{"Password": 47114711}, map[string]any{"CanaryOfTheMine": "x"}, "CanaryOfTheMine", nil} {
		err := control.Post(t.Context(), dir, "/accounts/add", question)
		if err == nil || strings.Contains(err.Error(), "4711") || strings.Contains(err.Error(), "Canary") {
			t.Errorf("%v: got %v, want a refusal that quotes nothing", question, err)
		}
	}
}

// TestRemoteAccounts_AreThoseOfTheBridge changes a bridge's accounts, with all that an account can have.
func TestRemoteAccounts_AreThoseOfTheBridge(t *testing.T) {
	t.Parallel()
	r := control.RemoteAccounts{Dir: serveBridge(t, served{}, nil)}
	tried, err := r.Unknown(t.Context())
	if err != nil || len(tried) != 1 || tried[0].Login != "fax7" || tried[0].Source != netip.MustParseAddr("10.20.3.7") ||
		tried[0].Count != 1 {
		t.Errorf("unknown: got %+v, %v", tried, err)
	}
	full := accounts.Account{Login: "*@x.example", Sources: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Protocols: []string{"imap"},
		Expires: time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC), Disabled: true, Mailboxes: []string{"*@x.example"}, AnyMailbox: true}
	for _, name := range []string{"", "basement"} {
		added := accounts.Addition{Account: accounts.Account{Login: "fax7"}, Name: name, Password: secret.New("4711" + name)}
		if a, err := r.Add(t.Context(), added); err != nil || a != (accounts.Added{Login: "fax7", Mailbox: "fax7", Existing: name != ""}) {
			t.Errorf("password %q: got %+v, %v", name, a, err)
		}
	}
	hash, err := accounts.Hash(secret.New("4711"), accounts.Parameters{Memory: 8, Time: 1, Threads: 1})
	must(t, err)
	full.Passwords = []accounts.Password{{Name: "desk", Hash: hash}}
	must(t, r.Import(t.Context(), []accounts.Account{full}))
	must(t, r.Remove(t.Context(), "fax7", "first"))
	store, err := accounts.OpenStore(filepath.Join(r.Dir, "accounts"))
	must(t, err)
	list := store.List()
	if len(list) != 2 || len(list[0].Passwords) != 1 || list[0].Passwords[0].Name != "basement" || !reflect.DeepEqual(list[1], full) {
		t.Errorf("got %+v, want fax7 with its second password, and %+v", list, full)
	}
	if tried, err := r.Unknown(t.Context()); err != nil || tried == nil || len(tried) != 0 {
		t.Errorf("unknown: got %#v, %v, want none, since the login is known now", tried, err)
	}
	if err := r.Remove(t.Context(), "nobody", ""); err == nil || !strings.Contains(err.Error(), "no such account is kept") {
		t.Errorf("got %v", err)
	}
}

// TestRemoteAccounts_SignIn has a person enter the code, or not, or the bridge end, or the command given up.
func TestRemoteAccounts_SignIn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want string
		end  func(ctx context.Context, giveUp func()) error
	}{
		{"", func(context.Context, func()) error { return nil }},
		{"it was declined", func(context.Context, func()) error { return errors.New("it was declined") }},
		{"the bridge ended before the sign-in", func(context.Context, func()) error { panic(http.ErrAbortHandler) }},
		{"context canceled", func(ctx context.Context, giveUp func()) error { giveUp(); <-ctx.Done(); return ctx.Err() }},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		shown := make(chan string, 1)
		dir := serveBridge(t, served{signIn: func(ctx context.Context, show func(code, url string)) error {
			show("123", "https://x.example")
			return c.end(ctx, cancel)
		}}, nil)
		err := control.RemoteAccounts{Dir: dir}.SignIn(ctx, "office", "a@x.example", func(code, url string) { shown <- code + " " + url })
		if (err != nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
		if ctx.Err() == nil {
			if got := <-shown; got != "123 https://x.example" {
				t.Errorf("shown: %q", got)
			}
		}
		cancel()
	}
}

// stock is an inventory that has one device and takes nothing.
type stock struct{ control.Stock }

func (stock) Devices(_ context.Context, q inventory.Query) ([]inventory.Device, int, error) {
	return []inventory.Device{{ID: q.Search}}, 7, nil
}

func (stock) Device(context.Context, string) (inventory.Device, error) {
	return inventory.Device{}, inventory.ErrNoDevice
}

func (stock) Set(_ context.Context, id string, values map[string]string, by string) error {
	for key, value := range values {
		return &inventory.SettingError{Key: key, Value: value, Problem: "does not suit " + id + " and " + by}
	}
	return nil
}

func (stock) Rebuild(context.Context) error { return errors.New("the store is damaged") }

// TestRemoteStock_HasTheErrorsOfTheBridge reads, and has what a caller compares come over the wire as what it is.
func TestRemoteStock_HasTheErrorsOfTheBridge(t *testing.T) {
	t.Parallel()
	r := control.RemoteStock{Dir: serveBridge(t, served{}, stock{})}
	if list, total, err := r.Devices(t.Context(), inventory.Query{Search: "hall"}); err != nil || total != 7 || len(list) != 1 ||
		list[0].ID != "hall" {
		t.Errorf("got %+v, %d, %v", list, total, err)
	}
	if _, err := r.Device(t.Context(), "10.0.0.1/a"); !errors.Is(err, inventory.ErrNoDevice) {
		t.Errorf("device: got %v", err)
	}
	var wrong *inventory.SettingError
	err := r.Set(t.Context(), "10.0.0.1/a", map[string]string{"stage": "x"}, "me")
	if want := (inventory.SettingError{Key: "stage", Value: "x", Problem: "does not suit 10.0.0.1/a and me"}); !errors.As(err, &wrong) ||
		*wrong != want {
		t.Errorf("set: got %v, want %v", err, want)
	}
	if err := r.Set(t.Context(), "10.0.0.1/a", nil, "me"); err != nil {
		t.Errorf("set nothing: got %v", err)
	}
	if err := r.Rebuild(t.Context()); err == nil || err.Error() != "the store is damaged" {
		t.Errorf("rebuild: got %v", err)
	}
}

// TestListenOwner_IsForItsOwnerAlone looks at the socket of an address that administrators chose.
func TestListenOwner_IsForItsOwnerAlone(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "admin.sock")
	for range 2 { // the second one finds a dead socket
		l, err := control.ListenOwner(path)
		must(t, err)
		info, err := os.Lstat(path)
		must(t, err)
		if info.Mode() != os.ModeSocket|0o600 {
			t.Errorf("the socket has the mode %v, want Srw-------", info.Mode())
		}
		if other, err := control.ListenOwner(path); err == nil || !strings.Contains(err.Error(), "another process answers") {
			t.Errorf("a socket that answers was replaced: %v, %v", other, err)
		}
		must(t, l.Close())
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 1 {
		t.Errorf("the folder holds %v, want the socket alone", left)
	}
	file := filepath.Join(folder, "notes")
	must(t, os.WriteFile(file, []byte("kept"), 0o600))
	if _, err := control.ListenOwner(file); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("a file was replaced by a socket: %v", err)
	}
}
