package gitcmd

import (
	"context"
	"errors"
	"strings"

	"gastown/town"
)

// Update moves one ref of a remote.
type Update struct {
	Ref string
	// Old is the value the ref must have at the remote; "" means that it must
	// not exist.
	Old string
	// New is the object the ref is to name.
	New string
}

// PushResult is the remote's own report of a successful push.
type PushResult struct {
	// Report holds the server's words for each ref, by ref name.
	Report map[string]string
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
	op := "push to " + clean(rawURL)
	refs := make([]string, len(updates))
	for i, u := range updates {
		refs[i] = u.Ref
		if !IsID(u.New) || (u.Old != "" && !IsID(u.Old)) {
			return PushResult{}, town.Fail(op, "", "%s: not an object id", u.Ref)
		}
	}
	c, err := r.network(op, rawURL, refs...)
	if err != nil {
		return PushResult{}, err
	}
	c.push = true
	c.args = []string{"push", "--porcelain", "--progress", "--no-verify", "--no-signed", "--no-follow-tags", "--recurse-submodules=no"}
	if len(updates) > 1 {
		// One ref is atomic by itself, and not every server offers --atomic.
		c.args = append(c.args, "--atomic")
	}
	for _, u := range updates {
		c.args = append(c.args, "--force-with-lease="+u.Ref+":"+u.Old)
	}
	c.args = append(c.args, "--end-of-options", rawURL)
	for _, u := range updates {
		c.args = append(c.args, u.New+":"+u.Ref)
	}
	out, err := r.run(ctx, c)
	report := parseReport(out.stdout)
	n, begun := out.stderr.transferred()
	res := PushResult{Report: map[string]string{}, Bytes: n}
	missing := false
	for _, u := range updates {
		line, ok := report[u.Ref]
		if ok && line.flag == '!' {
			return res, fail(op, refusal(line.summary, out.stderr.text()), u.Ref+" "+line.summary+" "+remoteWords(out.stderr.text()), nil)
		}
		missing = missing || !ok
		res.Report[u.Ref] = clean(line.summary)
	}
	switch {
	case !missing:
		// The server has confirmed, so how git ended afterwards does not matter.
		return res, nil
	case len(updates) > 1 && strings.Contains(strings.ToLower(out.stderr.text()), "does not support --atomic"):
		return res, fail(op, ErrNotAtomic, "", nil)
	case err == nil:
		return res, fail(op, ErrOutcomeUnknown, "the server reported nothing for the ref", nil)
	case !begun || errors.Is(err, ErrReadOnly) || errors.Is(err, ErrAuth) || errors.Is(err, ErrNotFound):
		return res, err
	}
	return res, town.Fail(op, "sync again: it first looks at what the remote has", "%w: %w", ErrOutcomeUnknown, err)
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
	case has("unpack", "migrate objects"):
		switch kind := classify(1, text, true); kind {
		case ErrNoSpace, ErrTooLarge, ErrUnreachable:
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
	}
	return ErrReadOnly
}

// remoteWords is what the server itself said, for example a hook's reason.
func remoteWords(text string) string {
	var keep []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "remote: ") {
			keep = append(keep, strings.TrimSpace(line))
		}
	}
	return strings.Join(keep, " ")
}
