package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"drawbridge/internal/private"
	"drawbridge/internal/secret"
)

// maxSecret bounds a secret's file, in bytes.
const maxSecret = 64 << 10

// SecretSource is how a configuration names a secret: the value itself, {file: PATH} or {env: NAME}. Exactly one of
// the three is set once it was decoded.
type SecretSource struct {
	Value secret.Secret
	File  string
	Env   string
}

// UnmarshalYAML takes a text, or a map with the one key file or env. Its errors never hold the value.
func (s *SecretSource) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode && n.Value != "" && n.Tag != "!!null" {
		*s = SecretSource{Value: secret.New(n.Value)}
		return nil
	}
	if n.Kind != yaml.MappingNode || len(n.Content) != 2 || n.Content[1].Kind != yaml.ScalarNode || n.Content[1].Value == "" {
		return errors.New("a secret is a text, {file: PATH} or {env: NAME}")
	}
	switch n.Content[0].Value {
	case "file":
		*s = SecretSource{File: n.Content[1].Value}
	case "env":
		*s = SecretSource{Env: n.Content[1].Value}
	default:
		return errors.New("a secret is read from file or env, nothing else")
	}
	return nil
}

// Read returns the secret, read alike from everywhere: as UTF-8, also where it was saved as UTF-16 or with a byte order mark, and
// without the line ends around it. A relative file starts at folder. A file that everybody on the machine may read or change is
// refused, except where its mount keeps others out: below /run/secrets, $CREDENTIALS_DIRECTORY and in Kubernetes' projected
// volumes.
func (s SecretSource) Read(folder string, env Environment) (secret.Secret, error) {
	saved, from, err := s.saved(folder, env)
	if err != nil {
		return secret.Secret{}, err
	}
	text, err := secretText(saved)
	if err != nil {
		return secret.Secret{}, fmt.Errorf("%s %w", from, err)
	}
	return secret.New(text), nil
}

// saved returns what is to be read, and how its place is called.
func (s SecretSource) saved(folder string, env Environment) (data []byte, from string, err error) {
	switch {
	case s.File != "":
		path := inFolder(folder, s.File)
		data, err = readPrivate(path, env)
		return data, path, err
	case s.Env != "":
		text := env.variable(s.Env)
		if text == "" {
			return nil, "", fmt.Errorf("environment variable %s: it is not set; set it or name another source", s.Env)
		}
		return []byte(text), "environment variable " + s.Env, nil
	}
	return []byte(s.Value.Reveal()), "the secret", nil
}

// secret reads a secret of one line from where the file says that it is, and tells whether check takes it. It warns of what is
// odd. No message repeats what stands there.
func (v value) secret(into *secret.Secret, check func(text string) *mistake) bool {
	ok := v.secretLines(into, func(text string) *mistake { return cmp.Or(checkSecret(text), check(text)) })
	if m := odd(into.Reveal()); ok && m != nil {
		v.d.warnIn(v.path, m)
	}
	return ok
}

// secretLines is secret where several lines may stand and the check knows what is odd.
func (v value) secretLines(into *secret.Secret, check func(text string) *mistake) bool {
	if isNull(v.node) {
		_, ok := v.one()
		return ok
	}
	found, m := v.findSecret()
	if m == nil {
		m = check(found.Reveal())
	}
	if m != nil {
		v.fault(m)
		return false
	}
	*into = found
	return true
}

func (v value) findSecret() (secret.Secret, *mistake) {
	var source SecretSource
	if err := source.UnmarshalYAML(v.node); err != nil {
		return secret.Secret{}, wrong("write a text, {file: PATH} or {env: NAME}", "this is no secret")
	}
	for _, word := range []string{"file", "env"} {
		if strings.HasPrefix(source.Value.Reveal(), word+":") {
			return secret.Secret{}, wrong("write it in braces, with a space behind the colon: {"+word+": …}",
				"a secret does not begin with %s:", word)
		}
	}
	found, err := source.Read(v.d.folder, v.d.env)
	return found, ofError(err)
}

func anySecret(string) *mistake { return nil }

// readPrivate reads a file that is not for everybody.
func readPrivate(path string, env Environment) ([]byte, error) {
	data, err := readBounded(path, maxSecret)
	if err != nil {
		return nil, err
	}
	return data, checkPrivate(path, env)
}

// checkPrivate refuses a file that everybody may read or change, unless it lies where its mount keeps others out.
func checkPrivate(path string, env Environment) error {
	info, err := os.Stat(path)
	if err != nil {
		return fileProblem(path, err)
	}
	if guardedByMount(path, env) {
		return nil
	}
	return private.Closed(path, info)
}

// guardedByMount tells the places whose files are world-readable by custom and reachable by the service alone.
func guardedByMount(path string, env Environment) bool {
	folder := env.variable("CREDENTIALS_DIRECTORY")
	return inside(path, "/run/secrets") || filepath.IsAbs(folder) && inside(path, folder) || projected(path)
}

// projected recognises a volume that the kubelet's atomic writer filled: each file is a link through ..data, itself a
// link to a folder whose name begins with two dots and the time it was written.
func projected(path string) bool {
	target, err := os.Readlink(filepath.Join(filepath.Dir(path), "..data"))
	if err != nil || !strings.HasPrefix(target, "..") || strings.ContainsRune(target, filepath.Separator) {
		return false
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return false
	}
	volume, err := filepath.EvalSymlinks(filepath.Join(filepath.Dir(path), "..data"))
	return err == nil && inside(real, volume)
}

// inside tells whether path, links resolved where it can be, lies below folder.
func inside(path, folder string) bool {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return false
	}
	if real, err := filepath.EvalSymlinks(absolute); err == nil {
		absolute = real
	}
	if real, err := filepath.EvalSymlinks(folder); err == nil {
		folder = real
	}
	rest, err := filepath.Rel(folder, absolute)
	return err == nil && filepath.IsLocal(rest) && rest != "."
}

// readBounded reads a regular file of at most limit bytes.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fileProblem(path, err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s is a folder; name the file in it", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fileProblem(path, err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s is larger than %s; name another file", path, FormatSize(limit))
	}
	return data, nil
}

// fileProblem says in plain words why a file could not be read; errors.Is still finds the cause.
func fileProblem(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &fileError{path + " does not exist; create it or name another file", err}
	case errors.Is(err, fs.ErrPermission):
		return &fileError{path + " may not be read by this user; give it read access", err}
	}
	return &fileError{fmt.Sprintf("%s cannot be read (%v); check the path", path, errors.Unwrap(err)), err}
}

type fileError struct {
	text  string
	cause error
}

func (e *fileError) Error() string { return e.text }
func (e *fileError) Unwrap() error { return e.cause }

func inFolder(folder, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(folder, path)
}
