package files

import (
	"context"
	"crypto/sha256"
	"fmt"
	"iter"

	"golang.org/x/sync/errgroup"

	"gastown/town"
)

// job is one write on its way through prepare, commit and settle.
type job struct {
	*dir
	name, text     string
	remove         bool
	wanted, expect [32]byte
	base           [32]byte
	based, exists  bool // exists: the file must, and be expect

	temp    string   // hidden file that waits, until it has been dealt with
	staging *staging // in which the file waits instead
	written stamp    // of that file
	same    bool
	outcome
}

func sum256(text []byte) [32]byte { return sha256.Sum256(text) }

// newJob checks a write, which may stem from another Town.
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
	g, ctx := errgroup.WithContext(ctx)
	todo := make(chan *job, a.opts.Workers) // no more: each holds a text
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

// feed turns writes into jobs. Whether there are many is known before the
// first is handed out.
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
			return fmt.Errorf("%s stands twice among the writes", w.Key)
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

// stage decides whether a job has anything to do and writes its text.
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

// inspect compares the file with what the job expects of it. It is no more
// than a first look that saves work: commit decides.
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
		if gone(err) || kept(err) {
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

// unchanged returns the content of a file that is as the Index knows it.
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
