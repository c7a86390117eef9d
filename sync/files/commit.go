package files

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"gastown/town"
	"gastown/town/group"
)

// each runs f for every job, several at a time, until one fails or ctx ends.
func (a *apply) each(ctx context.Context, f func(*job) error) error {
	g, ctx := group.WithContext(ctx)
	var next atomic.Int64
	for range a.opts.Workers {
		g.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(a.jobs) {
					return nil
				}
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				if err := f(a.jobs[i]); err != nil {
					return fmt.Errorf("%s: %w", a.jobs[i].path(a.jobs[i].file(a.jobs[i].name)), err)
				}
			}
		})
	}
	return g.Wait()
}

// commit gives every text its name and then makes the names durable.
func (a *apply) commit(ctx context.Context) error {
	err := a.each(ctx, func(j *job) error {
		if j.same || j.skipped != nil || j.staging != nil {
			return nil
		}
		if err := a.commitOne(ctx, j); err != nil {
			a.unclean.Store(true)
			return err
		}
		j.temp = ""
		return nil
	})
	a.between("committed")
	for s := range a.stagings {
		if err == nil {
			err = a.renew(ctx, s)
		}
	}
	for _, d := range a.dirs {
		if d != nil {
			err = errors.Join(err, unix.Fsync(d.fd))
		}
	}
	if a.made {
		err = errors.Join(err, unix.Fsync(int(a.root.Fd())))
	}
	return err
}

// renew puts a new directory in place.
func (a *apply) renew(ctx context.Context, s *staging) error {
	if err := s.put(ctx); err != nil {
		if s.swapped {
			a.unclean.Store(true) // the next run empties the former directory
		}
		return err
	}
	for _, j := range s.jobs {
		if j.overtaken { // the file somebody made may have the wanted text
			j.skipped = nil
			if err := a.inspect(ctx, j, j.file(j.name)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *apply) commitOne(ctx context.Context, j *job) (err error) {
	file := j.file(j.name)
	switch {
	case j.remove:
		j.outcome, err = j.dir.remove(file, j.expect)
	case j.exists:
		j.outcome, err = j.replace(j.temp, file, j.wanted, j.expect)
	default:
		if j.outcome, err = j.create(j.temp, file); err == nil && j.skipped != nil {
			j.skipped = nil // the file somebody made may have the wanted text
			err = a.inspect(ctx, j, file)
		}
	}
	return err
}

// settle removes the hidden files of writes that were not made and records those
// that were. It completes even when ctx has ended.
func (a *apply) settle(ctx context.Context, out *Applied) error {
	a.between("settle")
	limit := int64(0) // later times are racy; taken before the files are examined
	for _, d := range a.dirs {
		if d == nil {
			continue
		}
		if now, ok := fsNow(d.fd); ok {
			limit = grainBefore(now)
		}
		break
	}
	err := a.each(context.WithoutCancel(ctx), func(j *job) error {
		if j.temp != "" {
			if err := unix.Unlinkat(j.fd, j.temp, 0); err != nil && !gone(err) {
				a.unclean.Store(true)
			}
		}
		if j.done && !j.remove && j.staging == nil {
			return j.confirm()
		}
		return nil
	})
	for s := range a.stagings {
		out.Rescued = append(out.Rescued, s.rescued...)
		if s.swapped {
			continue
		}
		if gone := s.abandon(context.WithoutCancel(ctx)); gone != nil {
			a.unclean.Store(true)
			err = errors.Join(err, gone)
		}
	}
	var perKind [len(kinds)]int
	for _, j := range a.jobs {
		perKind[j.kind]++
	}
	for kind, n := range perKind {
		a.ix.grow(uint8(kind), n)
	}
	for _, j := range a.jobs {
		a.record(j, limit, out)
	}
	return err
}

// confirm examines a file after it was written. If it is not the file that was
// placed, somebody edited it who had seen the old text. The Index then keeps the
// old row, so that the next Scan reports the edit as one of the old text.
func (j *job) confirm() error {
	st, err := lstat(j.fd, j.file(j.name))
	if err != nil && !gone(err) {
		return err
	}
	now, was := stampOf(&st), j.written
	if err != nil || now.ino != was.ino || now.size != was.size || now.mtime != was.mtime {
		j.done, j.skipped = false, ErrEdited
		return nil
	}
	j.written = now
	return nil
}

func (a *apply) record(j *job, limit int64, out *Applied) {
	key := town.Key{Kind: kinds[j.kind], Name: j.name}
	if j.rescued != nil {
		out.Rescued = append(out.Rescued, *j.rescued)
	}
	switch {
	case j.skipped != nil:
		out.Skipped = append(out.Skipped, Skipped{Key: key, Reason: j.skipped})
		return
	case j.same:
		out.Same++
	case j.done && j.remove:
		out.Removed++
	case j.done:
		out.Written++
	default:
		return // not reached: an error, or the end of ctx
	}
	if j.remove {
		a.ix.Delete(key)
		return
	}
	s := j.written
	a.ix.put(record{
		name: j.name, kind: j.kind, stamp: s, content: j.wanted, base: j.base, based: j.based,
		racy: s.after(limit) || j.done && j.racyName(),
	})
}

// racyName reports whether a file got its name so soon after it was written that
// an edit right after that could have the same time as the writing.
func (j *job) racyName() bool {
	switch {
	case j.staging != nil:
		return j.written.mtime >= grainBefore(j.staging.placed)
	case j.renewed:
		return true // linking the file changed its ctime, so the time of the rename is lost
	}
	return j.written.mtime >= grainBefore(j.written.ctime)
}
