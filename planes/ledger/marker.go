package ledger

import (
	"bytes"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// marker shows each write to programs that watch files: editors, web pages. It is a
// directory in the form in which clients of the public bd look for a ledger. It holds
// no data, and nobody but those programs reads it.
type marker string

const (
	// markerNote says in the directory itself what it is. A directory without it is
	// another program's.
	markerNote = "{\n  \"note\": \"This directory holds no data. The file 'changed' is written when the Town's ledger changes, " +
		"for programs that watch files. It may be removed.\"\n}\n"
	markerFile = "changed"
	// markerTime has always the same length, so that the file is written in place.
	markerTime = "2006-01-02T15:04:05.000000000Z\n"
)

// touch shows a write. A marker that cannot be written is no reason to fail: the write
// is done.
func (m marker) touch(now time.Time) {
	if m == "" {
		return
	}
	path := filepath.Join(string(m), markerFile)
	file, err := os.OpenFile(path, os.O_WRONLY|unix.O_NOFOLLOW, 0)
	if os.IsNotExist(err) && m.create() {
		file, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	}
	if err != nil {
		return
	}
	_, _ = file.WriteString(now.UTC().Format(markerTime))
	_ = file.Close()
}

// create makes the directory, unless there is another program's.
func (m marker) create() bool {
	note := filepath.Join(string(m), "metadata.json")
	if err := os.Mkdir(string(m), 0o700); err != nil {
		text, err := os.ReadFile(note)
		if err == nil {
			return bytes.Equal(text, []byte(markerNote))
		}
		if entries, err := os.ReadDir(string(m)); err != nil || len(entries) > 0 {
			return false
		}
	}
	return os.WriteFile(filepath.Join(string(m), ".gitignore"), []byte("*\n"), 0o600) == nil &&
		os.WriteFile(note, []byte(markerNote), 0o600) == nil
}
