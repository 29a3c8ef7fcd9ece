package config

import (
	"time"

	"drawbridge/internal/secret"
)

// Config is everything a bridge is told. Treat it as read only.
type Config struct {
	// The folder for all that the bridge keeps. It is made with mode 0700; certificates/ and control.sock are in it.
	DataDir string `yaml:"data_dir" jsonschema:"minLength=1"`

	// The name of this instance, in every record. Default: the host's name.
	Name string `yaml:"name" jsonschema:"minLength=1,maxLength=256"`

	// How long running sessions may go on after SIGTERM.
	Drain time.Duration `yaml:"drain"`

	// Where devices connect. A list replaces the built-in listeners, and each entry starts from the values shown.
	Listeners []Listener `yaml:"listeners" jsonschema:"minItems=1"`

	// What listeners prove themselves with. The first entry serves devices that send no server name.
	// Default: one local_ca entry with the names and addresses of this machine.
	Certificates []Certificate `yaml:"certificates" jsonschema:"minItems=1"`

	// The mail services behind the bridge, by name, in the order of the file. Once given they replace the built-in one.
	// The first serves every session that no rule leads elsewhere.
	Upstreams []Upstream `yaml:"upstreams"`

	// The logins that devices use, besides those kept by drawbridge account. Upstreams with auth: passthrough do not ask
	// them.
	Accounts []Account `yaml:"accounts,omitempty"`

	// What encrypts refresh tokens at rest, 32 bytes at least, as a value, {file: PATH} or {env: NAME}. Default: a key
	// made in data_dir.
	TokenKey secret.Secret `yaml:"token_key,omitempty"`

	// Who goes to which upstream. Each setting comes from the first matching rule that sets it.
	Rules []Rule `yaml:"rules,omitempty"`

	// The time zone of dates, by its IANA name. Default: the machine's.
	Timezone *time.Location `yaml:"timezone"`

	// Whom devices' users are to call, such as a service desk: one line of printable ASCII, 200 bytes at most, for the
	// texts that warn of or refuse a device and for the dashboard.
	Contact string `yaml:"contact" jsonschema:"maxLength=200,pattern=^[ -~]*$"`

	// What people are told of unasked, besides the log, which has all of it. Default: nobody is.
	Notices Notices `yaml:"notices"`

	// Which devices there are, since when, and what each needs to do without the bridge.
	Inventory Inventory `yaml:"inventory"`

	// The log, session records included.
	Log Log `yaml:"log"`

	// Where people and monitors look: the dashboard, its API, metrics and health.
	Admin Admin `yaml:"admin"`

	// What works and is probably not meant, each with its position. Not a key.
	Warnings []string `yaml:"-"`
}

// Log says what is logged and where to.
type Log struct {
	// The least level written: debug, info, warn or error. Session records are written at any level.
	Level string `yaml:"level" jsonschema:"enum=debug,enum=info,enum=warn,enum=error"`

	// How a line looks: json, console (short lines for people, of which no inventory can be made), or auto: console on a
	// terminal, else json.
	Format string `yaml:"format" jsonschema:"enum=json,enum=console,enum=auto"`

	// Where lines go: stderr, stdout, or the path of a file, which is rotated, and opened anew where it was renamed or removed.
	Output []string `yaml:"output" jsonschema:"minItems=1"`

	// When log files are rotated.
	Rotate Rotate `yaml:"rotate"`
}

// Rotate says when log files are rotated.
type Rotate struct {
	// The size at which a new file is begun, in whole MiB.
	Size int64 `yaml:"size" drawbridge:"size"`

	// How many old files are kept; 0 keeps all.
	Keep int `yaml:"keep" jsonschema:"minimum=0"`
}

const mebibyte = 1 << 20

func (l *Log) read(o *object) {
	scalar(o, "level", &l.Level, oneOf("debug", "info", "warn", "error"))
	scalar(o, "format", &l.Format, oneOf("json", "console", "auto"))
	some(o, "output", &l.Output, o.d.output)
	o.group("rotate", func(o *object) {
		scalar(o, "size", &l.Rotate.Size, wholeMebibytes)
		scalar(o, "keep", &l.Rotate.Keep, count(0))
	})
}

// output reads stderr, stdout or a path.
func (d *decoder) output(text string) (string, *mistake) {
	if text == "stderr" || text == "stdout" {
		return text, nil
	}
	return d.path(text)
}

func wholeMebibytes(text string) (int64, *mistake) {
	n, m := size[int64](mebibyte, 1<<40)(text)
	if m == nil && n%mebibyte != 0 {
		return 0, wrong("write whole MiB, such as 100MiB", "%s is no whole number of MiB", text)
	}
	return n, m
}
