package main

import (
	"os"
	"testing"
)

func TestFilesAreUpToDate(t *testing.T) {
	t.Chdir("../..")
	for name, generate := range generators() {
		got, err := generate()
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("%s is not what the types say; run: go generate ./config", name)
		}
	}
}

func TestCommentsOfTheTypesAreFound(t *testing.T) {
	t.Chdir("../..")
	r, err := reflector()
	if err != nil {
		t.Fatal(err)
	}
	if r.CommentMap[packagePath+".Config.DataDir"] == "" {
		t.Error("no comment of Config.DataDir")
	}
}
