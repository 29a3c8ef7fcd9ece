package accounts_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"drawbridge/internal/accounts"
	"drawbridge/internal/secret"
)

// TestVerify_TakesAPasswordInTheEncodingsOfDevices, and remembers it as it was typed.
func TestVerify_TakesAPasswordInTheEncodingsOfDevices(t *testing.T) {
	t.Parallel()
	const composed, decomposed = "fl\u00fcgel", "flu\u0308gel"
	for name, c := range map[string]struct{ kept, typed string }{
		"UTF-8":                           {composed, composed},
		"Latin-1":                         {composed, "fl\xfcgel"},
		"code page 1252":                  {"10\u20ac", "10\x80"},
		"code page 850":                   {composed, "fl\x81gel"},
		"code page 850, capital":          {"\u00c4rger", "\x8erger"},
		"decomposed, as of a Mac":         {composed, decomposed},
		"kept decomposed":                 {decomposed, composed},
		"kept decomposed, Latin-1":        {decomposed, "fl\xfcgel"},
		"kept as Latin-1, typed as UTF-8": {"fl\xfcgel", composed},
		"kept as Latin-1":                 {"fl\xfcgel", "fl\xfcgel"},
		"a blank in front":                {" secret", " secret"},
		"a doubled blank":                 {"secret", " secret"},
		"a doubled blank and a real one":  {" secret", "  secret"},
		"a doubled blank, Latin-1":        {composed, " fl\xfcgel"},
	} {
		t.Run(name, func(t *testing.T) {
			b := book(t, accounts.Options{}, accounts.Account{Login: "a", Passwords: one(hash(t, c.kept))})
			for i := range 2 {
				if id := mustVerify(t, b, attempt("a", c.typed)); id.Remembered != (i == 1) {
					t.Errorf("login %d: remembered %v", i, id.Remembered)
				}
			}
		})
	}
}

func TestVerify_TakesNoOtherPassword(t *testing.T) {
	t.Parallel()
	for kept, typed := range map[string]string{
		"fl\u00fcgel": "flugel", "secret": "secret ", " secret": "secret", "se cret": "se  cret", "Secret": "secret", "\u00e4": "\u00f6",
		"10":      "10\u20ac",
		"secret2": "  secret2",
	} {
		b := book(t, accounts.Options{}, accounts.Account{Login: "a", Passwords: one(hash(t, kept))})
		if _, err := b.Verify(context.Background(), attempt("a", typed)); err == nil {
			t.Errorf("%q is taken for %q", typed, kept)
		}
	}
}

// TestVerify_AWrongPasswordCostsTheSameForEverybody: how many checks it takes depends on what was typed alone.
func TestVerify_AWrongPasswordCostsTheSameForEverybody(t *testing.T) {
	t.Parallel()
	c := accounts.NewChecker(accounts.CheckerOptions{})
	b := fleet(t, accounts.Options{Checker: c})
	for typed, most := range map[string]int{"plain": 1, " blank": 2, "fl\xfcgel": 4, "fl\u00fcgel": 3, " fl\u00fcgel": 6,
		"\xff\xfe\xfd": 4, strings.Repeat("\u00e4", 512): 3} {
		spelled := len(accounts.SpellingsOf(secret.New(typed)))
		if spelled < 1 || spelled > most {
			t.Errorf("%q has %d spellings, want 1 to %d", typed, spelled, most)
		}
		for _, name := range []string{"nobody", "scanner1", "off", "far", "pop", "printer@contoso.com"} {
			before := c.Opened()
			_, err := b.Verify(context.Background(), attempt(name, typed))
			refusedWith(t, err)
			if got := c.Opened() - before; got != spelled {
				t.Errorf("%s, %q: %d checks, want %d", name, typed, got, spelled)
			}
		}
	}
}

// TestImportCSV_WarnsOfWhatDevicesSpell in more than one way.
func TestImportCSV_WarnsOfWhatDevicesSpell(t *testing.T) {
	t.Parallel()
	got, err := accounts.ImportCSV(t.Context(), strings.NewReader("login,password\na,fl\u00fcgel-47114711\nb,47114711\nc,\" 47114711\"\n"),
		accounts.CSVOptions{Parameters: cheap})
	if err != nil {
		t.Fatal(err)
	}
	notes := fmt.Sprint(got.Notes)
	if strings.Count(notes, "beyond ASCII") != 1 || strings.Count(notes, "blank") != 2 || strings.Contains(notes, "gel") {
		t.Errorf("notes: %s", notes)
	}
}
