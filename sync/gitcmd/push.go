package gitcmd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gastown/town"
)

// Update moves one ref of a remote.
type Update struct {
	Ref string
	// Old is the value the ref must have at the remote; "" means that it must
	// not exist.
	Old string
	// New is the object the ref is to name; "" deletes the ref.
	New string
}

// check refuses an update that is not made of object ids.
func (u Update) check() error {
	switch {
	case u.Old != "" && !IsID(u.Old), u.New != "" && !IsID(u.New), u.Old == "" && u.New == "":
		return fmt.Errorf("%s: not an object id", u.Ref)
	}
	return nil
}

// PushSpec describes a push.
type PushSpec struct {
	URL     string
	Updates []Update
	// Guard is a prefix of refs, ending in "/"; "" for none. The push changes
	// nothing, with ErrRejected, if the remote has a ref below Guard that neither
	// Updates nor Seen names with its value. So a push without a fetch before it
	// learns of such refs, in the one connection that it makes. It needs a server
	// that moves several refs at once.
	Guard string
	// Any moves each ref by itself, whatever value it has at the remote.
	Any bool
	// Seen are refs below Guard that the caller knows, with their values. Their
	// names come from a fetch, so git has accepted them as names.
	Seen map[string]string
}

// PushResult is the remote's own report of a push.
type PushResult struct {
	// Report holds the server's words for each ref, by ref name.
	Report map[string]string
	// Causes are the refs for which the push failed, with the kind of failure of
	// each. Refs that did not move only because another one could not are not
	// among them.
	Causes map[string]error
	// Bytes sent, as far as git tells.
	Bytes int64
}

// Push moves refs at the remote, all or none, over one connection and with one
// process. Success means that the server confirmed every ref.
//
// An error that wraps ErrOutcomeUnknown means that the refs may or may not have
// been moved. After any other error nothing was changed; ErrNotAtomic says that
// the server cannot move several refs at once.
func (r *Repo) Push(ctx context.Context, rawURL string, updates ...Update) (PushResult, error) {
	return r.PushGuarded(ctx, PushSpec{URL: rawURL, Updates: updates})
}

// PushGuarded is Push with a guard; see PushSpec.
func (r *Repo) PushGuarded(ctx context.Context, s PushSpec) (PushResult, error) {
	op := "push to " + clean(s.URL)
	c, err := r.preparePush(op, s)
	if err != nil {
		return PushResult{}, err
	}
	out, err := r.run(ctx, c)
	text := out.stderr.text()
	report := parseReport(out.stdout)
	n, begun := out.stderr.transferred()
	res := PushResult{Report: map[string]string{}, Causes: map[string]error{}, Bytes: n}
	missing := false
	var refused []string
	for ref, line := range report {
		if line.flag == '!' {
			refused = append(refused, ref)
		}
	}
	for _, u := range s.Updates {
		line, ok := report[u.Ref]
		missing = missing || !ok
		res.Report[u.Ref] = clean(line.summary)
	}
	if len(refused) > 0 {
		return res, res.refuse(op, s, report, refused, text)
	}
	switch {
	case !missing:
		// The server has confirmed, so how git ended afterwards does not matter.
		return res, nil
	case s.atomic() && strings.Contains(strings.ToLower(text), "does not support --atomic"):
		return res, fail(op, ErrNotAtomic, "", nil)
	case err == nil:
		return res, fail(op, ErrOutcomeUnknown, "the server reported nothing for the ref", nil)
	case !begun || errors.Is(err, ErrReadOnly) || errors.Is(err, ErrAuth) || errors.Is(err, ErrNotFound):
		return res, err
	}
	return res, town.Fail(op, "sync again: it first looks at what the remote has", "%w: %w", ErrOutcomeUnknown, err)
}

// atomic reports that the push concerns more than one ref. One ref is atomic by
// itself, and not every server offers --atomic.
func (s PushSpec) atomic() bool { return !s.Any && (len(s.Updates) > 1 || s.Guard != "") }

// unmatched is a pattern of refs that no private repository has. With --prune it
// makes git regard everything below PushSpec.Guard as to be deleted, and the lease
// without a value refuses that.
const unmatched = "refs/gt/none/*"

