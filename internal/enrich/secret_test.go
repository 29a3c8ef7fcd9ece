package enrich_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"drawbridge/internal/enrich"
	"drawbridge/internal/secret"
)

func TestSecret_IsNeverPrinted(t *testing.T) {
	o := enrich.Options{SNMP: &enrich.SNMP{Community: secret.New("hunter2"), AuthPassword: secret.New("hunter2")}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if s := fmt.Sprintf(verb, *o.SNMP); strings.Contains(s, "hunter2") || strings.Contains(s, "68756e74657232") {
			t.Errorf("%s prints %s", verb, s)
		}
	}
	if s, err := json.Marshal(o.SNMP); err != nil || strings.Contains(string(s), "hunter2") {
		t.Errorf("JSON: %s, %v", s, err)
	}
}
