package gitremote

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/sirupsen/logrus"

	"gastown/sync/gitcmd"
	"gastown/town"
)

// The kinds of failure of this package. Those of the connection are gitcmd's.
var (
	// ErrNotDolt: the ref exists but holds no Dolt remote.
	ErrNotDolt = errors.New("not a Dolt remote")
	// ErrCorrupt: it is a Dolt remote, but damaged or incomplete.
	ErrCorrupt = errors.New("damaged Dolt remote")
	// ErrTooLarge: it exceeds a limit of Options.
	ErrTooLarge = errors.New("larger than allowed")
	// ErrRejected: another Town published first. Reset, Fetch, merge, publish
	// again.
	ErrRejected = gitcmd.ErrRejected
	// ErrUnknownOutcome: the remote's answer to a Publish was lost. The next
	// Fetch finds out and says so in FetchResult.PublishedEarlier.
	ErrUnknownOutcome = gitcmd.ErrOutcomeUnknown
	// ErrGone: the remote had the ref and no longer has it.
	ErrGone = errors.New("the remote no longer has the ref")
)

// Remote is a Git repository the Town exchanges with.
type Remote struct {
	Name string
	URL  string
	// Space is where in the repository its refs are.
	Space Space
}

// VerifyFunc checks that every chunk of the named table files (names relative
// to dir, some with the suffix .darc) hashes to its address. Its error refuses
// the remote's state.
type VerifyFunc func(ctx context.Context, dir string, tables []string) error

// Progress is one report of progress.
type Progress = gitcmd.Progress

// Options describe one remote.
type Options struct {
	// Dir is the directory of this remote, an absolute path; see the package
	// comment.
	Dir string
	// URL and Ref name it, for example refs/dolt/data.
	URL, Ref string
	// Space is where turns are in the repository, and Town whose this directory is.
	// Without a Town there are no turns; see Turn.
	Space Space
	Town  town.ID
	// Verify is called for all table files that arrive. Required.
	Verify VerifyFunc
	// Progress receives reports; it must not block. May be nil.
	Progress func(Progress)
	// Log may be nil.
	Log logrus.FieldLogger

	// Deadline bounds each git process, Idle its time without progress.
	// Zero means gitcmd's defaults.
	Deadline, Idle time.Duration
	// MaxBytes bounds all table files of the remote together (default 8 GiB).
	MaxBytes int64
	// PartBytes is the size above which a table file is sent as a tree of
	// parts of this size (default 50 MiB). Hosts refuse blobs of 100 MB.
	PartBytes int64
	// SquashBytes is the floor of the rule that bounds history (default
	// 16 MiB); SquashCommits its limit in commits (default 1024). See history.
	SquashBytes   int64
	SquashCommits int

	// Git, TokenEnv, TokenHost, TokenUser, Env and Inherit are passed on; see
	// gitcmd.Options. Env is required.
	Git                 string
	TokenEnv, TokenHost string
	TokenUser           string
	Env                 []string
	Inherit             *os.File

	// reached is called at each step of an operation; tests stop there.
	reached func(point string)
}

const (
	defaultMaxBytes      = 8 << 30
	defaultPartBytes     = 50 << 20
	defaultSquashBytes   = 16 << 20
	defaultSquashCommits = 1024

	// maxManifest and maxRootTree bound the manifest and the tree in bytes;
	// maxEntries the entries of the tree and the tables of a manifest;
	// maxParts the parts of one table file (their names have four digits).
	maxManifest = 1 << 20
	maxRootTree = 1 << 20
	maxEntries  = 4096
	maxParts    = 9999
)

func (o Options) withDefaults() Options {
	if o.MaxBytes <= 0 {
		o.MaxBytes = defaultMaxBytes
	}
	if o.PartBytes <= 0 {
		o.PartBytes = defaultPartBytes
	}
	if o.SquashBytes <= 0 {
		o.SquashBytes = defaultSquashBytes
	}
	if o.SquashCommits <= 0 {
		o.SquashCommits = defaultSquashCommits
	}
	if o.Log == nil {
		l := logrus.New()
		l.SetLevel(logrus.PanicLevel)
		o.Log = l
	}
	o.Log = o.Log.WithField("component", "gitremote")
	if o.reached == nil {
		o.reached = func(string) {}
	}
	return o
}

// git returns the options of the object cache. A pack holds the table files and
// those older ones that the history still reaches, hence the factor.
func (o Options) git() gitcmd.Options {
	return gitcmd.Options{
		Git: o.Git, Deadline: o.Deadline, Idle: o.Idle, MaxBytes: 4*o.MaxBytes + 64<<20,
		TokenEnv: o.TokenEnv, TokenHost: o.TokenHost, TokenUser: o.TokenUser, Env: o.Env, Progress: o.Progress, Inherit: o.Inherit,
	}
}
