package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"gastown/e2e/stockdolt"
)

// peer is one of the two sides: a writer that has the rows and readers that copied
// them. Every method that returns a sample runs exactly one process.
type peer interface {
	// prepare makes the writer and records its rows. The sample is of recording
	// them, from files to a commit.
	prepare(ctx context.Context, rows int) (sample, error)
	// first publishes all rows to an empty repository, which push and pull then
	// use.
	first(ctx context.Context, r *remote) (sample, error)
	// join makes a new reader that copies the repository. Older readers stay,
	// because some file systems are slow to reuse inodes of files that were just
	// removed.
	join(ctx context.Context) (sample, error)
	// edit changes one row of the writer. push then sends it.
	edit(ctx context.Context) error
	push(ctx context.Context) (sample, error)
	// pull lets the reader pull.
	pull(ctx context.Context) (sample, error)
	start(ctx context.Context) (sample, error)
	// counting adds the environment entry path to all later processes.
	counting(path string)
}

// tally numbers a peer's edits, remotes and readers.
type tally struct{ edits, remotes, readers int }

// editStride spreads edits over the rows.
const editStride = 137

// gt is this project's side.
type gt struct {
	program
	tally
	dir, writer, reader string
	rows                int
	to                  *remote
	extra               []string
}

// newGT prepares a home for the command to measure. It does not change the command.
func newGT(o options, dir string) (*gt, error) {
	path, err := filepath.Abs(o.gt)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%w: build it first: make build", err)
	}
	home := filepath.Join(dir, "home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, err
	}
	return &gt{dir: dir, program: program{path: path, timed: o.timed, env: []string{
		"PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(), "HOME=" + home, "LC_ALL=C", "GT_TRACE=1", "GT_MACHINE_CHECK=false",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull,
	}}}, nil
}

func (g *gt) counting(path string) { g.extra = []string{path} }

func (g *gt) federation(ctx context.Context, town string, args ...string) (sample, error) {
	p := g.program
	if g.to != nil {
		p = p.with(g.to.env()...)
	}
	return p.with(g.extra...).run(ctx, g.dir, append([]string{"--town", town, "federation"}, args...)...)
}

func (g *gt) install(ctx context.Context, town, name string) error {
	_, err := g.run(ctx, g.dir, "install", town, "--name", name)
	return err
}

func (g *gt) prepare(ctx context.Context, rows int) (sample, error) {
	g.rows, g.writer = rows, filepath.Join(g.dir, "writer")
	if err := g.install(ctx, g.writer, "writer"); err != nil {
		return sample{}, err
	}
	for i := range rows {
		if err := writeFile(g.writer, i, 0); err != nil {
			return sample{}, err
		}
	}
	recorded, err := g.federation(ctx, g.writer, "commit")
	if err == nil {
		// Now gt finds every file older than the clock's resolution and caches its
		// state, as in any Town that was not made this second.
		_, err = g.federation(ctx, g.writer, "commit")
	}
	return recorded, err
}

func (g *gt) remoteName() string { return "r" + strconv.Itoa(g.remotes) }

func (g *gt) first(ctx context.Context, r *remote) (sample, error) {
	g.remotes++
	g.to = r
	return g.federation(ctx, g.writer, "init", r.url, "--name", g.remoteName(), "--yes")
}

func (g *gt) join(ctx context.Context) (sample, error) {
	g.readers++
	g.reader = filepath.Join(g.dir, "reader"+strconv.Itoa(g.readers))
	if err := g.install(ctx, g.reader, filepath.Base(g.reader)); err != nil {
		return sample{}, err
	}
	s, err := g.federation(ctx, g.reader, "join", g.to.url, "--name", g.remoteName(), "--yes")
	if err != nil {
		return s, err
	}
	// The reader registered itself. The writer pulls that first, so that its next
	// push sends one row only.
	_, err = g.federation(ctx, g.writer, "pull", "--remote", g.remoteName())
	return s, err
}

func (g *gt) edit(context.Context) error {
	g.edits++
	return writeFile(g.writer, g.edits*editStride%g.rows, g.edits)
}

func (g *gt) push(ctx context.Context) (sample, error) {
	return g.federation(ctx, g.writer, "push", "--remote", g.remoteName())
}

func (g *gt) pull(ctx context.Context) (sample, error) {
	return g.federation(ctx, g.reader, "pull", "--remote", g.remoteName())
}

func (g *gt) start(ctx context.Context) (sample, error) { return g.run(ctx, g.dir, "--version") }

// stock is the side of the stock dolt command.
type stock struct {
	*stockdolt.Runner
	tally
	dir, writer, reader string
	rows                int
	to                  *remote
	extra               []string
	timed               string
}

func newStock(ctx context.Context, o options, dir string) (*stock, error) {
	r, err := stockdolt.New(ctx, filepath.Join(dir, "home"))
	return &stock{Runner: r, dir: dir, timed: o.timed}, err
}

func (s *stock) counting(path string) { s.extra = []string{path} }

func (s *stock) dolt(ctx context.Context, dir string, args ...string) (sample, error) {
	r := s.Runner
	if s.to != nil {
		r = r.With(s.to.env()...)
	}
	return program{path: r.Bin, timed: s.timed, env: r.With(s.extra...).Env()}.run(ctx, dir, args...)
}

func (s *stock) prepare(ctx context.Context, rows int) (recorded sample, err error) {
	s.rows, s.writer = rows, filepath.Join(s.dir, "writer")
	if err := os.MkdirAll(s.writer, 0o700); err != nil {
		return recorded, err
	}
	table := filepath.Join(s.dir, "roles.csv")
	if err := writeCSV(table, rows); err != nil {
		return recorded, err
	}
	for _, step := range []struct {
		records bool
		args    []string
	}{
		{false, []string{"init"}}, {false, []string{"sql", "-q", createRoles}},
		{true, []string{"table", "import", "-u", "roles", table}}, {true, []string{"commit", "-A", "-m", "rows"}},
		{false, []string{"gc"}},
	} {
		got, err := s.dolt(ctx, s.writer, step.args...)
		if err != nil {
			return recorded, err
		}
		if step.records {
			recorded.wall += got.wall
			recorded.work += got.work
		}
	}
	return recorded, os.Remove(table)
}

func (s *stock) first(ctx context.Context, r *remote) (sample, error) {
	s.remotes++
	s.to = r
	name := "r" + strconv.Itoa(s.remotes)
	if _, err := s.dolt(ctx, s.writer, "remote", "add", name, r.stockURL()); err != nil {
		return sample{}, err
	}
	return s.dolt(ctx, s.writer, "push", name, "main")
}

func (s *stock) join(ctx context.Context) (sample, error) {
	s.readers++
	s.reader = filepath.Join(s.dir, "reader"+strconv.Itoa(s.readers))
	return s.dolt(ctx, s.dir, "clone", s.to.stockURL(), s.reader)
}

func (s *stock) edit(ctx context.Context) error {
	s.edits++
	if _, err := s.dolt(ctx, s.writer, "sql", "-q", updateSQL(s.edits*editStride%s.rows, s.edits)); err != nil {
		return err
	}
	_, err := s.dolt(ctx, s.writer, "commit", "-A", "-m", "one row")
	return err
}

func (s *stock) push(ctx context.Context) (sample, error) {
	return s.dolt(ctx, s.writer, "push", "r"+strconv.Itoa(s.remotes), "main")
}

func (s *stock) pull(ctx context.Context) (sample, error) {
	return s.dolt(ctx, s.reader, "pull", "origin", "main")
}

func (s *stock) start(ctx context.Context) (sample, error) { return s.dolt(ctx, s.dir, "version") }
