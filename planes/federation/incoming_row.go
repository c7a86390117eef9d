package federation

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"gastown/sync/sign"
	"gastown/town"
)

// Limits of the values of an incoming row, in bytes.
const (
	maxAuthor  = 255
	maxVersion = 128
)

// maxIssue is the highest issue number that is accepted; the rest of the range is
// for the issues that follow.
const maxIssue = 1 << 31

// rowChecker reads a row and says how to check it.
type rowChecker func(scanner) (verdict, error)

// rowCheck gives the columns to read of a table's changed rows in a store that took
// so many steps, and their check; nil for meta and schema_migrations, which are
// checked with the shape. The check sets foreign for a row whose digest does not
// match its content.
func rowCheck(table string, steps int, foreign *bool) (list string, check rowChecker) {
	switch table {
	case "roles", "formulas", "templates":
		k, _ := town.ParseKind(table)
		var bytes issueBytes
		return prefixed(columns(k)), func(r scanner) (verdict, error) {
			e, err := scanEdit(r, k)
			return func() error {
				*foreign = *foreign || !e.intact()
				if err := checkEdit(e.Edit); err != nil || k != town.KindTemplate {
					return err
				}
				return bytes.add(e.Edit)
			}, err
		}
	case "archive":
		return "to_kind, to_name, to_digest, to_version, to_text", checkArchived
	case "proposals":
		return prefixed(proposalColumns), func(r scanner) (verdict, error) {
			p, id, err := scanProposal(r)
			return func() error {
				if p.ID() != id {
					return fmt.Errorf("proposal %q does not hash to its id", town.Clip(string(id), 64))
				}
				if !slices.Contains(town.Kinds, p.Kind) {
					return fmt.Errorf("proposal %s is for a %q", id.Short(), town.Clip(string(p.Kind), 16))
				}
				if p.Kind == town.KindTemplate {
					return checkEdit(town.Edit{Key: p.Key, Text: p.Text, Version: "1", Revision: p.Revision, Town: p.Town, Author: p.Author})
				}
				return checkEdit(town.Edit{Key: p.Key, Text: p.Text, Revision: p.Revision, Town: p.Town, Author: p.Author})
			}, err
		}
	case "resolutions":
		return "to_id, to_proposal, to_outcome, to_result, to_town, to_author", checkResolution
	case "towns":
		return prefixedMember("to_", steps), checkMember
	case "town_keys":
		return prefixed(keyChainColumns), checkLink
	case "signatures":
		return prefixed(signatureColumns), checkSignature
	case "ranks":
		return prefixed(rankColumns), checkRank
	}
	return "", nil
}

func prefixed(columns string) string { return "to_" + strings.ReplaceAll(columns, ", ", ", to_") }

func checkEdit(e town.Edit) error {
	if err := town.CheckName(e.Name); err != nil {
		return err
	}
	if !utf8.ValidString(e.Text) || strings.ContainsRune(e.Text, 0) {
		return fmt.Errorf("the text of %s is not UTF-8 text", e.Name)
	}
	if err := checkWriter(e.Town, e.Author, e.Revision); err != nil {
		return fmt.Errorf("%s: %w", e.Name, err)
	}
	if len(e.Version) > maxVersion || !printable(e.Version) {
		return fmt.Errorf("the version of %s is too long or has control characters", e.Name)
	}
	if n := number(e); e.Kind == town.KindTemplate && (n == 0 || n > maxIssue) {
		return fmt.Errorf("template %s has an issue numbered %q", e.Name, town.Clip(e.Version, 20))
	}
	return nil
}

func checkArchived(r scanner) (verdict, error) {
	var e town.Edit
	var content town.Digest
	err := r.Scan(&e.Kind, &e.Name, &content, &e.Version, &e.Text)
	return func() error {
		if !slices.Contains(town.Kinds, e.Kind) {
			return fmt.Errorf("an archived text of %q is of unknown kind %q", town.Clip(e.Name, 64), town.Clip(string(e.Kind), 16))
		}
		if e.Content() != content {
			return fmt.Errorf("an archived text of %q does not hash to its digest", town.Clip(e.Name, 64))
		}
		if e.Kind == town.KindTemplate {
			e.Version = "1"
		}
		return checkEdit(e)
	}, err
}

