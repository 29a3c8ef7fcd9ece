package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// sayReasons are the sources whose sentences can become the reason of a record or of a flood line, or a warning of /readyz.
var sayReasons = []string{
	"proxy/*.go", "proxy/devicetls/*.go", "proxy/guard/*.go", "proxy/imaplogin/*.go", "proxy/limits/*.go", "proxy/login/*.go",
	"proxy/pop3login/*.go", "internal/accounts/checker.go", "internal/accounts/verify.go", "internal/chain/*.go", "internal/decider/*.go",
	"internal/hello/oddity.go", "internal/hello/record.go", "internal/hello/sslv2.go", "internal/hello/tls.go", "internal/oauth/classify.go",
	"internal/oauth/codes.go", "internal/oauth/token.go", "internal/reminder/*.go", "internal/upstreams/*.go",
	"cmd/drawbridge/bridge.go", "cmd/drawbridge/files.go",
}

// TestReasons_EverySentenceIsExplained finds each sentence in those sources, and wants it in docs/reasons.md, or in
// testdata/reasons/elsewhere.txt where it can become none; and nothing there that is said no more.
func TestReasons_EverySentenceIsExplained(t *testing.T) {
	said, whole := sentencesSaid(t)
	explained := textOf(t, "../../docs/reasons.md")
	flat := strings.Join(strings.Fields(explained), " ")
	elsewhere := textOf(t, "testdata/reasons/elsewhere.txt")
	for sentence, where := range said {
		here, there := strings.Contains(flat, sentence), strings.Contains(elsewhere, sentence)
		switch {
		case !here && !there:
			t.Errorf("%s: docs/reasons.md does not say when this is said and what to do:\n%s", where, sentence)
		case here && there:
			t.Errorf("%s: this is explained in docs/reasons.md and cannot become a reason:\n%s", where, sentence)
		}
	}
	for _, quoted := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(explained, -1) {
		for piece := range strings.SplitSeq(quoted[1], "…") {
			if piece = strings.TrimSpace(piece); !strings.Contains(whole, piece) {
				t.Errorf("docs/reasons.md explains what nobody says any more: %q of %q", piece, quoted[1])
			}
		}
	}
}

// textOf returns the text of a file.
func textOf(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// sentencesSaid returns the pieces of the sources' sentences, each with where it stands, and all literals: what is filled in
// stands as "…".
func sentencesSaid(t *testing.T) (said map[string]string, whole string) {
	t.Helper()
	said = map[string]string{}
	for _, pattern := range sayReasons {
		files, err := filepath.Glob("../../" + pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no file, %v", pattern, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") || strings.HasSuffix(file, "proxy/login/words.go") { // words of upstreams, with their sources
				continue
			}
			set := token.NewFileSet()
			parsed, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			note := func(text string, at token.Pos) {
				text = filledIn.ReplaceAllString(text, "…")
				whole += text + "\n"
				for _, piece := range pieces.Split(text, -1) {
					if piece = strings.Trim(piece, " ,;:()[]"); isSentence(piece) {
						said[piece] = set.Position(at).String()
					}
				}
			}
			ast.Walk(literals{note}, parsed)
		}
	}
	return said, whole
}

// literals notes the literals of a syntax tree, sums of them as one.
type literals struct {
	note func(text string, at token.Pos)
}

// Visit implements ast.Visitor.
func (l literals) Visit(n ast.Node) ast.Visitor {
	e, is := n.(ast.Expr)
	if !is {
		return l
	}
	text, literal := folded(e)
	if !literal {
		return l
	}
	l.note(text, e.Pos())
	l.below(e)
	return nil
}

// below goes on below a sum: what is no literal there may have some.
func (l literals) below(e ast.Expr) {
	sum, is := e.(*ast.BinaryExpr)
	if !is {
		return
	}
	for _, part := range []ast.Expr{sum.X, sum.Y} {
		if _, literal := folded(part); literal {
			l.below(part)
		} else {
			ast.Walk(l, part)
		}
	}
}

// pieces are what a sentence and what it says to do fall into.
var pieces = regexp.MustCompile(`…|[:;] `)

var filledIn = regexp.MustCompile(`%[+#0-9.]*[a-z]|\{[a-z]+\}`)

// folded returns the text of a literal, or of a sum of some; what is no literal in it stands as "…".
func folded(e ast.Expr) (text string, literal bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			return "", false
		}
		text, err := strconv.Unquote(e.Value)
		return text, err == nil
	case *ast.BinaryExpr:
		left, isLeft := folded(e.X)
		right, isRight := folded(e.Y)
		if e.Op != token.ADD || !isLeft && !isRight {
			return "", false
		}
		if !isLeft {
			left = "…"
		}
		if !isRight {
			right = "…"
		}
		return left + right, true
	}
	return "", false
}

// isSentence reports whether people read s: four words at least.
func isSentence(s string) bool {
	return len(strings.Fields(s)) >= 4 && regexp.MustCompile(`^[^\r\n]+$`).MatchString(s)
}
