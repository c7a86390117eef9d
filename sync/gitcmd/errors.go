package gitcmd

import (
	"cmp"
	"context"
	"errors"
	"regexp"
	"strings"

	"gastown/town"
	"gastown/town/durable"
)

// The kinds of failure. Every error of this package that has a known cause
// wraps exactly one of the first group; ErrOutcomeUnknown may come in addition.
var (
	// ErrURL: the URL or ref name is not one we would hand to git.
	ErrURL = errors.New("the address is not acceptable")
	// ErrAuth: the remote does not accept our login, or wants a prompt.
	ErrAuth = errors.New("login refused")
	// ErrUnreachable: no connection, or it broke.
	ErrUnreachable = errors.New("remote unreachable")
	// ErrBroken: the server is there, and the connection to it broke, or a proxy lost
	// it. Another attempt may succeed. It is an ErrUnreachable.
	ErrBroken error = &narrower{"the connection broke", ErrUnreachable}
	// ErrBusy: the server, which is there, does not serve for now: too many requests
	// or connections. Later it does. It is an ErrUnreachable.
	ErrBusy error = &narrower{"the server is too busy", ErrUnreachable}
	// ErrNotFound: there is no repository at the URL.
	ErrNotFound = errors.New("no repository there")
	// ErrNoRef: the repository is there and has no such branch or commit. It is an
	// ErrNotFound.
	ErrNoRef error = &narrower{"not found", ErrNotFound}
	// ErrMoved: the server redirects to another address, to which nobody agreed.
	ErrMoved = errors.New("the repository is at another address")
	// ErrReadOnly: the remote can be read but refuses this write.
	ErrReadOnly = errors.New("remote refuses the write")
	// ErrForbidden: a rule of the remote (a hook, a protected or hidden ref)
	// refuses this ref. Everybody's login is refused alike. It is an ErrReadOnly.
	ErrForbidden error = &narrower{"a rule of the remote refuses the write", ErrReadOnly}
	// ErrRejected: the ref has another value than expected; fetch and try again.
	ErrRejected = errors.New("the remote has moved on")
	// ErrInTheWay: the remote has a ref whose name is the beginning of the pushed one's,
	// or begins with it. Nothing can be pushed there while it has.
	ErrInTheWay = errors.New("another ref of the remote is in the way")
	// ErrNonFastForward: the remote's own configuration forbids rewinding.
	ErrNonFastForward = errors.New("the remote forbids rewriting a ref")
	// ErrLocked: another git holds a lock on what is to be written, or one that was
	// killed left it. A lock that is left is cleared after a minute.
	ErrLocked = errors.New("another git is at work there, or was killed a moment ago")
	// ErrNotAtomic: the server moves one ref at a time only.
	ErrNotAtomic = errors.New("the remote cannot move several refs at once")
	// ErrNoSpace: a disk of this machine is full.
	ErrNoSpace = errors.New("this machine's disk is full")
	// ErrRemoteFull: the remote's disk is full, or its quota is used up.
	ErrRemoteFull = errors.New("the remote's disk is full")
	// ErrFormat: the repository names its objects by SHA-256.
	ErrFormat = errors.New("the repository uses SHA-256, and gt needs one that uses SHA-1")
	// ErrDeadline: the deadline, or that of the caller, ended the operation.
	ErrDeadline = errors.New("took too long")
	// ErrIdle: the remote sent nothing for longer than allowed. It is an
	// ErrDeadline.
	ErrIdle error = &narrower{"the remote fell silent", ErrDeadline}
	// ErrTooLarge: the remote sent more than the configured maximum.
	ErrTooLarge = errors.New("more data than allowed")
	// ErrCorrupt: git found the data damaged.
	ErrCorrupt = errors.New("damaged git data")
	// ErrTooOld: the installed git lacks something we need.
	ErrTooOld = errors.New("git is too old: " + MinVersion + " or newer is needed")
	// ErrNoGit: there is no git on this machine.
	ErrNoGit = errors.New("git is not installed")

	// ErrOutcomeUnknown: the connection, a deadline or the caller ended a push
	// under way, so the remote may or may not have accepted it. Only the ref at
	// the remote can tell.
	ErrOutcomeUnknown = errors.New("the remote's answer was lost")
)

// narrower is a kind of failure that is a case of another kind.
type narrower struct {
	text string
	kind error
}

