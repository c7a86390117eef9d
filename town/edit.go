package town

import "strconv"

// Edit is one state of one document that was written: its content, and its place in
// the order of edits. Rows of the federation plane are Edits.
type Edit struct {
	Key
	// Text is the whole file, byte for byte.
	Text string
	// Version is the semantic version a formula declares; empty for a role;
	// the issue number ("1", "2", ...) of a template.
	Version string
	// Revision is a Lamport counter: one more than the highest revision of
	// this document its writer had seen. It orders edits; clocks never do.
	Revision uint64
	// Town and Author say who wrote it.
	Town   ID
	Author string
	// Deleted marks a template issue that removed the file. Roles and
	// formulas are removed as rows instead.
	Deleted bool
}

// Digest identifies the edit itself, not only its text. It differs between any
// two edits, so concurrent edits of one row always meet as a conflict, even
// where both sides changed different columns or returned to an old text.
func (e Edit) Digest() Digest {
	return DigestOf(string(e.Kind), e.Name, e.Text, e.Version,
		strconv.FormatUint(e.Revision, 10), string(e.Town), e.Author, strconv.FormatBool(e.Deleted))
}

// Content is the digest of the text alone.
func (e Edit) Content() Digest { return ContentDigest(e.Text) }

// Proposal is a role text that lost a conflict and waits for a person. It is
// content-addressed as a whole, so any number of Towns may hold and exchange it
// without ever conflicting over it.
type Proposal struct {
	Key
	// Delete proposes that the role be removed; Text is then empty.
	Delete bool
	// Base is the text both sides started from; empty if there was none.
	Base string
	Text string
	// Revision, Town and Author are those of the edit that lost.
	Revision uint64
	Town     ID
	Author   string
}

// ID addresses the proposal by everything in it.
func (p Proposal) ID() Digest {
	return DigestOf(string(p.Kind), p.Name, strconv.FormatBool(p.Delete), p.Base, p.Text,
		strconv.FormatUint(p.Revision, 10), string(p.Town), p.Author)
}
