package gitcmd

import (
	"fmt"
	"strings"
	"time"

	"gastown/town"
)

// maxBranch bounds the length of a branch's name in bytes.
const maxBranch = 200

// CheckBranch reports, wrapping ErrURL, why a short name is not one of a branch. The
// rules are git's, without names that begin with a dash.
func CheckBranch(name string) error {
	if name == "HEAD" || strings.HasPrefix(name, "-") {
		return badBranch(name)
	}
	return checkFullRef("refs/heads/" + name)
}

func badBranch(name string) error {
	return town.Fail("use "+clean(name)+" as a branch", "name a branch such as main", "%w", ErrURL)
}

// checkFullRef is CheckRef with git's own alphabet.
func checkFullRef(ref string) error {
	short := strings.TrimPrefix(ref, "refs/heads/")
	if len(ref) > maxBranch || !strings.HasPrefix(ref, "refs/") || strings.HasSuffix(ref, "/") || strings.HasSuffix(ref, ".") ||
		strings.Contains(ref, "..") || strings.Contains(ref, "@{") || strings.Contains(ref, "//") ||
		strings.ContainsFunc(ref, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`~^:?*[\`, r) }) {
		return badBranch(short)
	}
	for _, element := range strings.Split(ref, "/") {
		if strings.HasPrefix(element, ".") || strings.HasSuffix(element, ".lock") {
			return badBranch(short)
		}
	}
	return nil
}

// NewCommit describes a commit that Shared.WriteCommit stores.
type NewCommit struct {
	Tree    string
	Parents []string
	// Name and Email are author and committer.
	Name, Email string
	When        time.Time
	Message     string
}

func (n NewCommit) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "tree %s\n", n.Tree)
	for _, p := range n.Parents {
		fmt.Fprintf(&b, "parent %s\n", p)
	}
	who := fmt.Sprintf("%s <%s> %d +0000", person(n.Name, "gt"), person(n.Email, "gt@localhost"), max(0, n.When.Unix()))
	fmt.Fprintf(&b, "author %s\ncommitter %s\n\n%s\n", who, who, strings.TrimRight(strings.ReplaceAll(n.Message, "\x00", ""), "\n"))
	return b.String()
}
