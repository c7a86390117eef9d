package doltdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gastown/planes/doltdb/internal/engine"
	"gastown/planes/doltdb/internal/quiet"
	"gastown/town"
	"gastown/town/durable"
)

// Branch is the one branch Towns exchange.
const Branch = "main"

// ErrBehind reports a push to a mirror that has commits this database lacks.
var ErrBehind = errors.New("the mirror has commits this database lacks")

// ErrCorrupt reports a mirror whose content is not what it should be.
var ErrCorrupt = engine.ErrCorrupt

// ErrNoBranch reports a remote that has no branch main.
var ErrNoBranch = errors.New("the remote database has no branch " + Branch)

// mirrorURL is the URL of a directory. The engine unescapes URLs a different
// number of times in different places, so a name that this would change is
// refused.
func mirrorURL(dir string) (string, error) {
	if strings.ContainsAny(dir, "%?#") {
		return "", town.Fail("use "+dir+" as a mirror", "move the Town to a path without % ? #",
			"%w: the database engine cannot address such a path", town.ErrRefused)
	}
	return (&url.URL{Scheme: "file", Path: dir}).String(), nil
}

// Tracking is the name of the revision that the last Fetch from a remote found.
func Tracking(remote string) string { return remote + "/" + Branch }

// Fetch copies what the mirror directory has and this database lacks, and
// returns the commit at its tip. The database's own branch does not move.
func (db *Shared) Fetch(ctx context.Context, remote, mirror string) (head string, err error) {
	defer engine.Recovered("read the mirror of "+remote, &err)
	engine.UseMirror(mirror)
	defer engine.ReleaseMirror(mirror, &err)
	err = db.administer(ctx, func(tx *Tx) error {
		if err := tx.pointRemote(ctx, remote, mirror); err != nil {
			return err
		}
		if err := tx.call(ctx, "CALL DOLT_FETCH(?, ?)", remote, Branch); err != nil {
			if ctx.Err() != nil {
				return err
			}
			return unreadable(err)
		}
		return tx.QueryRow(ctx, "SELECT HASHOF(?)", Tracking(remote)).Scan(&head)
	})
	if err == nil || errors.Is(err, ErrNoBranch) {
		err = errors.Join(db.sameMirror(ctx, mirror, head), err)
	}
	if err != nil {
		return "", fmt.Errorf("fetch from the mirror of %s: %w", remote, err)
	}
	return head, nil
}

// unreadable classifies the engine's error about a mirror that it cannot read.
// Every chunk in the mirror was verified, so something is missing from it.
func unreadable(err error) error {
	text := err.Error()
	switch {
	case strings.Contains(text, "invalid ref spec"), strings.Contains(text, "no branches"), strings.Contains(text, "no Dolt data"):
		return ErrNoBranch
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, errCall), durable.OfMachine(err):
		return err
	}
	return fmt.Errorf("%w: %w", ErrCorrupt, err)
}

// Push copies what this database has and the mirror directory lacks, and moves
// the mirror's branch to this database's. It fails with ErrBehind when that
// would drop commits of the mirror.
func (db *Shared) Push(ctx context.Context, remote, mirror string) (err error) {
	defer engine.Recovered("write the mirror of "+remote, &err)
	defer engine.ReleaseMirror(mirror, &err)
	err = db.administer(ctx, func(tx *Tx) error {
		if err := tx.pointRemote(ctx, remote, mirror); err != nil {
			return err
		}
		if !db.served() {
			if err := engine.Settings(db.opts.Home); err != nil {
				return err
			}
		}
		err := tx.call(ctx, "CALL DOLT_PUSH(?, ?)", remote, Branch)
		if err != nil && (strings.Contains(err.Error(), "non-fast-forward") || strings.Contains(err.Error(), "no common ancestor")) {
			return ErrBehind
		}
		return err
	})
	if err == nil && db.opts.External != nil {
		var head string
		if head, err = db.Head(ctx); err == nil {
			err = db.sameMirror(ctx, mirror, head)
		}
	}
	if err != nil {
		return fmt.Errorf("push to the mirror of %s: %w", remote, err)
	}
	return nil
}

// Forget drops what was fetched from a remote, for instance because it was
// refused. The data becomes garbage.
func (db *Shared) Forget(ctx context.Context, remote string) (err error) {
	defer engine.Recovered("forget "+remote, &err)
	return db.administer(ctx, func(tx *Tx) error {
		known, err := tx.remoteURL(ctx, remote)
		if err != nil || known == "" {
			return err
		}
		return tx.call(ctx, "CALL DOLT_REMOTE('remove', ?)", remote)
	})
}

// Revision returns the commit of a revision's name, for instance
// Tracking(remote); "" when there is no such revision.
func (tx *Tx) Revision(ctx context.Context, name string) (string, error) {
	var head string
	err := tx.QueryRow(ctx, "SELECT HASHOF(?)", name).Scan(&head)
	if err != nil && (strings.Contains(err.Error(), "invalid ref spec") || strings.Contains(err.Error(), "not found")) {
		return "", nil
	}
	return head, err
}