func (r *Repo) preparePush(op string, s PushSpec) (command, error) {
	var refs []string
	for _, u := range s.Updates {
		refs = append(refs, u.Ref)
		if err := u.check(); err != nil {
			return command{}, town.Fail(op, reportIt, "%w", err)
		}
	}
	if s.Guard != "" {
		refs = append(refs, s.Guard+"x")
	}
	c, err := r.network(op, s.URL, refs...)
	if err != nil {
		return command{}, err
	}
	c.push = true
	c.args = []string{"push", "--porcelain", "--progress", "--no-verify", "--no-signed", "--no-follow-tags", "--recurse-submodules=no"}
	if s.atomic() {
		c.args = append(c.args, "--atomic")
	}
	var specs []string
	for _, u := range s.Updates {
		if s.Any {
			specs = append(specs, "+"+u.New+":"+u.Ref)
			continue
		}
		c.args = append(c.args, "--force-with-lease="+u.Ref+":"+u.Old)
		specs = append(specs, u.New+":"+u.Ref)
	}
	if s.Guard != "" {
		specs = append(specs, unmatched+":"+s.Guard+"*")
		for _, ref := range slices.Sorted(maps.Keys(s.Seen)) {
			if slices.Contains(refs, ref) || !strings.HasPrefix(ref, s.Guard) || !IsID(s.Seen[ref]) {
				continue
			}
			// A ref that gets the value it has is not pruned, and nothing is sent.
			c.args = append(c.args, "--force-with-lease="+ref+":"+s.Seen[ref])
			specs = append(specs, s.Seen[ref]+":"+ref)
		}
		c.args = append(c.args, "--prune", "--force-with-lease")
	}
	c.args = append(append(c.args, "--end-of-options", s.URL), specs...)
	return c, nil
}

// refuse finds which refs were refused for their own sake, and returns the error
// of the first of them in the order of the updates.
func (res *PushResult) refuse(op string, s PushSpec, report map[string]verdict, refused []string, text string) error {
	own := slices.DeleteFunc(slices.Clone(refused), func(ref string) bool {
		return strings.Contains(strings.ToLower(report[ref].summary), "atomic")
	})
	if len(own) == 0 {
		own = refused
	}
	slices.Sort(own)
	first := own[0]
	for _, ref := range own {
		res.Causes[ref] = refusal(report[ref].summary, text)
	}
	for _, u := range s.Updates {
		if slices.Contains(own, u.Ref) {
			first = u.Ref
			break
		}
	}
	return refusalError(op, res.Causes[first], first, report[first].summary, text)
}

// refusalError is the error for a ref that the server did not move.
func refusalError(op string, kind error, ref, summary, text string) error {
	why := strings.Trim(strings.TrimPrefix(strings.TrimPrefix(summary, "[remote rejected]"), "[rejected]"), " ()")
	detail := ref + ": " + why
	if words := remoteWords(text); words != "" {
		detail += "; the server says: " + words
	}
	return fail(op, kind, detail, nil)
}

type verdict struct {
	flag    byte
	summary string
}

// parseReport reads lines of the form FLAG TAB FROM:TO TAB SUMMARY.
func parseReport(s string) map[string]verdict {
	report := map[string]verdict{}
	for line := range strings.Lines(s) {
		f := strings.SplitN(strings.TrimRight(line, "\n"), "\t", 3)
		if len(f) != 3 || len(f[0]) != 1 {
			continue
		}
		if _, to, ok := strings.Cut(f[1], ":"); ok {
			report[to] = verdict{f[0][0], f[2]}
		}
	}
	return report
}

// refusal finds the kind of a '!' line, and looks at standard error where the line
// does not say. Only these words tell a write that the server never accepts from
// one that it refuses because the ref has moved.
func refusal(summary, text string) error {
	s := strings.ToLower(summary)
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(s, w) {
				return true
			}
		}
		return false
	}
	switch {
	case has("failed to update ref", "cannot lock ref") && strings.Contains(text+summary, "' exists; cannot create '"):
		return ErrInTheWay
	case has("unpack", "migrate objects"):
		switch kind := classify(1, text, true); kind {
		case ErrRemoteFull, ErrTooLarge, ErrUnreachable, ErrFormat:
			return kind
		}
		return ErrReadOnly
	case has("[remote rejected]") && has("non-fast-forward"):
		return ErrNonFastForward
	case has("stale info", "fetch first", "non-fast-forward", "cannot lock ref", "failed to update ref", "incorrect old value",
		"already exists", "lock ref", "remote ref updated", "[rejected]", "failed to lock", "atomic"):
		return ErrRejected
	case has("remote failure", "no match", "did not report", "hung up"):
		return ErrOutcomeUnknown
	case has("[remote rejected]", "hook declined", "hidden ref", "prohibited", "protected", "deny updating", "not allowed", "funny refname", "branch is currently checked out"):
		return ErrForbidden
	}
	return ErrReadOnly
}

// remoteWords is what the server itself said, for example a hook's reason.
func remoteWords(text string) string {
	var keep []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "remote: ") {
			keep = append(keep, strings.TrimSpace(strings.TrimPrefix(line, "remote: ")))
		}
	}
	return strings.Join(keep, " ")
}
