package journal

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The names in a journal's directory: <id>-00000001.jsonl while it is written, with .zst once it is compressed, and one
// <id>.snapshot.zst. A name with .tmp is not finished.
const (
	plainSuffix      = ".jsonl"
	compressedSuffix = ".jsonl.zst"
	snapshotSuffix   = ".snapshot.zst"
	temporarySuffix  = ".tmp"
	numberDigits     = 8
	idDigits         = 16
)

// ErrTwoJournals says that the segments of a directory have different ids.
var ErrTwoJournals = errors.New("the directory holds more than one journal: move the others elsewhere")

// segment is one file of a journal, or two where it was compressed and the plain one is still there.
type segment struct {
	number            int64
	plain, compressed bool
}

// listing is what is in a journal's directory.
type listing struct {
	journal   string // its id; empty where there is none yet
	segments  []segment
	snapshot  bool
	leftovers []string // names of files that were not finished
}

// list reads dir. Files that are not of a journal are passed over.
func list(dir string) (listing, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return listing{}, nil
	}
	if err != nil {
		return listing{}, err
	}
	var l listing
	for _, entry := range entries {
		if err := l.add(entry.Name()); err != nil {
			return listing{}, err
		}
	}
	slices.SortFunc(l.segments, func(a, b segment) int { return cmp.Compare(a.number, b.number) })
	return l, nil
}

// add takes in one file.
func (l *listing) add(name string) error {
	whole, unfinished := strings.CutSuffix(name, temporarySuffix)
	id, rest := whole, ""
	if len(whole) >= idDigits {
		id, rest = whole[:idDigits], whole[idDigits:]
	}
	number, compressed, isSegment := parseRest(rest)
	if !isID(id) || !isSegment && rest != snapshotSuffix {
		return nil
	}
	if l.journal != "" && l.journal != id {
		return ErrTwoJournals
	}
	l.journal = id
	switch {
	case unfinished:
		l.leftovers = append(l.leftovers, name)
	case !isSegment:
		l.snapshot = true
	default:
		l.addSegment(number, compressed)
	}
	return nil
}

func (l *listing) addSegment(number int64, compressed bool) {
	i := slices.IndexFunc(l.segments, func(s segment) bool { return s.number == number })
	if i < 0 {
		l.segments = append(l.segments, segment{number: number})
		i = len(l.segments) - 1
	}
	s := &l.segments[i]
	s.compressed, s.plain = s.compressed || compressed, s.plain || !compressed
}

// last returns the number of the newest segment, 0 where there is none.
func (l *listing) last() int64 {
	if len(l.segments) == 0 {
		return 0
	}
	return l.segments[len(l.segments)-1].number
}

// parseRest reads what stands behind the id in the name of a segment.
func parseRest(rest string) (number int64, compressed, ok bool) {
	rest, ok = strings.CutPrefix(rest, "-")
	digits, compressed := strings.CutSuffix(rest, compressedSuffix)
	if !compressed {
		var plain bool
		digits, plain = strings.CutSuffix(rest, plainSuffix)
		ok = ok && plain
	}
	number, err := strconv.ParseInt(digits, 10, 64)
	return number, compressed, ok && err == nil && number > 0 && len(digits) >= numberDigits
}

func isID(s string) bool {
	return len(s) == idDigits && strings.Trim(s, "0123456789abcdef") == ""
}

func plainPath(dir, journal string, number int64) string {
	return filepath.Join(dir, fmt.Sprintf("%s-%0*d%s", journal, numberDigits, number, plainSuffix))
}

func compressedPath(dir, journal string, number int64) string {
	return filepath.Join(dir, fmt.Sprintf("%s-%0*d%s", journal, numberDigits, number, compressedSuffix))
}

func snapshotPath(dir, journal string) string { return filepath.Join(dir, journal+snapshotSuffix) }
