// Package logs is where a bridge writes its events and records: the outputs of the configuration, in its format.
package logs

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"drawbridge/config"
	"drawbridge/internal/terminal"
	"drawbridge/inventory"
)

// Logs are the two loggers of a bridge, which share their outputs: Events heeds the level, Records does not. Both are safe for
// concurrent use, and who logs never waits for an output: each has a queue of 64 MiB and a goroutine that writes until Close.
type Logs struct {
	Events  *zap.Logger
	Records *inventory.Log
	outputs []*output
	closed  sync.Once
}

// Health is how well one output takes its lines.
type Health struct {
	Output string // as log.output has it
	Err    error  // of the last write, nil where it went well
	Lost   int64  // lines that did not fit into its queue, or that nobody was there to read, since Open
}

// Open opens the outputs of the configuration: all, or none stays open. An error names the key that is at fault.
func Open(cfg config.Log) (*Logs, error) {
	level, err := zapcore.ParseLevel(cfg.Level)
	if err != nil {
		return nil, fmt.Errorf("log.level: %w", err)
	}
	writers := make([]io.Writer, len(cfg.Output))
	for i, output := range cfg.Output {
		if writers[i], err = open(output, cfg.Rotate); err != nil {
			return nil, err
		}
	}
	l := &Logs{}
	var events, records []zapcore.Core
	for i, w := range writers {
		o := start(cfg.Output[i], w)
		l.outputs = append(l.outputs, o)
		console := cfg.Format == "console" || cfg.Format == "auto" && isTerminal(w)
		events = append(events, zapcore.NewCore(eventEncoder(console), o, level))
		records = append(records, zapcore.NewCore(recordEncoder(console), o, zapcore.DebugLevel))
	}
	l.Events = zap.New(zapcore.NewTee(events...))
	l.Records = inventory.NewLog(zap.New(zapcore.NewTee(records...)))
	return l, nil
}

// open returns what an output writes to. A file must be writable at once, not at its first line; a named pipe is opened by whom
// it makes wait, since that lasts until there is a reader.
func open(output string, rotate config.Rotate) (io.Writer, error) {
	switch output {
	case "stderr":
		return stream{os.Stderr}, nil
	case "stdout":
		return stream{os.Stdout}, nil
	}
	f := &file{path: filepath.Clean(output), rotate: rotate}
	if info, err := os.Stat(f.path); err == nil && info.Mode()&os.ModeNamedPipe != 0 {
		return f, nil
	}
	if err := f.open(time.Now()); err != nil {
		return nil, err
	}
	return f, f.Close()
}

// stream is standard error or output, which outlives the logs.
type stream struct{ *os.File }

// Close leaves the stream open.
func (stream) Close() error { return nil }

func isTerminal(w io.Writer) bool {
	s, ok := w.(stream)
	return ok && terminal.Is(s.File)
}

// Health tells of each output.
func (l *Logs) Health() []Health {
	all := make([]Health, len(l.outputs))
	for i, o := range l.outputs {
		all[i] = o.health()
	}
	return all
}

// Reopen has the next line open each file anew, which another program may have renamed.
func (l *Logs) Reopen() {
	for _, o := range l.outputs {
		if f, ok := o.to.(*file); ok {
			f.reopen()
		}
	}
}

// closeWait is how long Close waits for outputs that do not take their lines.
const closeWait = 2 * time.Second

// Close writes what waits, for 2 s at most, and closes the outputs. What is logged afterwards is lost.
func (l *Logs) Close() { l.CloseWithin(closeWait) }

// CloseWithin is Close with a bound of its own. An output that is still being written then is left to the end of the process:
// nothing ends a write to a pipe that nobody reads. Of several calls the first one counts.
func (l *Logs) CloseWithin(wait time.Duration) { l.closed.Do(func() { l.end(wait) }) }

func (l *Logs) end(wait time.Duration) {
	for _, o := range l.outputs {
		o.end()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for _, o := range l.outputs {
		select {
		case <-o.ended:
		case <-timer.C:
			return
		}
	}
}

func eventEncoder(console bool) zapcore.Encoder {
	cfg := zapcore.EncoderConfig{
		TimeKey: "time", LevelKey: "level", NameKey: "logger", MessageKey: "msg", StacktraceKey: "stack",
		LineEnding:     zapcore.DefaultLineEnding,
		EncodeLevel:    zapcore.LowercaseLevelEncoder,
		EncodeTime:     encodeTime,
		EncodeDuration: zapcore.StringDurationEncoder,
	}
	if console {
		return zapcore.NewConsoleEncoder(cfg)
	}
	return zapcore.NewJSONEncoder(cfg)
}

// recordEncoder writes a record as the same JSON line that the journal has, or as a short one for people.
func recordEncoder(console bool) zapcore.Encoder {
	if console {
		return people{eventEncoder(console)}
	}
	return zapcore.NewJSONEncoder(inventory.LineEncoding())
}

// encodeTime writes RFC 3339 with milliseconds, in UTC, as records have it.
func encodeTime(t time.Time, enc zapcore.PrimitiveArrayEncoder) {
	enc.AppendString(t.UTC().Format("2006-01-02T15:04:05.000Z07:00"))
}
