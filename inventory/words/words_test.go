package words_test

import (
	"testing"

	"drawbridge/inventory/words"
)

func TestNumber_SeparatesThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 7: "7", 999: "999", 1000: "1,000", -100: "-100", -1234: "-1,234", 12345678: "12,345,678"} {
		if got := words.Number(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}

func TestCount_KnowsOne(t *testing.T) {
	for n, want := range map[int64]string{0: "0 devices", 1: "1 device", 2: "2 devices", 2000: "2,000 devices"} {
		if got := words.Count(n, "device", "devices"); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}
