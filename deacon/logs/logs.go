// Package logs writes and reads the Deacon's log: one JSON object a line, in a file
// that is private to its owner and rotated by size.
//
// Content from outside (a request, a remote's answer) is never logged. Callers log
// what kind of thing it was and why it was refused.
package logs

import (
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/DeRuina/timberjack"
	"github.com/sirupsen/logrus"

	"gastown/town"
)

// Defaults for values that Options leave out.
const (
	defaultSize  = 10 << 20
	defaultFiles = 5
	defaultAge   = 30 * 24 * time.Hour
)

// Options say where the log is and how much of it is retained.
type Options struct {
	Path string
	// Size is the size at which a new file is begun, in bytes; rounded up to whole
	// MB.
	Size int64
	// Files is how many former files are retained, and Age for how long; Age is
	// rounded up to whole days.
	Files int
	Age   time.Duration
	// Also gets a copy of each line; may be nil.
	Also io.Writer
}

// Open opens the log for appending. The caller closes it after the last line.
func Open(o Options) (*logrus.Logger, io.Closer, error) {
	if o.Size == 0 {
		o.Size = defaultSize
	}
	if o.Files == 0 {
		o.Files = defaultFiles
	}
	if o.Age == 0 {
		o.Age = defaultAge
	}
	// The rotating writer opens its file only when the first line is written.
	// Opening it here reports an error in time.
	f, err := os.OpenFile(o.Path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return nil, nil, town.Fail("open the log "+o.Path, "make the directory "+filepath.Dir(o.Path)+" writable for you", "%w", err)
	}
	file := &timberjack.Logger{
		Filename: o.Path, FileMode: 0o600, MaxBackups: o.Files, Compression: "none",
		MaxSize: int(math.Ceil(float64(o.Size) / (1 << 20))),
		MaxAge:  int(math.Ceil(o.Age.Hours() / 24)),
	}
	log := logrus.New()
	log.SetFormatter(&logrus.JSONFormatter{TimestampFormat: time.RFC3339Nano})
	log.SetOutput(file)
	if o.Also != nil {
		log.SetOutput(io.MultiWriter(file, o.Also))
	}
	return log, file, nil
}

// Prune removes former files of the log at path that are older than age and returns
// how many. Rotation does so too, but a quiet log seldom rotates.
func Prune(path string, age time.Duration, now time.Time) (removed int, err error) {
	ext := filepath.Ext(path)
	former, err := filepath.Glob(path[:len(path)-len(ext)] + "-[0-9]*" + ext)
	if err != nil {
		return 0, err
	}
	for _, name := range former {
		info, err := os.Lstat(name)
		if err != nil || !info.Mode().IsRegular() || now.Sub(info.ModTime()) < age {
			continue
		}
		if err := os.Remove(name); err != nil {
			return removed, fmt.Errorf("remove an old log: %w", err)
		}
		removed++
	}
	return removed, nil
}
