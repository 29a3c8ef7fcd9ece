package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.yaml.in/yaml/v3"

	"drawbridge/config"
	"drawbridge/internal/secret"
)

func TestSecret_IsNeverPrinted(t *testing.T) {
	type holder struct {
		Public  secret.Secret
		Pointer *secret.Secret
		private secret.Secret
	}
	s := secret.New("hunter2")
	h := holder{s, &s, s}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%10v"} {
		for _, text := range []string{fmt.Sprintf(verb, s), fmt.Sprintf(verb, &s)} {
			equal(t, verb, text, "[redacted]")
		}
		fmt.Fprintf(&out, verb+"\n", h)
		fmt.Fprintf(&out, verb+"\n", []secret.Secret{s})
		fmt.Fprintf(&out, verb+"\n", map[string]any{"s": s})
	}
	fmt.Fprintln(&out, s.String(), s.GoString(), fmt.Errorf("with %v", s))
	for _, marshal := range []func(any) ([]byte, error){json.Marshal, yaml.Marshal} {
		text, err := marshal(map[string]any{"s": s, "h": struct{ S secret.Secret }{s}})
		if err != nil || bytes.Count(text, []byte("[redacted]")) != 2 {
			t.Errorf("%s, %v", text, err)
		}
		out.Write(text)
	}
	core := zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(&out), zap.InfoLevel)
	zap.New(core).Info("login", zap.Any("any", s), zap.Stringer("stringer", s), zap.Reflect("reflect", h),
		zap.Any("slice", []secret.Secret{s}))
	if text := out.String(); strings.Contains(text, "hunter2") || strings.Contains(text, "68756e74657232") ||
		!strings.Contains(text, `"any":"[redacted]"`) {
		t.Errorf("printed:\n%s", text)
	}
}

func TestSecret_Reveal(t *testing.T) {
	equal(t, "text", secret.New("hunter2").Reveal(), "hunter2")
	equal(t, "zero value", secret.Secret{}.Reveal(), "")
}

func source(t *testing.T, text string) (config.SecretSource, error) {
	t.Helper()
	var holder struct{ S config.SecretSource }
	err := yaml.Unmarshal([]byte(text), &holder)
	return holder.S, err
}

func TestSecretSource_Forms(t *testing.T) {
	t.Setenv("DRAWBRIDGE_TEST", "from the environment")
	folder := t.TempDir()
	write(t, filepath.Join(folder, "secret"), []byte("from a file\r\n"), 0o600)
	write(t, filepath.Join(folder, "lines"), []byte("two\nlines\n\n"), 0o640)
	for text, want := range map[string]string{
		"s: in clear":               "in clear",
		"s: 12345":                  "12345",
		"s: {file: secret}":         "from a file",
		"s: {file: lines}":          "two\nlines",
		"s: {env: DRAWBRIDGE_TEST}": "from the environment",
	} {
		s, err := source(t, text)
		if err != nil {
			t.Fatal(err)
		}
		secret, err := s.Read(folder, config.System())
		if err != nil || secret.Reveal() != want {
			t.Errorf("%s: %q, %v", text, secret.Reveal(), err)
		}
	}
	for _, text := range []string{"s: [hunter2]", "s: {hunter2: x}", "s: {file: a, env: hunter2}", "s: {file: [hunter2]}", "s: {env: ''}",
		"s: ''"} {
		if _, err := source(t, text); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want an error without the value", text, err)
		}
	}
}

func TestSecretSource_Problems(t *testing.T) {
	folder := t.TempDir()
	write(t, filepath.Join(folder, "open secret"), []byte("hunter2"), 0o644)
	write(t, filepath.Join(folder, "empty"), nil, 0o600)
	write(t, filepath.Join(folder, "large"), make([]byte, 64<<10+1), 0o600)
	for _, test := range []struct {
		source config.SecretSource
		says   string
	}{
		{config.SecretSource{File: "open secret"},
			"can be read by everybody on this machine; run: chmod o-rwx '" + filepath.Join(folder, "open secret") + "'"},
		{config.SecretSource{File: "empty"}, "is empty"},
		{config.SecretSource{File: "large"}, "is larger than 64KiB"},
		{config.SecretSource{File: "none"}, "does not exist"},
		{config.SecretSource{Env: "NONE"}, "NONE: it is not set"},
	} {
		_, err := test.source.Read(folder, machine)
		if err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v: %v, want %q", test.source, err, test.says)
		}
	}
}

func TestSecretSource_CredentialsDirectory(t *testing.T) {
	folder := t.TempDir()
	write(t, filepath.Join(folder, "token"), []byte("x"), 0o644)
	env := config.Environment{Lookup: func(name string) (string, bool) { return folder, name == "CREDENTIALS_DIRECTORY" }}
	if _, err := (config.SecretSource{File: "token"}).Read(folder, env); err != nil {
		t.Error(err)
	}
	outside := t.TempDir()
	write(t, filepath.Join(outside, "token"), []byte("x"), 0o644)
	if err := os.Symlink(filepath.Join(outside, "token"), filepath.Join(folder, "link")); err != nil {
		t.Fatal(err)
	}
	if _, err := (config.SecretSource{File: "link"}).Read(folder, env); err == nil {
		t.Error("a link out of the directory was taken")
	}
}

func TestSecretSource_KubernetesVolume(t *testing.T) {
	volume := t.TempDir()
	stamped := filepath.Join(volume, "..2026_11_24_10_00_00.1")
	if err := os.Mkdir(stamped, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(stamped, "token"), []byte("x"), 0o644)
	for link, target := range map[string]string{"..data": filepath.Base(stamped), "token": "..data/token"} {
		if err := os.Symlink(target, filepath.Join(volume, link)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := (config.SecretSource{File: "token"}).Read(volume, machine); err != nil {
		t.Error(err)
	}
	write(t, filepath.Join(volume, "beside"), []byte("x"), 0o644)
	if _, err := (config.SecretSource{File: "beside"}).Read(volume, machine); err == nil {
		t.Error("a file beside the volume's own was taken")
	}
}

func TestSecretSource_RunSecrets(t *testing.T) {
	for path, want := range map[string]bool{
		"/run/secrets/drawbridge":     true,
		"/run/secrets/a/b":            true,
		"/run/secrets":                false,
		"/run/secrets-old/drawbridge": false,
		"/run/secrets/../drawbridge":  false,
	} {
		if got := config.GuardedByMount(path); got != want {
			t.Errorf("%s guarded: %t", path, got)
		}
	}
}
