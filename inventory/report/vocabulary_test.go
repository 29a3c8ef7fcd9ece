package report_test

import (
	"fmt"
	"slices"
	"testing"

	"drawbridge/inventory"
	"drawbridge/inventory/words"
)

// TestVocabularies_HaveEveryWord: what the inventory can say, people can read, in the same order.
func TestVocabularies_HaveEveryWord(t *testing.T) {
	for name, c := range map[string]struct {
		vocabulary words.Vocabulary
		words      string
	}{
		"stages":     {words.Stages(), fmt.Sprint(inventory.Stages())},
		"outcomes":   {words.Outcomes(), fmt.Sprint(inventory.OutcomeOrder())},
		"next steps": {words.NextSteps(), fmt.Sprint(inventory.NextSteps())},
		"categories": {words.Categories(), fmt.Sprint(inventory.Categories)},
		"priorities": {words.Priorities(), fmt.Sprint(inventory.Priorities)},
	} {
		if got := fmt.Sprint(c.vocabulary.Words()); got != c.words {
			t.Errorf("%s: got %s, want %s", name, got, c.words)
		}
		labels := c.vocabulary.Labels()
		slices.Sort(labels)
		if len(slices.Compact(labels)) != len(c.vocabulary) {
			t.Errorf("%s: two words have one label: %q", name, c.vocabulary.Labels())
		}
	}
}
