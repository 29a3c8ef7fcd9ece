package inventory

import (
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Recorders tells several Recorders, one after the other. One that panics keeps none of the others from being told: the
// panic goes on when all of them were.
type Recorders []Recorder

// Admitted implements Recorder.
func (rs Recorders) Admitted(s *Session) { rs.each(func(r Recorder) { r.Admitted(s) }) }

// Ended implements Recorder.
func (rs Recorders) Ended(s *Session) { rs.each(func(r Recorder) { r.Ended(s) }) }

// TurnedAway implements Recorder.
func (rs Recorders) TurnedAway(t TurnedAway) { rs.each(func(r Recorder) { r.TurnedAway(t) }) }

func (rs Recorders) each(tell func(Recorder)) {
	if len(rs) == 0 {
		return
	}
	defer rs[1:].each(tell) // also when the first one panics
	tell(rs[0])
}

// Log is the Recorder that writes records to a log. It is safe for concurrent use.
type Log struct{ logger *zap.Logger }

// NewLog returns a Log that writes to the core of l whatever its level, and past any sampler: an inventory that
// depends on how much an administrator wants to read would be none. For the same line as the journal's the core encodes
// by LineEncoding.
func NewLog(l *zap.Logger) *Log {
	return &Log{l.WithOptions(
		zap.WrapCore(func(c zapcore.Core) zapcore.Core { return unfiltered{c} }),
		zap.WithCaller(false),
		zap.AddStacktrace(zapcore.InvalidLevel),
	)}
}

// Admitted does nothing: the log has one line a session, at its end.
func (l *Log) Admitted(*Session) {}

// Ended writes the session record.
func (l *Log) Ended(s *Session) { l.logger.Info(MessageSession, zap.Inline(s)) }

// TurnedAway does nothing: Flood sums who was turned away.
func (l *Log) TurnedAway(TurnedAway) {}

// Flood writes a flood line.
func (l *Log) Flood(line FloodLine) { l.logger.Info(MessageFlood, zap.Inline(&line)) }

// Bridge writes a bridge line.
func (l *Log) Bridge(line BridgeLine) { l.logger.Info(MessageBridge, zap.Inline(&line)) }

// Change writes a change line.
func (l *Log) Change(line ChangeLine) { l.logger.Info(MessageChange, zap.Inline(&line)) }

// Notice writes that people were told of something, or would be where they have a channel for it.
func (l *Log) Notice(n zapcore.ObjectMarshaler) { l.logger.Info(MessageNotice, zap.Inline(n)) }

// unfiltered is a core that writes everything: levels and sampling are decided in Check, which it answers itself.
type unfiltered struct{ zapcore.Core }

// Enabled implements zapcore.LevelEnabler.
func (unfiltered) Enabled(zapcore.Level) bool { return true }

// Check implements zapcore.Core.
func (u unfiltered) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	return ce.AddCore(e, u)
}
