package logs

import (
	"io"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// To returns Logs in JSON with one output, called test, that writes to w.
func To(w io.Writer) *Logs {
	o := start("test", w)
	return &Logs{Events: zap.New(zapcore.NewCore(eventEncoder(false), o, zapcore.InfoLevel)), outputs: []*output{o}}
}

// MaxWaiting is how many bytes of lines wait for an output.
const MaxWaiting = maxWaiting
