package records

import (
	"context"
	"time"

	"gastown/planes/exchange"
	"gastown/planes/ledger"
	"gastown/sync/sign"
	"gastown/town"
	"gastown/town/layout"
)

// mirrorDir is the directory of the mirror of the records' ref, below the remote's.
const mirrorDir = "ledger"

// Ledger is what sharing reads of the Town's work.
type Ledger interface {
	// CommitOthers commits rows that another program wrote without a commit.
	CommitOthers(context.Context) error
	// Head is the ledger's last commit.
	Head(context.Context) (string, error)
	// Prefixes are the id prefixes of the rigs, by name.
	Prefixes(context.Context) (map[string]string, error)
	List(context.Context, ledger.Filter, func(ledger.Item) error) error
	// Known says of each id whether the ledger has a bead of it (true) or had one
	// that was deleted (false).
	Known(ctx context.Context, ids []string) (map[string]bool, error)
	// Contains reports whether the ledger's history has a commit.
	Contains(ctx context.Context, commit string) (bool, error)
	// Adopt stores beads that this Town recorded earlier; see ledger.Store.Adopt.
	Adopt(ctx context.Context, ids []string, decide func(id string, h ledger.Held) (*ledger.Taken, error)) (stored []string, err error)
	Close() error
}

// LedgerOpener opens the ledger; the caller closes it. It is called only while
// no other database of the sync is open.
type LedgerOpener interface {
	OpenLedger(context.Context) (Ledger, error)
}

// Approver asks a person whether rules that are new for a remote may share what
// the preview shows. town.ErrRefused means no: the rules wait, and the rest of
// the push goes on. Any other error ends the push. No database is open while it
// is asked.
type Approver interface {
	ApproveRules(context.Context, Preview) error
}

// Membership tells which federation the Town is in.
type Membership interface {
	// Federation is the UUID of the federation plane's store. previous is that
	// of the store which a join under way replaces, else "".
	Federation() (uuid, previous string)
}

// Options describe a Town to this package.
type Options struct {
	Layout     layout.Town
	Town       exchange.Member
	Actor      town.Actor
	Membership Membership
	Ledger     LedgerOpener
	// Approver may be nil: then nobody can be asked, and new rules wait.
	Approver Approver
	// Wait bounds the wait for a database's lock. Command names this call to other
	// processes that wait for it.
	Wait    time.Duration
	Command string
	Now     func() time.Time
	// Keys reads the keys with which this Town signs its records.
	Keys func() (*sign.Keys, error)
	// Checked is called now and then while records that arrived are checked, with how
	// many were so far. May be nil.
	Checked func(records int64)
	// Step is called when a step begins; the function it returns, when the step
	// ends.
	Step func(name string) (end func())
}

// Sharing shares the records of one Town. It has no state: everything known of a
// remote is in State, and the caller holds the remote's lock.
type Sharing struct{ opts Options }

// New returns the sharing of a Town. It opens nothing.
func New(opts Options) *Sharing { return &Sharing{opts} }
