package gitcmd

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gastown/town"
)

// Modes of tree entries as git writes them.
const (
	ModeFile = "100644"
	ModeTree = "40000"
)

// Entry is one line of a tree. Name is hostile: it may hold any byte but NUL.
type Entry struct {
	Mode string
	Name string
	ID   string
}

// maxCommit bounds, in bytes, a commit object.
const maxCommit = 1 << 20

// Commit is what we need of a commit object.
type Commit struct {
	ID      string
	Tree    string
	Parents []string
	// When is the committer's time; zero if it makes no sense.
	When time.Time
	// Message is hostile text.
	Message string
}

// Commit reads a commit.
func (o *Objects) Commit(id string) (Commit, error) {
	b, err := o.read(id, TypeCommit, maxCommit)
	if err != nil {
		return Commit{}, err
	}
	c := Commit{ID: id}
	head, message, _ := strings.Cut(string(b), "\n\n")
	c.Message = message
	for line := range strings.Lines(head) {
		key, value, _ := strings.Cut(strings.TrimRight(line, "\n"), " ")
		switch key {
		case "tree":
			c.Tree = value
		case "parent":
			c.Parents = append(c.Parents, value)
		case "committer":
			_, when, _ := strings.Cut(value, "> ")
			seconds, _, _ := strings.Cut(when, " ")
			if n, err := strconv.ParseInt(seconds, 10, 64); err == nil {
				c.When = time.Unix(n, 0).UTC()
			}
		}
	}
	if !IsID(c.Tree) {
		// No step: the caller knows whose data it is.
		return c, town.Fail(readOp, "", "%w: commit %s names no tree", ErrCorrupt, id)
	}
	return c, nil
}

// Tree reads a tree object of at most limit bytes.
func (o *Objects) Tree(id string, limit int64) ([]Entry, error) {
	b, err := o.read(id, TypeTree, limit)
	if err != nil {
		return nil, err
	}
	entries, err := parseTree(b, len(id)/2)
	if err != nil {
		// No step: the caller knows whose data it is.
		return nil, town.Fail(readOp, "", "%w: tree %s: %w", ErrCorrupt, id, err)
	}
	return entries, nil
}

// parseTree decodes MODE SP NAME NUL ID, repeated; idLen is in bytes.
func parseTree(b []byte, idLen int) ([]Entry, error) {
	var entries []Entry
	for len(b) > 0 {
		sp := bytes.IndexByte(b, ' ')
		nul := bytes.IndexByte(b, 0)
		if sp < 1 || nul < sp || len(b) < nul+1+idLen {
			return nil, fmt.Errorf("it is cut short at entry %d", len(entries)+1)
		}
		entries = append(entries, Entry{
			Mode: string(b[:sp]),
			Name: string(b[sp+1 : nul]),
			ID:   hex.EncodeToString(b[nul+1 : nul+1+idLen]),
		})
		b = b[nul+1+idLen:]
	}
	return entries, nil
}

// BlobID is the id git gives a blob in a repository of the usual object format.
func BlobID(content []byte) string {
	h := sha1.New()
	fmt.Fprintf(h, "blob %d\x00", len(content))
	h.Write(content)
	return hex.EncodeToString(h.Sum(nil))
}
