// Package logs is where a bridge writes its events and records: the outputs of the configuration, in its format.
package logs

import (
	"fmt"
	"io"
	"os"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"gopkg.in/natefinch/lumberjack.v2"

	"drawbridge/config"
	"drawbridge/inventory"
)

// Logs are the two loggers of a bridge, which share their outputs: Events heeds the level, Records does not. Both are safe for
// concurrent use.
type Logs struct {
	Events  *zap.Logger
	Records *inventory.Log
	files   []io.Closer
}

// Open opens the outputs of the configuration: all, or none stays open. An error names the key that is at fault.
func Open(cfg config.Log) (*Logs, error) {
	level, err := zapcore.ParseLevel(cfg.Level)
	if err != nil {
		return nil, fmt.Errorf("log.level: %w", err)
	}
	l := &Logs{}
	var sinks []zapcore.WriteSyncer
	for _, output := range cfg.Output {
		sink, err := l.open(output, cfg.Rotate)
		if err != nil {
			l.Close()
			return nil, err
		}
		sinks = append(sinks, sink)
	}
	sink := zap.CombineWriteSyncers(sinks...)
	l.Events = zap.New(zapcore.NewCore(eventEncoder(cfg.Format), sink, level))
	l.Records = inventory.NewLog(zap.New(zapcore.NewCore(recordEncoder(cfg.Format), sink, zapcore.DebugLevel)))
	return l, nil
}

// open opens one output. A file must be writable at once, not at its first line.
func (l *Logs) open(output string, rotate config.Rotate) (zapcore.WriteSyncer, error) {
	switch output {
	case "stderr":
		return zapcore.Lock(os.Stderr), nil
	case "stdout":
		return zapcore.Lock(os.Stdout), nil
	}
	f, err := os.OpenFile(output, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log (log.output): %w", err)
	}
	_ = f.Close()
	const mebibyte = 1 << 20
	file := &lumberjack.Logger{Filename: output, MaxSize: int(rotate.Size / mebibyte), MaxBackups: rotate.Keep}
	l.files = append(l.files, file)
	return zapcore.AddSync(file), nil
}

// Close flushes and closes the outputs. Nothing may be logged afterwards.
func (l *Logs) Close() {
	if l.Events != nil {
		_ = l.Events.Sync()
	}
	for _, f := range l.files {
		_ = f.Close()
	}
}

func eventEncoder(format string) zapcore.Encoder {
	cfg := zapcore.EncoderConfig{
		TimeKey: "time", LevelKey: "level", NameKey: "logger", MessageKey: "msg", StacktraceKey: "stack",
		LineEnding:     zapcore.DefaultLineEnding,
		EncodeLevel:    zapcore.LowercaseLevelEncoder,
		EncodeTime:     encodeTime,
		EncodeDuration: zapcore.StringDurationEncoder,
	}
	if format == "console" {
		return zapcore.NewConsoleEncoder(cfg)
	}
	return zapcore.NewJSONEncoder(cfg)
}

// recordEncoder writes a record as the same JSON line that the journal has. On a console it is led by time and message.
func recordEncoder(format string) zapcore.Encoder {
	if format == "console" {
		return eventEncoder(format)
	}
	return zapcore.NewJSONEncoder(inventory.LineEncoding())
}

// encodeTime writes RFC 3339 with milliseconds, in UTC, as records have it.
func encodeTime(t time.Time, enc zapcore.PrimitiveArrayEncoder) {
	enc.AppendString(t.UTC().Format("2006-01-02T15:04:05.000Z07:00"))
}
