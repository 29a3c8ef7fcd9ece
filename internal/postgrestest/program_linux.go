package postgrestest

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// password is the server's, which is reached by a socket in a folder of the test alone.
const password = "s3cret-of-the-tests"

// program is a server of our own, in a folder of its own, run as an unprivileged user where we are root, which PostgreSQL
// refuses.
type program struct {
	folder, programs string
	as               *syscall.Credential
	stop             func() // nil while it does not run
}

// newProgram makes a server on a socket and runs it.
func newProgram() (_ *program, err error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return nil, errors.New("there is no /usr/lib/postgresql/*/bin/initdb")
	}
	p := &program{programs: filepath.Dir(found[len(found)-1])}
	if p.folder, err = os.MkdirTemp("", "dbpg"); err != nil { // short: a socket's path has 107 bytes
		return nil, err
	}
	if p.as, err = unprivileged(p.folder); err == nil {
		err = p.init()
	}
	if err == nil {
		err = p.run()
	}
	if err != nil {
		p.remove()
		return nil, err
	}
	return p, nil
}

func (p *program) remove() { _ = os.RemoveAll(p.folder) }

func (p *program) address() *url.URL {
	return &url.URL{Scheme: "postgres", User: url.UserPassword("tests", password), Path: "/postgres",
		RawQuery: url.Values{"host": {p.folder}}.Encode()}
}

// run starts the server and returns when it answers.
func (p *program) run() (err error) {
	if p.stop, err = p.launch(); err != nil {
		return err
	}
	if err := answers(p.address().String()); err != nil {
		log, _ := os.ReadFile(filepath.Join(p.folder, "log"))
		p.end()
		return fmt.Errorf("%w: %s", err, log)
	}
	return nil
}

// end stops the server.
func (p *program) end() {
	if p.stop != nil {
		p.stop()
		p.stop = nil
	}
}

// unprivileged gives the folder to a user that may run a server; nil where we are one.
func unprivileged(folder string) (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, noUID := strconv.ParseUint(u.Uid, 10, 32)
		gid, noGID := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(noUID, noGID); err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(folder, int(uid), int(gid))
	}
	return nil, errors.New("there is no user postgres or nobody to run a server as")
}

func (p *program) init() error {
	secret := filepath.Join(p.folder, "password")
	if err := os.WriteFile(secret, []byte(password), 0o644); err != nil {
		return err
	}
	initdb := exec.Command(filepath.Join(p.programs, "initdb"), "-D", filepath.Join(p.folder, "data"), "-U", "tests", "-A", "scram-sha-256",
		"--pwfile="+secret, "--no-locale", "-E", "UTF8", "-N")
	initdb.Dir, initdb.SysProcAttr = p.folder, &syscall.SysProcAttr{Credential: p.as}
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return nil
}

func (p *program) launch() (stop func(), err error) {
	return p.tied("log", filepath.Join(p.programs, "postgres"), "-D", filepath.Join(p.folder, "data"), "-k", p.folder, "-h", "",
		"-F", "-c", "max_connections=100", "-c", "synchronous_commit=off")
}

// tied starts a program and ties it to the thread that started it, which waits for it, so that it ends with the tests in
// any case.
func (p *program) tied(logName, name string, args ...string) (stop func(), err error) {
	log, err := os.Create(filepath.Join(p.folder, logName))
	if err != nil {
		return nil, err
	}
	run := exec.Command(name, args...)
	run.Dir, run.Stdout, run.Stderr = p.folder, log, log
	run.SysProcAttr = &syscall.SysProcAttr{Credential: p.as, Pdeathsig: syscall.SIGQUIT}
	started, done := make(chan error), make(chan struct{})
	go func() {
		defer close(done)
		defer func() { _ = log.Close() }()
		runtime.LockOSThread()
		err := run.Start()
		started <- err
		if err == nil {
			_ = run.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return func() { _ = run.Process.Signal(syscall.SIGINT); <-done }, nil
}

// poolerPort tells the pooler's socket from the server's in the same folder.
const poolerPort = "6432"

// poolerSettings take any user, who is the server's only one behind them, and give each transaction a connection.
const poolerSettings = `[databases]
* = host=%[1]s port=5432 user=tests password=%[2]s
[pgbouncer]
pool_mode = transaction
default_pool_size = 3
auth_type = any
listen_addr =
listen_port = ` + poolerPort + `
unix_socket_dir = %[1]s
server_idle_timeout = 1
`

// pool starts a PgBouncer before the server, which end ends too.
func (p *program) pool() error {
	name, err := exec.LookPath("pgbouncer")
	if err != nil {
		return err
	}
	settings := filepath.Join(p.folder, "pgbouncer.ini")
	if err := os.WriteFile(settings, fmt.Appendf(nil, poolerSettings, p.folder, password), 0o644); err != nil {
		return err
	}
	stopPooler, err := p.tied("pgbouncer.log", name, settings)
	if err != nil {
		return err
	}
	stopServer := p.stop
	p.stop = func() { stopPooler(); stopServer() }
	return answers(p.pooled().String())
}

// pooled is the address of the pooler.
func (p *program) pooled() *url.URL {
	address := p.address()
	address.RawQuery = url.Values{"host": {p.folder}, "port": {poolerPort}, "default_query_exec_mode": {"exec"}}.Encode()
	return address
}

// answers waits until the server takes connections.
func answers(address string) error {
	db, err := sql.Open("pgx", address)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	for deadline := time.Now().Add(30 * time.Second); ; {
		if err = db.Ping(); err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(50 * time.Millisecond) // nothing tells when a server is ready
	}
}