func (n *narrower) Error() string { return n.text }
func (n *narrower) Unwrap() error { return n.kind }

// MinVersion is the oldest git this package is written for.
const MinVersion = "2.34"

// phrase maps words of git, ssh or a server, in lower case, to a kind.
type phrase struct {
	kind  error
	words []string
}

// phrases are tried in order, so that "no space left" wins over the broken
// connection it also causes.
var phrases = []phrase{
	{ErrNoSpace, []string{"no space left on device", "disk quota exceeded"}},
	{ErrLocked, []string{".lock': file exists"}},
	{ErrRemoteFull, []string{"error: 507", "exceeded its allocated storage", "exceeded the allocated storage", "storage limit"}},
	{ErrFormat, []string{"mismatched algorithms", "hash algorithm", "unknown object format"}},
	{ErrTooLarge, []string{"file too large", "file size limit exceeded", "attempting to allocate", "pack exceeds maximum"}},
	// sshd closes a connection before its first line when it has too many.
	{ErrBusy, []string{"error: 429", "error: 503", "too many requests", "too many connections", "too many concurrent", "exceeded maxstartups",
		"exchange_identification: connection closed", "exchange_identification: read: connection reset", "not allowed at this time"}},
	{ErrMoved, []string{"error: 301", "error: 302", "error: 303", "error: 307", "error: 308"}},
	{ErrReadOnly, []string{"marked as read only", "service not enabled", "not allowed to push", "does not have write access",
		"insufficient permission for adding an object", "unable to create temporary object directory", "read-only file system",
		"write access to repository not granted", "not authorized to write", "error: 405"}},
	{ErrAuth, []string{"authentication failed", "could not read username", "could not read password", "terminal prompts disabled",
		"permission denied (", "host key verification failed", "access denied", "error: 401", "error: 403", "dubious ownership",
		"too many authentication failures", "invalid credentials", "permission to", "remote host identification has changed"}},
	{ErrNotFound, []string{"does not appear to be a git repository", "repository not found", "error: 404", "did you run git update-server-info",
		"not found", "does not exist", "no such project", "could not be found"}},
	{ErrUnreachable, []string{"could not resolve", "connection refused", "timed out", "network is unreachable", "no route to host",
		"failed to connect", "couldn't connect", "could not connect", "unable to connect", "connection reset", "connection closed", "broken pipe",
		"ssl", "certificate", "kex_exchange", "error: 5", "early eof", "unexpected disconnect", "hung up", "rpc failed", "empty reply",
		"transfer closed", "operation too slow", "bytes/sec transferred", "expected flush", "expected packfile", "expected 'packfile", "bad line length"}},
	{ErrCorrupt, []string{"fsck error", "index-pack", "unresolved deltas", "did not send all necessary objects", "bad object", "corrupt",
		"bad tree", "missing blob", "missing tree", "unpack-objects", "invalid object", "bad pack", "not a valid object", "is empty", "unable to read"}},
	{ErrUnreachable, []string{"could not read from remote repository", "unable to access", "protocol error"}},
}

// classify finds the kind of a failed git process by its words; nil when they are
// not known. push tells whether the operation was a write.
func classify(exit int, text string, push bool) error {
	t := remainder.ReplaceAllString(strings.ToLower(text), "early eof")
	if exit == 129 && strings.Contains(t, "usage:") {
		return ErrTooOld
	}
	for _, p := range phrases {
		for _, w := range p.words {
			if !strings.Contains(t, w) {
				continue
			}
			if p.kind == ErrNoSpace && (push || remoteOnly(t, w)) {
				return ErrRemoteFull
			}
			if push && p.kind == ErrAuth && (strings.Contains(t, "error: 403") || strings.Contains(t, "permission to")) {
				return ErrReadOnly
			}
			return p.kind
		}
	}
	return nil
}

// remoteOnly reports that only lines of the server hold a word. A push writes
// nothing on this machine, so there the question does not come up.
func remoteOnly(text, word string) bool {
	for line := range strings.Lines(text) {
		if strings.Contains(line, word) && !strings.HasPrefix(line, "remote: ") {
			return false
		}
	}
	return true
}

