package cli

import (
	"testing"

	"gastown/planes/ledger"
)

// Deleted beads are filtered as existing ones are.
func TestDeletedBeadsAreFiltered(t *testing.T) {
	p := newPlace(t)
	bug, task := p.id("bug", "-t", "bug", "-l", "ui"), p.id("task")
	p.must("close", task)
	p.must("delete", bug, task, "--force")
	for _, c := range []struct {
		args []string
		want int
	}{{nil, 2}, {[]string{"-t", "bug"}, 1}, {[]string{"-l", "ui"}, 1}, {[]string{"-l", "none"}, 0}, {[]string{"-n", "1"}, 1}, {[]string{"--offset", "1"}, 1}, {[]string{"--parent", bug}, 0}} {
		var got []ledger.Tombstone
		if p.json(&got, append([]string{"list", "--deleted"}, c.args...)...); len(got) != c.want {
			t.Errorf("%q: %d beads, want %d", c.args, len(got), c.want)
		}
	}
	if code, _, _ := p.run("list", "--deleted", "--sort", "title"); code != usageExit {
		t.Errorf("exit %d", code)
	}
}