func checkMember(r scanner) (verdict, error) {
	m, err := scanMember(r)
	return func() error {
		if m.Epoch > maxRevision {
			return fmt.Errorf("the epoch %d of Town %q is beyond the last one that is accepted", m.Epoch, m.ID)
		}
		if err := checkWriter(m.ID, "", m.Revision); err != nil {
			return err
		}
		if m.Instance != "" && !town.IsIdentity(m.Instance) {
			return fmt.Errorf("the instance %q of Town %q is not valid", town.Clip(m.Instance, 64), m.ID)
		}
		return town.CheckName(m.Name)
	}, err
}

func checkResolution(r scanner) (verdict, error) {
	var id town.Digest
	var v Resolution
	err := r.Scan(&id, &v.Proposal, &v.Outcome, &v.Result, &v.Town, &v.Author)
	return func() error {
		if v.ID() != id {
			return fmt.Errorf("resolution %q does not hash to its id", town.Clip(string(id), 64))
		}
		if !printable(string(v.Proposal) + string(v.Outcome) + string(v.Result)) {
			return fmt.Errorf("resolution %s has control characters", id.Short())
		}
		return checkWriter(v.Town, v.Author, 0)
	}, err
}

// The forms of keys and signatures are checked here; what they sign is for sift.

func checkLink(r scanner) (verdict, error) {
	l, err := scanLink(r)
	return func() error {
		if err := checkWriter(l.Town, "", 0); err != nil {
			return err
		}
		if !hexadecimal(l.Signature) || l.Number < 1 || l.Number > sign.MaxKeys {
			return fmt.Errorf("key %d of Town %q is not valid", l.Number, l.Town)
		}
		return l.Public.Check()
	}, err
}

func checkSignature(r scanner) (verdict, error) {
	g, err := scanSignature(r)
	return func() error {
		if !hexadecimal(string(g.Digest)) || !hexadecimal(g.Value) {
			return fmt.Errorf("the signature of row %q is not valid", town.Clip(string(g.Digest), 64))
		}
		if err := g.Signer.Check(); err != nil {
			return err
		}
		return checkWriter(g.Town, "", 0)
	}, err
}

func checkRank(r scanner) (verdict, error) {
	v, err := scanRank(r)
	return func() error {
		if !slices.Contains(town.Kinds, v.Kind) || !hexadecimal(string(v.Edit)) || v.Kind == town.KindTemplate && v.Edit == "" {
			return fmt.Errorf("a rank of %q is of a %q and names %q", town.Clip(v.Name, 64), town.Clip(string(v.Kind), 16), town.Clip(string(v.Edit), 64))
		}
		if err := checkWriter(v.Town, v.Author, v.Level); err != nil {
			return err
		}
		return town.CheckName(v.Name)
	}, err
}

// hexadecimal reports whether a text has lower-case hexadecimal digits only.
func hexadecimal(text string) bool {
	return strings.Trim(text, "0123456789abcdef") == ""
}

// printable reports whether a text is safe to print on a terminal.
func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return r < ' ' || (r >= 0x7f && r < 0xa0) || r == utf8.RuneError || (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069)
	})
}

// maxRevision is the highest revision that is accepted. It leaves room for later
// edits and for signed arithmetic.
const maxRevision = 1 << 60

// checkWriter checks a row's writer and revision.
func checkWriter(id town.ID, author string, revision uint64) error {
	if len(author) > maxAuthor || len(id) > 64 || !printable(author) || !printable(string(id)) {
		return fmt.Errorf("the writer %q %q is too long or has control characters", town.Clip(string(id), 64), town.Clip(author, 64))
	}
	if revision > maxRevision {
		return fmt.Errorf("revision %d is beyond the last one that is accepted", revision)
	}
	return nil
}
