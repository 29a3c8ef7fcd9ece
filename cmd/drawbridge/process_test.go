package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// process is drawbridge serve as a process of its own.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	config string
	log    string // what it logged
	stderr bytes.Buffer
	pipe   *os.File      // its standard error in place of stderr; nil: none
	exited chan struct{} // closed when it has
}

// serveProcess starts a bridge with a configuration that logs to bridge.log, and waits until it is ready.
func serveProcess(t *testing.T, w *world, text string, env ...string) *process {
	t.Helper()
	return startProcess(t, w, text, nil, env...)
}

// startProcess is serveProcess with a file for standard error.
func startProcess(t *testing.T, w *world, text string, pipe *os.File, env ...string) *process {
	t.Helper()
	p := &process{t: t, pipe: pipe, config: filepath.Join(w.dir, "drawbridge.yaml"), log: filepath.Join(w.dir, "bridge.log"),
		exited: make(chan struct{})}
	withAuthority(t, w.dataDir())
	must(t, os.Chmod(w.dataDir(), 0o700))
	must(t, os.WriteFile(p.config, []byte("data_dir: "+w.dataDir()+"\n"+text), 0o600))
	program, err := exec.LookPath("drawbridge")
	must(t, err)
	p.start(program, env...)
	return p
}

func (p *process) start(program string, env ...string) {
	p.t.Helper()
	p.cmd = exec.Command(program, "serve", "--config", p.config)
	p.cmd.Env = append(append(os.Environ(), "GORACE=atexit_sleep_ms=0"), env...)
	p.cmd.Stderr = &p.stderr
	if p.pipe != nil {
		p.cmd.Stderr = p.pipe
	}
	must(p.t, p.cmd.Start())
	go func() {
		_ = p.cmd.Wait()
		close(p.exited)
	}()
	p.t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.exited
	})
	until(p.t, "the bridge to be ready", func() bool {
		select {
		case <-p.exited:
			p.t.Fatalf("the bridge ended at once: %s", &p.stderr)
		default:
		}
		return p.healthcheck() == exitDone
	})
}

// healthcheck is the exit code of drawbridge healthcheck, asked in this process.
func (p *process) healthcheck() int {
	var stdout, stderr bytes.Buffer
	return run(p.t.Context(), []string{"healthcheck", "--config", p.config}, &stdout, &stderr)
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	must(p.t, p.cmd.Process.Signal(s))
}

// exit waits for the end and returns the exit code.
func (p *process) exit() int {
	p.t.Helper()
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		p.t.Fatal("the bridge does not end")
		return -1
	}
}

// logged reads the log.
func (p *process) logged() string {
	p.t.Helper()
	content, err := os.ReadFile(p.log)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		p.t.Fatal(err)
	}
	return string(content)
}