// MergeBase is the newest commit that both revisions contain; "" when their
// histories are unrelated.
func (tx *Tx) MergeBase(ctx context.Context, a, b string) (string, error) {
	var base sql.NullString
	err := tx.QueryRow(ctx, "SELECT DOLT_MERGE_BASE(?, ?)", a, b).Scan(&base)
	if err != nil && strings.Contains(err.Error(), "no common ancestor") {
		return "", nil
	}
	return base.String, err
}

// Common lists the newest commits that both revisions contain, sorted by hash. There are
// several where each side merged what the other one had, and MergeBase is one of them.
// A commit that both contain is the parent of one that only one of them contains, so
// the query reads those commits only.
func (tx *Tx) Common(ctx context.Context, a, b string) (common []string, err error) {
	apart, parents := map[string]bool{}, map[string]bool{}
	for _, sides := range [][2]string{{a, b}, {b, a}} {
		err := tx.Each(ctx, func(r *Rows) error {
			var hash, before string
			err := r.Scan(&hash, &before)
			apart[hash] = true
			for p := range strings.SplitSeq(before, ",") {
				parents[strings.TrimSpace(p)] = true
			}
			return err
		}, "SELECT commit_hash, parents FROM dolt_log(?, '--not', ?, '--parents')", sides[0], sides[1])
		if err != nil {
			return nil, err
		}
	}
	for hash := range parents {
		if hash != "" && !apart[hash] {
			common = append(common, hash)
		}
	}
	slices.Sort(common)
	return common, nil
}

// Count returns how many commits `to` contains that `from` lacks. An empty from
// counts all.
func (tx *Tx) Count(ctx context.Context, from, to string) (n int, err error) {
	if from == "" {
		err = tx.QueryRow(ctx, "SELECT COUNT(*) FROM dolt_log(?)", to).Scan(&n)
		return n, err
	}
	err = tx.QueryRow(ctx, "SELECT COUNT(*) FROM dolt_log(?, '--not', ?)", to, from).Scan(&n)
	return n, err
}

// Clone makes a new database at opts.Dir from a mirror directory and opens it.
// It fails if anything exists there, and leaves nothing when it fails. The
// caller makes sure that no other process clones into opts.Dir meanwhile.
func Clone(ctx context.Context, opts Options, remote, mirror string) (_ *Shared, err error) {
	defer engine.Recovered("copy the mirror of "+remote, &err)
	engine.UseMirror(mirror)
	defer engine.ReleaseMirror(mirror, &err)
	opts = opts.withDefaults()
	// The copy belongs to this process, whoever serves the Town's databases.
	opts.Socket, opts.External = "", nil
	if _, err := os.Lstat(opts.Dir); err == nil {
		return nil, fmt.Errorf("clone into %s: %w", opts.Dir, os.ErrExist)
	}
	from, err := mirrorURL(mirror)
	if err != nil {
		return nil, err
	}
	parent := filepath.Dir(opts.Dir)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, err
	}
	staging, err := stagingDir(parent, ".clone-"+opts.name()+"-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(staging)
	err = quiet.Stdout(func() error {
		return inDirectory(ctx, staging, opts, "CALL DOLT_CLONE('--remote', ?, ?, ?)", remote, from, opts.name())
	})
	if err != nil && ctx.Err() == nil {
		err = unreadable(err)
	}
	if err != nil {
		return nil, fmt.Errorf("copy the mirror of %s: %w", remote, err)
	}
	if err := install(filepath.Join(staging, opts.name()), opts.Dir); err != nil {
		return nil, err
	}
	lock, err := own(ctx, opts)
	if err != nil {
		return nil, err
	}
	db, err := openOwned(ctx, opts, lock)
	if err != nil {
		return nil, err
	}
	return Share(db), nil
}

// pointRemote makes the named remote refer to the mirror directory, which may
// have moved with the Town.
func (tx *Tx) pointRemote(ctx context.Context, remote, mirror string) error {
	want, err := mirrorURL(mirror)
	if err != nil {
		return err
	}
	known, err := tx.remoteURL(ctx, remote)
	if err != nil || known == want {
		return err
	}
	if known != "" {
		if err := tx.call(ctx, "CALL DOLT_REMOTE('remove', ?)", remote); err != nil {
			return err
		}
	}
	return tx.call(ctx, "CALL DOLT_REMOTE('add', ?, ?)", remote, want)
}

func (tx *Tx) remoteURL(ctx context.Context, remote string) (string, error) {
	var known string
	err := tx.QueryRow(ctx, "SELECT url FROM dolt_remotes WHERE name = ?", remote).Scan(&known)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return known, err
}

// call runs a procedure and reads its result to the end.
func (tx *Tx) call(ctx context.Context, query string, args ...any) error {
	rows, err := tx.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("%w in %q", err, town.Clip(query, 80))
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Err()
}

var _ io.Closer = (*Shared)(nil)
