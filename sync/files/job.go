package files

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"

	"golang.org/x/sys/unix"

	"gastown/town"
	"gastown/town/group"
)

// job is one write of an Apply, from prepare to commit and settle.
type job struct {
	*dir
	name, text     string
	remove         bool
	wanted, expect [32]byte
	base           [32]byte
	based, exists  bool // exists: there must be a file, with the content expect

	temp    string   // hidden file with the text; "" once it was renamed
	staging *staging // new directory with the file, instead of temp
	written stamp    // of that file
	same    bool     // the file was as wanted already
	outcome
}

func sum256(text []byte) [32]byte { return sha256.Sum256(text) }

// newJob checks a write. Its name and text may be another Town's.
func (a *apply) newJob(w Write) (*job, error) {
	kind, err := kindNumber(w.Key)
	if err != nil {
		return nil, err
	}
	if len(w.Text) > town.MaxDocumentBytes {
		return nil, &SyntaxError{Path: w.Path(), Reason: tooLarge(int64(len(w.Text)))}
	}
	j := &job{name: w.Name, text: w.Text, remove: w.Remove, wanted: sha256.Sum256([]byte(w.Text))}
	if j.exists = w.Expect != ""; j.exists {
		if j.expect, err = rawDigest(w.Expect); err != nil {
			return nil, fmt.Errorf("expected content of %s: %w", w.Key, err)
		}
	}
	if j.based = w.Base != ""; j.based {
		if j.base, err = rawDigest(w.Base); err != nil {
			return nil, fmt.Errorf("base of %s: %w", w.Key, err)
		}
	}
	if a.dirs[kind] == nil {
		a.dirs[kind], err = a.open(kind, false)
		if gone(err) {
			a.made = true
			a.dirs[kind], err = a.open(kind, true)
		}
		if err != nil {
			return nil, err
		}
	}
	j.dir = a.dirs[kind]
	return j, nil
}

// prepare writes every text to a hidden file.
func (a *apply) prepare(ctx context.Context, writes iter.Seq[Write]) error {
	g, ctx := group.WithContext(ctx)
	todo := make(chan *job, a.opts.Workers) // few, because each holds a text
	for range a.opts.Workers {
		g.Go(func() error {
			for j := range todo {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				if err := a.stage(ctx, j); err != nil {
					return fmt.Errorf("%s: %w", j.path(j.file(j.name)), err)
				}
				j.text = ""
				if a.staged.Add(1)%defaultFlushEvery == 0 {
					g.Go(a.flushSome)
				}
			}
			return nil
		})
	}
	fed := a.feed(ctx, writes, todo)
	close(todo)
	if err := g.Wait(); err != nil {
		return err
	}
	return fed
}

// feed turns writes into jobs. It hands out the first one only when it knows whether
// there are many.
func (a *apply) feed(ctx context.Context, writes iter.Seq[Write], todo chan<- *job) error {
	known := map[town.Key]struct{}{}
	sent, bytes := 0, 0
	send := func() error {
		for ; sent < len(a.ready); sent++ {
			select {
			case todo <- a.ready[sent]:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	}
	for w := range writes {
		if _, ok := known[w.Key]; ok {
			return fmt.Errorf("%s is twice among the writes", w.Key)
		}
		known[w.Key] = struct{}{}
		j, err := a.newJob(w)
		if err != nil {
			return err
		}
		a.jobs = append(a.jobs, j)
		if err := a.route(ctx, j); err != nil {
			return err
		}
		bytes += len(j.text)
		if !a.bulk && (len(a.jobs) > a.opts.BulkAfter || bytes > defaultHeldBytes) {
			a.bulk = true
		}
		if a.bulk {
			if err := send(); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	a.decideRest()
	return send()
}

// stage writes the text of a job, unless the file is as wanted or was edited.
func (a *apply) stage(ctx context.Context, j *job) error {
	if j.staging != nil {
		return j.staging.write(j)
	}
	file := j.file(j.name)
	if j.exists || j.remove || a.ix.lookup(j.kind, j.name) != none {
		if err := a.inspect(ctx, j, file); err != nil || j.same || j.skipped != nil {
			return err
		}
	}
	if j.remove {
		return nil
	}
	var mode uint32
	if j.exists {
		if st, err := lstat(j.fd, file); err == nil {
			mode = st.Mode & 0o777
		}
	}
	return a.writeTemp(j, mode)
}

// inspect compares the file with what the job expects. This only saves work: commit
// compares again, and that decides.
func (a *apply) inspect(ctx context.Context, j *job, file string) error {
	st, err := lstat(j.fd, file)
	if gone(err) {
		j.same = j.remove
		if j.exists && !j.remove {
			j.skipped = ErrEdited
		}
		return nil
	}
	if err != nil {
		return err
	}
	var content [32]byte
	if known, same := a.unchanged(j, stampOf(&st)); same {
		content, j.written = known, stampOf(&st)
	} else {
		text, seen, err := j.read(ctx, file)
		if gone(err) || mustPreserve(err) {
			j.skipped = reason(err)
			return nil
		}
		if err != nil {
			return err
		}
		content, j.written = sum256(text), seen
	}
	switch {
	case content == j.wanted && !j.remove:
		j.same = true
	case !j.exists || content != j.expect:
		j.skipped = ErrEdited
	}
	return nil
}

// unchanged returns the content of a file if the file is as the Index has it.
func (a *apply) unchanged(j *job, now stamp) (content [32]byte, same bool) {
	ref := a.ix.lookup(j.kind, j.name)
	if ref == none {
		return content, false
	}
	if was, racy := a.ix.stampOf(ref); racy || was != now {
		return content, false
	}
	return a.ix.record(ref).content, true
}

// fileMode is the mode of new files, before the umask.
const fileMode = 0o644

// defaultFlushEvery is after how many texts the disk is made to start writing.
const defaultFlushEvery = 20_000

// writeTemp writes the text to a hidden file. mode is that of the file it will
// replace, or 0 for a new file.
func (a *apply) writeTemp(j *job, mode uint32) (err error) {
	temp := tempName()
	fd, err := openat(j.fd, temp, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	j.temp = temp
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	if j.written, err = fill(fd, j.text); err != nil {
		return err
	}
	if mode != 0 {
		if err := unix.Fchmod(fd, mode); err != nil {
			return err
		}
	}
	if !a.bulk {
		return unix.Fsync(fd)
	}
	return nil
}

// fill writes a text to a new file and returns the state of the file.
func fill(fd int, text string) (stamp, error) {
	for b := []byte(text); len(b) > 0; {
		n := 0
		if err := retryInterrupted(func() (err error) { n, err = unix.Write(fd, b); return err }); err != nil {
			return stamp{}, err
		}
		b = b[n:]
	}
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	return stampOf(&st), err
}

// flushSome makes the disk start writing while more texts come. Its error does not
// matter, because flush finds out whether everything was written.
func (a *apply) flushSome() error {
	_ = unix.Syncfs(int(a.root.Fd()))
	return nil
}
