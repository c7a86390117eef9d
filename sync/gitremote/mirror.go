package gitremote

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sirupsen/logrus"

	"gastown/sync/gitcmd"
	"gastown/town"
	"gastown/town/durable"
)

// infoRef names, in the private repository, the commit of the explanatory branch
// that a publish is about to send.
const infoRef = "refs/gt/outgoing/info"

// refs are a mirror's refs in the private repository.
type refs struct {
	tracking string // the last verified state of the remote
	incoming string // what a fetch has just brought
	outgoing string // what a publish is about to send
}

func refsOf(name string) refs {
	return refs{"refs/gt/remote/" + name, "refs/gt/incoming/" + name, "refs/gt/outgoing/" + name}
}

// mainName is what the refs of a remote's first mirror are called.
const mainName = "data"

// Mirror is one remote and its local copy. One goroutine of one process uses it; the
// caller holds a lock while it has one open.
type Mirror struct {
	opts  Options
	log   logrus.FieldLogger
	repo  *gitcmd.Repo
	refs  refs
	head  string // value of refs.tracking
	state state
	gone  bool // the last Fetch found that the remote has lost the ref
	mend  bool // Open found the mirror damaged and made it anew

	// beside is the second mirror, exchanged in the same connections; its lead is
	// the first. arrived and failed are what the last Fetch of the lead brought
	// for the second.
	beside, lead *Mirror
	arrived      FetchResult
	failed       error

	// host is what is known of the remote's host; the first mirror has it. turns are
	// the commits of turns that were read.
	host  host
	turns map[string]Turn
}

// Open opens the remote's directory. It creates what is missing (mode 0700) and
// removes what a killed process left unfinished. It makes no connection. It starts
// no process unless the mirror is damaged: then it makes the mirror anew from the
// last verified state (see Mended). A manifest that is ahead of the remote stays:
// Dolt has pushed into the mirror and nothing was published yet. Publish it, or
// discard it with Reset.
func Open(ctx context.Context, opts Options) (*Mirror, error) {
	m := &Mirror{opts: opts.withDefaults(), refs: refsOf(mainName)}
	m.log = m.opts.Log
	if m.opts.Verify == nil {
		return nil, errors.New("gitremote: Options.Verify is required")
	}
	if err := gitcmd.CheckURL(m.opts.URL); err != nil {
		return nil, err
	}
	if err := gitcmd.CheckRef(m.opts.Ref); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !filepath.IsAbs(m.opts.Dir) {
		return nil, fmt.Errorf("gitremote: Options.Dir %q is not absolute", m.opts.Dir)
	}
	m.opts.Dir = filepath.Clean(m.opts.Dir)
	if err := m.begin(ctx); err != nil {
		return nil, err
	}
	return m, nil
}

// begin makes the directory usable.
func (m *Mirror) begin(ctx context.Context) error {
	if err := m.open(); err != nil {
		return town.Fail("open the remote's directory "+m.opts.Dir, "check its permissions and the free space", "%w", diskErr(err))
	}
	if cause := m.damaged(); cause != nil {
		m.log.WithError(cause).Warn("the mirror is damaged, making it anew")
		if err := m.Reset(ctx); err != nil {
			return errors.Join(cause, err)
		}
		m.mend = true
	}
	return nil
}

// Mended reports that Open found the mirror damaged and made it anew. The caller
// has Dolt push again what it had pushed and what was not published.
func (m *Mirror) Mended() bool { return m.mend }

// damaged says why the mirror cannot be used: its manifest is malformed, or a table
// file that it names is missing. A mirror without a manifest is empty, not damaged.
func (m *Mirror) damaged() error {
	text, err := m.localManifest()
	if err != nil || text == nil {
		return err
	}
	names, err := parseManifest(text)
	if err != nil {
		return fmt.Errorf("the mirror: %w", err)
	}
	for _, name := range names {
		if _, _, err := m.findTable(name); err != nil {
			return err
		}
	}
	return nil
}

func (m *Mirror) open() error {
	for _, d := range []string{m.opts.Dir, m.Dir()} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return err
		}
	}
	if err := m.clearStaging(); err != nil {
		return err
	}
	if err := durable.Sweep(m.manifestPath()); err != nil {
		return err
	}
	if err := removeAll(m.opts.Dir, filepath.Base(m.statePath())+stateTemp, filepath.Base(m.hostPath())+stateTemp, "mirror/"+manifestTemp, "mirror/"+doltTemp+"*"); err != nil {
		return err
	}
	err := os.RemoveAll(filepath.Join(m.opts.Dir, "turn"))
	if err == nil {
		err = m.loadHost()
	}
	if err != nil {
		return err
	}
	if m.lead != nil {
		m.repo = m.lead.repo
	} else if m.repo, err = gitcmd.Init(filepath.Join(m.opts.Dir, "objects.git"), m.opts.git()); err != nil {
		return err
	}
	for _, ref := range []string{m.refs.incoming, m.refs.outgoing, infoRef} {
		if err := m.repo.DeleteRef(ref); err != nil {
			return err
		}
	}
	if m.head, err = m.repo.Ref(m.refs.tracking); err != nil {
		return err
	}
	return m.loadState()
}

// Dir is the directory Dolt uses as its file remote.
func (m *Mirror) Dir() string { return filepath.Join(m.opts.Dir, "mirror") }

// Locate asks git which address a person's configuration gives for the URL, and
// uses that address from now on. It makes no connection.
func (m *Mirror) Locate(ctx context.Context) (address string, err error) {
	if address, err = m.repo.Address(ctx, m.opts.URL); err == nil {
		m.opts.URL = address
		if m.beside != nil {
			m.beside.opts.URL = address
		}
	}
	return address, err
}

// Head is the commit of the remote's ref as last fetched or published; "" if
// it never had one.
func (m *Mirror) Head() string { return m.head }

// AtHead reports whether the mirror has exactly the content of Head. It has another
// one when Dolt has pushed into it since, or when an older copy was put in its
// place.
func (m *Mirror) AtHead() bool {
	text, err := m.localManifest()
	if err != nil || m.head == "" || text == nil {
		return err == nil && m.head == "" && text == nil
	}
	return m.fresh() && gitcmd.BlobID(text) == m.state.Manifest
}

// Reset gives the mirror the content of the last commit that was fetched or
// published, and so discards what Dolt pushed into it since. It restores missing
// table files. When there is no such commit, it removes the manifest.
func (m *Mirror) Reset(ctx context.Context) error {
	if m.head == "" {
		if err := os.Remove(m.manifestPath()); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return durable.SyncDir(m.Dir())
	}
	_, err := m.materialise(ctx, m.head)
	if err != nil {
		return m.refuse(err)
	}
	return m.saveState()
}

// removeAll removes what matches patterns below dir.
func removeAll(dir string, patterns ...string) error {
	var errs []error
	for _, p := range patterns {
		found, err := fs.Glob(os.DirFS(dir), p)
		errs = append(errs, err)
		for _, f := range found {
			errs = append(errs, os.Remove(filepath.Join(dir, f)))
		}
	}
	return errors.Join(errs...)
}