var advice = map[error]string{
	ErrAuth:        "check that `git ls-remote URL` works without asking for anything",
	ErrUnreachable: "check the network and the address, then try again",
	ErrBroken:      "run it again; if it stays so, check the network and any proxy between",
	ErrBusy:        "run it again in a while",
	ErrNotFound:    "check the address; create the repository on the host first",
	ErrMoved:       "`git ls-remote URL` says where it redirects; use that address",
	ErrReadOnly:    "ask the owner of the repository for write access",
	ErrForbidden:   "ask the administrator of the repository to allow pushes to that ref",
	ErrRejected:    "gt federation sync merges what is there and publishes again",
	ErrLocked:      "run it again in a minute",
	ErrInTheWay:    "give the ref that the server names another name there",
	ErrNoSpace:     "free some space on this machine, then run it again",
	ErrRemoteFull:  "ask the administrator of the repository for space there, then run it again",
	ErrFormat:      "make a repository with: git init --bare --object-format=sha1 DIR, and use that",
	ErrDeadline:    "run it again; for a slow connection: gt config remote.deadline 2h",
	ErrIdle:        "run it again; for a slow server: gt config remote.idle 5m",
	ErrTooLarge:    "check with its owner what is in the repository",
	ErrCorrupt:     "run `git fsck` in the remote repository",
	ErrTooOld:      "install git " + MinVersion + " or newer",
	ErrNoGit:       "install git " + MinVersion + " or newer",
	ErrURL:         "use https://, ssh://, user@host:path or an absolute path",
}

// reportIt is the step after a fault of the program.
const reportIt = "report it together with the command"

// failHere is the error of a failure of this machine.
func failHere(op string, err error) error {
	return town.Fail(op, cmp.Or(durable.Advice(err), "run it again"), "%w", noSpace(err))
}

// nextFor is the advice for a kind of failure.
func nextFor(kind, also error) string {
	switch {
	case kind == nil && also == nil:
		return reportIt
	case kind == nil:
		return "" // the caller ended it, and knows why
	case errors.Is(also, context.DeadlineExceeded): // no setting of the remote changes it
		return "run it again"
	case advice[kind] != "":
		return advice[kind]
	case errors.Is(kind, ErrBusy):
		return advice[ErrBusy]
	case errors.Is(kind, ErrIdle):
		return advice[ErrIdle]
	case errors.Is(kind, ErrDeadline):
		return advice[ErrDeadline]
	}
	return ""
}

// fail builds the error people see. detail is hostile text.
func fail(op string, kind error, detail string, also error) error {
	next := nextFor(kind, also)
	detail, also = clean(detail), town.Worded(also)
	switch {
	case kind == nil && also == nil:
		return town.Fail(op, next, "git failed: %s", detail)
	case kind == nil:
		return town.Fail(op, next, "%w%s", also, suffix(detail))
	case also == nil:
		return town.Fail(op, next, "%w%s", kind, suffix(detail))
	}
	return town.Fail(op, next, "%w (%w)%s", kind, also, suffix(detail))
}

func suffix(detail string) string {
	if detail == "" {
		return ""
	}
	return ": " + detail
}

// ended explains why this package ended a process; nil when it did not.
func ended(ctx context.Context) (kind, also error) {
	switch cause := context.Cause(ctx); {
	case cause == nil:
		return nil, nil
	case errors.Is(cause, ErrDeadline):
		return cause, nil
	case errors.Is(cause, context.DeadlineExceeded):
		return ErrDeadline, cause
	default:
		return nil, cause
	}
}

// maxDetail bounds, in bytes, how much of git's words an error carries.
const maxDetail = 1000

var userinfo = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://)[^/@\s'"]*@`)
var query = regexp.MustCompile(`(https?://[^\s'"?]*)\?[^\s'"]*`)

// lockAdvice is what git advises about a lock: to remove a file, which may be the lock of
// a git that is at work.
var lockAdvice = regexp.MustCompile(`\. Another git process seems to be running.* to continue\.?`)

// Redact removes credentials from every URL in text.
func Redact(text string) string {
	return query.ReplaceAllString(userinfo.ReplaceAllString(text, "$1"), "$1")
}

// Plain makes hostile text fit for a message: one line, printable, bounded, without
// credentials.
func Plain(text string) string { return clean(text) }

// clean makes hostile text fit for a message: one line, printable, bounded,
// without credentials.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) || r == 0xfffd || (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069):
			return -1
		}
		return r
	}, Redact(text))
	return town.Clip(lockAdvice.ReplaceAllString(strings.Join(strings.Fields(text), " "), ""), maxDetail)
}
