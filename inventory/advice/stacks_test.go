package advice_test

import (
	"strings"
	"testing"
)

// TestStack_Tolerates holds that what differs between two hellos of one program hides no stack, and nothing else finds one.
func TestStack_Tolerates(t *testing.T) {
	a := newAdvisor(t)
	const java = "t10i220700_8f3dcbce23eb_ddcc4a856434"
	for name, c := range map[string]struct {
		ja3, ja4, want string
		suites         bool
	}{
		"as measured":             {ja4: java, want: "Java 17 (JSSE)"},
		"by JA3 alone":            {ja3: "53652b2730564404986852cde177b6d9", want: "OpenSSL 1.1.1 or OpenSSL 3"},
		"with a server name":      {ja4: "t10d220800_8f3dcbce23eb_ddcc4a856434", want: "Java 17 (JSSE)"},
		"with ALPN":               {ja4: "t10d2209im_8f3dcbce23eb_ddcc4a856434", want: "Java 17 (JSSE)"},
		"resuming":                {ja4: "t10d220900_8f3dcbce23eb_0123456789ab", want: "Java 17 (JSSE)", suites: true},
		"another version":         {ja4: "t12i220700_8f3dcbce23eb_ddcc4a856434"},
		"other suites":            {ja4: "t10i220700_000000000000_ddcc4a856434"},
		"few suites alone":        {ja4: "t10i040700_cefcabfea53d_0123456789ab"},
		"few suites, as measured": {ja4: "t10i040700_cefcabfea53d_d96c4944524b", want: "Go crypto/tls"},
		"nothing":                 {},
		"no JA4":                  {ja4: strings.Repeat("_", 36)},
		"cut":                     {ja4: java[:35]},
		"too long":                {ja4: java + "0"},
	} {
		if got := a.Stack(c.ja3, c.ja4); got.Name != c.want || got.Suites != c.suites {
			t.Errorf("%s: %+v, want %q", name, got, c.want)
		}
	}
}

func TestStack_TellsAllPrograms(t *testing.T) {
	got := newAdvisor(t).Stack("53652b2730564404986852cde177b6d9", "").Programs
	for _, want := range []string{"openssl s_client", "Python 3", "Node.js 20"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
}
