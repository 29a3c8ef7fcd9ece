package secret_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.yaml.in/yaml/v3"

	"drawbridge/internal/secret"
)

const password = "hunter2-pump-7"

// holder has its secret where fmt calls no methods.
type holder struct {
	name   string
	hidden secret.Secret
}

func TestSecret_PrintsRedactedUnderEveryVerb(t *testing.T) {
	s := secret.New(password)
	in := struct{ Shown secret.Secret }{s}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%b", "%c", "%U", "%e", "%p", "%T%[1]v"} {
		for _, value := range []any{s, &s, in, &in, []secret.Secret{s}, map[string]secret.Secret{"k": s}} {
			if got := fmt.Sprintf(verb, value); leaks(got) {
				t.Errorf("%s of %T prints %s", verb, value, got)
			}
		}
		if got := fmt.Sprintf(verb, s); !strings.Contains(got, "[redacted]") {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

func TestSecret_PrintsRedactedInsideUnexportedFields(t *testing.T) {
	h := holder{"scanner1", secret.New(password)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, value := range []any{h, &h, []holder{h}, map[string]holder{"k": h}, struct{ inner holder }{h}} {
			got := fmt.Sprintf(verb, value)
			if leaks(got) {
				t.Errorf("%s of %T prints %s", verb, value, got)
			}
			if verb == "%v" && !strings.Contains(got, "[redacted]") {
				t.Errorf("%s of %T does not say that it is redacted: %s", verb, value, got)
			}
		}
	}
}

// leaks reports whether text has the password in it, as it is or in hexadecimal.
func leaks(text string) bool {
	lower := strings.ToLower(text)
	return strings.Contains(lower, password) || strings.Contains(lower, fmt.Sprintf("%x", password))
}

func TestSecret_IsRedactedByEncoders(t *testing.T) {
	in := struct {
		S secret.Secret `json:"s" yaml:"s"`
	}{secret.New(password)}
	asJSON, err := json.Marshal(in)
	if err != nil || string(asJSON) != `{"s":"[redacted]"}` {
		t.Errorf("JSON: %s, %v", asJSON, err)
	}
	asYAML, err := yaml.Marshal(in)
	if err != nil || leaks(string(asYAML)) || !strings.Contains(string(asYAML), "[redacted]") {
		t.Errorf("YAML: %s, %v", asYAML, err)
	}
	fields := []zapcore.Field{zap.Any("any", in.S), zap.Reflect("reflect", in), zap.Stringer("stringer", in.S)}
	line, err := zapcore.NewJSONEncoder(zapcore.EncoderConfig{}).EncodeEntry(zapcore.Entry{}, fields)
	if err != nil || leaks(line.String()) || strings.Count(line.String(), "[redacted]") != len(fields) {
		t.Errorf("zap: %s, %v", line, err)
	}
}

func TestSecret_Reveals(t *testing.T) {
	if got := secret.New(password).Reveal(); got != password {
		t.Errorf("got %q", got)
	}
	var none secret.Secret
	if !none.Empty() || none.Reveal() != "" || secret.New(password).Empty() || !secret.New("").Empty() {
		t.Error("what is empty is not told from what is not")
	}
}
