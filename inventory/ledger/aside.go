package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.uber.org/zap"

	"drawbridge/inventory/sqlstore"
)

// mostAside is how many files are set aside, so that a disk that damages each one is not filled with them.
const mostAside = 9

// companions are what stands behind the name of a SQLite file in those that belong to it.
var companions = [...]string{"", "-wal", "-shm"}

// damaged reports whether the store is a file that is to be made anew: err says so, or what anybody read of it did.
func (f *follower) damaged(err error) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.options.SQLite != "" && (errors.Is(err, sqlstore.ErrDamaged) || f.store != nil && f.store.Damaged())
}

// setAside gives the file of the store another name, since it may be somebody else's, and so that the next pass makes one
// anew. The error why is told in the log.
func (f *follower) setAside(why error) error {
	f.forget()
	path, aside := f.options.SQLite, ""
	for n := 1; ; n++ {
		if n > mostAside {
			return fmt.Errorf("%w: %d such files were set aside already, see whether the disk is sound and remove %s",
				why, mostAside, asideName(path, "*"))
		}
		aside = asideName(path, fmt.Sprint(n))
		if _, err := os.Lstat(aside); errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	for i := len(companions) - 1; i >= 0; i-- { // the file itself last: until then the next try finds it damaged
		if err := os.Rename(path+companions[i], aside+companions[i]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("set the damaged store aside: %w", err)
		}
	}
	f.log.Error("the inventory's store was set aside and is made anew from the journal", zap.String("as", aside), zap.Error(why))
	return nil
}

func asideName(path, number string) string { return path + ".aside-" + number }

// SetAside returns the names, in the data directory, of the stores that were set aside and are still there: 9 at most.
func (l *Ledger) SetAside() []string {
	var names []string
	for n := range mostAside {
		name := asideName(StoreFile, fmt.Sprint(n+1))
		if _, err := os.Lstat(filepath.Join(l.o.Dir, name)); err == nil {
			names = append(names, name)
		}
	}
	return names
}
