package series

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/sirupsen/logrus"
)

// maxAside is how many directories with what could not be read stay.
const maxAside = 8

// asideStamp is how their names say when.
const asideStamp = "20060102T150405.000Z"

// blockName is the name of a directory with older samples.
var blockName = regexp.MustCompile(`^[0-9A-Z]{26}$`)

// aside moves what cannot be read out of a directory of figures.
type aside struct {
	dir string
	log logrus.FieldLogger
	now time.Time
}

// Aside is the directory that has what could not be read in a directory of figures.
func Aside(dir string) string { return filepath.Clean(dir) + ".aside" }

// place makes a directory for what is moved now.
func (a *aside) place() (string, error) {
	place := filepath.Join(Aside(a.dir), a.now.UTC().Format(asideStamp))
	if err := makeDir(Aside(a.dir)); err != nil {
		return "", err
	}
	return place, makeDir(place)
}

// expire removes what was moved longer ago than figures are kept, and the oldest when
// there is too much.
func (a *aside) expire(keep time.Duration) {
	all, err := os.ReadDir(Aside(a.dir))
	if err != nil {
		return
	}
	var stamps []string
	for _, e := range all {
		if _, err := time.Parse(asideStamp, e.Name()); err == nil {
			stamps = append(stamps, e.Name())
		}
	}
	slices.Sort(stamps)
	for i, name := range stamps {
		at, _ := time.Parse(asideStamp, name)
		if i < len(stamps)-maxAside || a.now.Sub(at) > keep {
			_ = os.RemoveAll(filepath.Join(Aside(a.dir), name)) // tried again with the next opening
		}
	}
}

// clear moves what is not a directory out of the place of one.
func (a *aside) clear() error {
	for _, path := range []string{a.dir, filepath.Join(a.dir, "wal"), filepath.Join(a.dir, "chunks_head")} {
		info, err := os.Lstat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir():
		case err != nil:
			return err
		default:
			if err := a.move(path, "it is not a directory"); err != nil {
				return err
			}
		}
	}
	return makeDir(a.dir)
}

// makeDir makes a directory that may be there. It does not make anew what it is in: a
// Town that was removed or moved meanwhile stays away.
func makeDir(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func (a *aside) move(path, why string) error {
	place, err := a.place()
	if err == nil {
		err = os.Rename(path, filepath.Join(place, filepath.Base(path)))
	}
	if err != nil {
		return fmt.Errorf("put %s aside: %w", path, err)
	}
	a.log.WithFields(logrus.Fields{"path": path, "to": place, "why": why}).Warn("figures that cannot be used were put aside")
	return nil
}

// blocks moves the blocks that cannot be opened.
func (a *aside) blocks() (moved bool, err error) {
	return a.bad(func(*tsdb.Block) error { return nil })
}

// unreadable moves the blocks of which a sample cannot be read. It reads all of them.
func (a *aside) unreadable() (moved bool, err error) {
	return a.bad(func(b *tsdb.Block) error {
		q, err := tsdb.NewBlockQuerier(b, math.MinInt64, math.MaxInt64)
		if err != nil {
			return err
		}
		all := q.Select(context.Background(), false, nil, labels.MustNewMatcher(labels.MatchRegexp, model.MetricNameLabel, ".+"))
		var it chunkenc.Iterator
		for all.Next() {
			for it = all.At().Iterator(it); it.Next() != chunkenc.ValNone; {
			}
			if err := it.Err(); err != nil {
				return errors.Join(err, q.Close())
			}
		}
		return errors.Join(all.Err(), q.Close())
	})
}

// bad moves the blocks that cannot be opened, or that check refuses.
func (a *aside) bad(check func(*tsdb.Block) error) (moved bool, err error) {
	all, err := os.ReadDir(a.dir)
	if err != nil {
		return false, err
	}
	for _, e := range all {
		if !blockName.MatchString(e.Name()) {
			continue
		}
		path := filepath.Join(a.dir, e.Name())
		err := guarded(func() error {
			b, err := tsdb.OpenBlock(logger(discard), path, nil, tsdb.DefaultPostingsDecoderFactory)
			if err != nil {
				return err
			}
			return errors.Join(check(b), b.Close())
		})
		if err == nil {
			continue
		}
		if err := a.move(path, err.Error()); err != nil {
			return moved, err
		}
		moved = true
	}
	return moved, nil
}

// head moves the log and the newest samples when they cannot be opened.
func (a *aside) head() (moved bool, err error) {
	return a.newest("the newest figures cannot be opened")
}

// newest moves the log and the newest samples.
func (a *aside) newest(why string) (moved bool, err error) {
	for _, name := range []string{"wal", "wbl", "chunks_head"} {
		path := filepath.Join(a.dir, name)
		if _, err := os.Lstat(path); err != nil {
			continue
		}
		if err := a.move(path, why); err != nil {
			return moved, err
		}
		moved = true
	}
	return moved, nil
}

// chunks moves the newest samples as far as the log has them, too.
func (a *aside) chunks() error {
	path := filepath.Join(a.dir, "chunks_head")
	if _, err := os.Lstat(path); err != nil {
		return nil
	}
	return a.move(path, "the newest figures cannot be read; the log has them, too")
}

// all moves everything.
func (a *aside) all() (bool, error) {
	if err := a.move(a.dir, "the figures cannot be opened"); err != nil {
		return false, err
	}
	return true, os.MkdirAll(a.dir, 0o700)
}

// link keeps what the log holds now. Opening it removes what comes after a place that
// cannot be read; when it did, keep(true) leaves the former log aside.
func (a *aside) link() (keep func(bool)) {
	nothing := func(bool) {}
	segments, err := os.ReadDir(filepath.Join(a.dir, "wal"))
	if err != nil || len(segments) == 0 {
		return nothing
	}
	temporary := filepath.Join(a.dir, "wal-before.tmp")
	if os.RemoveAll(temporary) != nil || os.Mkdir(temporary, 0o700) != nil {
		return nothing
	}
	for _, s := range segments {
		if s.Type().IsRegular() && !strings.HasPrefix(s.Name(), ".") {
			_ = os.Link(filepath.Join(a.dir, "wal", s.Name()), filepath.Join(temporary, s.Name())) // without it only less is kept
		}
	}
	return func(repaired bool) {
		if repaired && a.move(temporary, "the log of the newest figures was damaged; what came before the damage is used") == nil {
			return
		}
		_ = os.RemoveAll(temporary) // the next opening removes it
	}
}
