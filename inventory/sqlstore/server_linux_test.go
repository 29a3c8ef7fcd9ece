package sqlstore_test

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

const serverPassword = "s3cret-of-the-tests"

// startPostgres starts a server on a socket in a folder of its own, as an unprivileged user where the tests are root,
// which PostgreSQL refuses. The function it returns ends it.
func startPostgres() (url.URL, func(), error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return url.URL{}, nil, errors.New("there is no /usr/lib/postgresql/*/bin/initdb")
	}
	programs := filepath.Dir(found[len(found)-1])
	folder, err := os.MkdirTemp("", "dbpg") // short: a socket's path has 107 bytes
	if err != nil {
		return url.URL{}, nil, err
	}
	remove := func() { os.RemoveAll(folder) }
	as, err := unprivileged(folder)
	if err == nil {
		err = initServer(programs, folder, as)
	}
	if err != nil {
		remove()
		return url.URL{}, nil, err
	}
	stop, err := runServer(programs, folder, as)
	if err != nil {
		remove()
		return url.URL{}, nil, err
	}
	address := url.URL{Scheme: "postgres", User: url.UserPassword("tests", serverPassword), Path: "/postgres",
		RawQuery: url.Values{"host": {folder}}.Encode()}
	if err := answers(address.String()); err != nil {
		log, _ := os.ReadFile(filepath.Join(folder, "log"))
		stop()
		remove()
		return url.URL{}, nil, fmt.Errorf("%w: %s", err, log)
	}
	return address, func() { stop(); remove() }, nil
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
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(folder, int(uid), int(gid))
	}
	return nil, errors.New("there is no user postgres or nobody to run a server as")
}

func initServer(programs, folder string, as *syscall.Credential) error {
	secret := filepath.Join(folder, "password")
	if err := os.WriteFile(secret, []byte(serverPassword), 0o644); err != nil {
		return err
	}
	make := exec.Command(filepath.Join(programs, "initdb"), "-D", filepath.Join(folder, "data"), "-U", "tests", "-A", "scram-sha-256",
		"--pwfile="+secret, "--no-locale", "-E", "UTF8", "-N")
	make.Dir, make.SysProcAttr = folder, &syscall.SysProcAttr{Credential: as}
	if out, err := make.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return nil
}

// runServer ties the server to the thread that started it, which waits for it, so that it ends with the tests in any
// case.
func runServer(programs, folder string, as *syscall.Credential) (func(), error) {
	log, err := os.Create(filepath.Join(folder, "log"))
	if err != nil {
		return nil, err
	}
	run := exec.Command(filepath.Join(programs, "postgres"), "-D", filepath.Join(folder, "data"), "-k", folder, "-h", "",
		"-F", "-c", "max_connections=100", "-c", "synchronous_commit=off")
	run.Dir, run.Stdout, run.Stderr = folder, log, log
	run.SysProcAttr = &syscall.SysProcAttr{Credential: as, Pdeathsig: syscall.SIGQUIT}
	started, done := make(chan error), make(chan struct{})
	go func() {
		defer close(done)
		defer log.Close()
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

// answers waits until the server takes connections.
func answers(address string) error {
	db, err := sql.Open("pgx", address)
	if err != nil {
		return err
	}
	defer db.Close()
	for deadline := time.Now().Add(30 * time.Second); ; {
		if err = db.Ping(); err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(50 * time.Millisecond) // nothing tells when a server is ready
	}
}
