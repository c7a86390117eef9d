package doltdb

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"gastown/town/durable"
)

// Retire moves the directory of a database, which no process may have open, into
// the directory retired, under the database's name and the present time. It returns
// the new path, or "" when there is no database in dir. The move is durable when
// Retire returns.
func Retire(dir, retired, name string, now time.Time) (at string, err error) {
	if _, err := os.Lstat(dir); errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err := os.MkdirAll(retired, 0o700); err != nil {
		return "", err
	}
	at = filepath.Join(retired, name+"-"+now.UTC().Format("20060102T150405.000000000"))
	if err := durable.Rename(dir, at); err != nil {
		return "", err
	}
	return at, nil
}
