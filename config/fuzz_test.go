package config_test

import (
	"errors"
	"os"
	"testing"

	"drawbridge/config"
)

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/bad-*.yaml", "testdata/good-*.yaml", "reference.yaml"} {
		for _, file := range glob(f, pattern) {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := config.Parse("testdata/fuzz.yaml", data, machine)
		var faults config.Faults
		switch {
		case err == nil && (c == nil || len(c.Listeners) == 0 || len(c.Upstreams) == 0):
			t.Errorf("taken without listeners or upstreams: %+v", c)
		case err != nil && (c != nil || !errors.As(err, &faults) || len(faults) == 0 || len(faults) > 1000):
			t.Errorf("refused without bounded faults: %v", err)
		}
	})
}
