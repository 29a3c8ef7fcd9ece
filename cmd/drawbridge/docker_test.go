package main_test

import (
	"debug/elf"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"drawbridge/config"
)

// compose is what of compose.yaml Drawbridge depends on.
type compose struct {
	Services map[string]struct {
		Build struct {
			Context    string
			Dockerfile string
		}
		NetworkMode     string        `yaml:"network_mode"`
		StopGracePeriod time.Duration `yaml:"stop_grace_period"`
		User            string
		ReadOnly        bool     `yaml:"read_only"`
		CapDrop         []string `yaml:"cap_drop"`
		CapAdd          []string `yaml:"cap_add"`
		SecurityOpt     []string `yaml:"security_opt"`
		Privileged      bool
		Ports           []string
		Volumes         []string
	}
	Volumes map[string]any
}

// TestDocker_ComposeSuitsTheBridge holds compose.yaml, Dockerfile and drawbridge.yaml together.
func TestDocker_ComposeSuitsTheBridge(t *testing.T) {
	var c compose
	check(t, yaml.Unmarshal([]byte(readFile(t, dockerFile("compose.yaml"))), &c))
	conf := dockerConfig(t)
	s := c.Services["drawbridge"]
	image := instructions(t)
	for _, want := range []struct {
		what string
		ok   bool
	}{
		{"the Dockerfile is built from the root of the repository", s.Build.Context == ".." && s.Build.Dockerfile == "docker/Dockerfile"},
		{"the host's network, so that devices keep their addresses", s.NetworkMode == "host" && s.Ports == nil},
		{"stop_grace_period is longer than drain", s.StopGracePeriod > conf.Drain && conf.Drain > 0},
		{"a read-only root", s.ReadOnly},
		{"no capability, no privilege, and none to be had", slices.Equal(s.CapDrop, []string{"ALL"}) && s.CapAdd == nil &&
			!s.Privileged && slices.Contains(s.SecurityOpt, "no-new-privileges:true")},
		{"the image's user, which is not root", s.User == image["USER"] && regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(s.User)},
		{"the data directory is a volume", slices.Contains(s.Volumes, "data:"+conf.DataDir) && hasKey(c.Volumes, "data") &&
			image["VOLUME"] == conf.DataDir},
		{"the configuration is mounted where the image reads it",
			slices.Contains(s.Volumes, "./drawbridge.yaml:/etc/drawbridge/drawbridge.yaml:ro") &&
				strings.Contains(image["CMD"], `"/etc/drawbridge/drawbridge.yaml"`)},
	} {
		if !want.ok {
			t.Errorf("compose.yaml: want %s", want.what)
		}
	}
}

// TestDocker_ListensWithoutRoot holds the ports to what the image's user may open and the image says it opens.
func TestDocker_ListensWithoutRoot(t *testing.T) {
	var ports []string
	for _, l := range dockerConfig(t).Listeners {
		_, port, err := net.SplitHostPort(l.Address)
		check(t, err)
		if n, err := strconv.Atoi(port); err != nil || n < 1024 {
			t.Errorf("listener %s: port %s, want one above 1023", l.Name, port)
		}
		ports = append(ports, port)
	}
	if exposed := strings.Fields(instructions(t)["EXPOSE"]); !slices.Equal(exposed, ports) {
		t.Errorf("EXPOSE %v, want the listeners' ports %v", exposed, ports)
	}
}

// TestDocker_ImageHoldsAStaticBinary runs the Dockerfile's own build command: the image has no loader and no library.
func TestDocker_ImageHoldsAStaticBinary(t *testing.T) {
	const inImage = "/image/drawbridge"
	build := instructions(t)["RUN go build"]
	if !strings.Contains(build, inImage) {
		t.Fatalf("the build command %q does not make %s", build, inImage)
	}
	binary := filepath.Join(t.TempDir(), "drawbridge")
	output(t, filepath.Join("..", ".."), "env", "VERSION=1.2.3", "TARGETOS=linux", "TARGETARCH=", "sh", "-c",
		strings.ReplaceAll(build, inImage, binary))
	file, err := elf.Open(binary)
	check(t, err)
	defer func() { _ = file.Close() }()
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_INTERP {
			t.Error("the binary asks for a dynamic loader, which the image does not have")
		}
	}
	if libraries, err := file.ImportedLibraries(); err != nil || len(libraries) > 0 {
		t.Errorf("the binary needs the libraries %v (%v), want none", libraries, err)
	}
	if got := string(output(t, ".", binary, "version")); !strings.Contains(got, "1.2.3") {
		t.Errorf("version prints %q, want VERSION in it", got)
	}
	output(t, ".", binary, "validate", "--config", dockerFile("drawbridge.yaml"))
}

func dockerFile(name string) string { return filepath.Join("..", "..", "docker", name) }

func dockerConfig(t *testing.T) *config.Config {
	t.Helper()
	conf, err := config.Load(dockerFile("drawbridge.yaml"))
	check(t, err)
	return conf
}

func hasKey(m map[string]any, key string) bool {
	_, ok := m[key]
	return ok
}

// instructions are the arguments of the Dockerfile's instructions, the last of a kind; the one that builds the program
// stands under "RUN go build".
func instructions(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	text := strings.ReplaceAll(readFile(t, dockerFile("Dockerfile")), "\\\n", " ")
	for line := range strings.Lines(text) {
		keyword, arguments, _ := strings.Cut(strings.TrimSpace(line), " ")
		all[keyword] = arguments
		if keyword == "RUN" && strings.Contains(arguments, "go build") {
			all["RUN go build"] = arguments
		}
	}
	return all
}
