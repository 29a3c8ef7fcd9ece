package report_test

import (
	"strings"
	"testing"

	"drawbridge/inventory/report"
)

func TestClauses_AreWhole(t *testing.T) {
	for _, c := range report.Clauses() {
		if c.Framework == "" || c.Clause == "" || c.Title == "" || !strings.HasSuffix(c.Text, ".") || !strings.HasPrefix(c.URL, "https://") {
			t.Errorf("%+v", c)
		}
		for _, claim := range []string{"complian", "satisf", "fulfil", "meets the", "guarantee"} {
			if strings.Contains(strings.ToLower(c.Text), claim) {
				t.Errorf("%s %s claims what only an auditor can say: %q", c.Framework, c.Clause, c.Text)
			}
		}
	}
}
