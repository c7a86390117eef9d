package cli

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"gastown/town"
)

// An export holds exactly the beads that the same filters list.
func TestAnExportIsWhatTheFiltersSelect(t *testing.T) {
	p := newPlace(t)
	kinds := []string{"task", "bug"}
	for i, status := range []string{"open", "in_progress", "deferred", "closed"} {
		for n, kind := range kinds {
			p.must("create", "--id", "gt-"+kind+status[:1]+status[len(status)-1:], "of "+status, "-s", status, "-t", kind, "-p", []string{"0", "3"}[n], "-l", []string{"a", "b"}[i%2])
		}
	}
	for _, flags := range [][]string{
		{"-s", "open"}, {"-s", "closed"}, {"-s", "open,closed"}, {"-s", "all"}, {"-s", "open", "-s", "all"}, {"-t", "bug"}, {"-s", "open", "-t", "bug"},
		{"-l", "a"}, {"--label-not", "a"}, {"--label-any", "b"}, {"-p", "3"}, {"--id", "gt-taskon"}, {"--created-before", "yesterday"}, {},
	} {
		var listed []town.Bead
		p.json(&listed, append([]string{"list", "-n", "0", "--all", "--sort", "id"}, flags...)...)
		var ids, out []string
		for _, b := range listed {
			ids = append(ids, b.ID)
		}
		for line := range strings.Lines(p.must(append([]string{"export"}, flags...)...)) {
			var b town.Bead
			if err := json.Unmarshal([]byte(line), &b); err != nil {
				t.Fatal(err)
			}
			out = append(out, b.ID)
		}
		if !slices.Equal(ids, out) {
			t.Errorf("%q: exported %q, listed %q", flags, out, ids)
		}
		for i := 0; i+1 < len(flags); i += 2 {
			if flags[i] == "-s" && !slices.Contains(flags, "all") && slices.ContainsFunc(listed, func(b town.Bead) bool {
				return !slices.Contains(strings.Split(flags[i+1], ","), string(b.Status))
			}) {
				t.Errorf("%q: %q", flags, ids)
			}
		}
	}
	for _, flags := range [][]string{{"-n", "5"}, {"--sort", "title"}, {"--offset", "1"}, {"-r"}} {
		if code, out, _ := p.run(append([]string{"export"}, flags...)...); code != usageExit || out != "" {
			t.Errorf("%q: exit %d, %s", flags, code, out)
		}
	}
	var found []town.Bead
	if p.json(&found, "search", "of", "-s", "closed,deferred"); len(found) != 4 || slices.ContainsFunc(found, func(b town.Bead) bool { return b.Status == "open" }) {
		t.Errorf("a search of some statuses found %+v", found)
	}
	usual := p.must("list", "--fields=id", "-q")
	reversed := p.must("list", "--fields=id", "-r", "-q")
	lines := strings.Split(strings.TrimSpace(usual), "\n")[1:]
	slices.Reverse(lines)
	if got := strings.Split(strings.TrimSpace(reversed), "\n")[1:]; len(got) != 6 || !slices.Equal(got, lines) {
		t.Errorf("usual\n%s\nreversed\n%s", usual, reversed)
	}
}

// Filters take short ids. An id of no bead is an error, not an empty list. A list
// that was cut at its limit says so.
func TestFiltersNameBeads(t *testing.T) {
	p := newPlace(t)
	p.must("create", "--id", "gt-parent", "above")
	p.must("create", "--id", "gt-child", "below", "--parent", "gt-parent")
	p.must("create", "--id", "gt-other", "beside", "--deps", "gt-child")
	p.must("create", "--id", "gt-more", "beside", "--deps", "gt-child")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"export", "--parent", "par"}, "gt-child"}, {[]string{"export", "--id", "oth"}, "gt-other"}, {[]string{"list", "--id", "oth"}, "gt-other"},
		{[]string{"blocked", "--id", "oth"}, "gt-other"}, {[]string{"list", "--parent", "par", "--id", "chi"}, "gt-child"},
		{[]string{"search", "be", "--id", "oth"}, "gt-other"}, {[]string{"ready", "--id", "chi"}, "gt-child"},
	} {
		if out := p.must(c.args...); !strings.Contains(out, c.want) || strings.Contains(out, "gt-more") {
			t.Errorf("bd %q: %s", c.args, out)
		}
		for _, flag := range []string{"--id", "--parent"} {
			if code, _, said := p.run(c.args[0], "gt-nowhere", flag, "gt-nowhere"); c.args[0] == "search" && (code != 1 || !strings.Contains(said, "no such bead")) {
				t.Errorf("bd %s %s: exit %d: %s", c.args[0], flag, code, said)
			}
			if code, _, said := p.run(c.args[0], flag, "gt-nowhere"); c.args[0] != "search" && (code != 1 || !strings.Contains(said, "no such bead")) {
				t.Errorf("bd %s %s: exit %d: %s", c.args[0], flag, code, said)
			}
		}
	}
	code, out, said := p.run("blocked", "-n", "1")
	if code != 0 || strings.Count(out, "gt-other")+strings.Count(out, "gt-more") != 1 || !strings.Contains(said, "there are more") {
		t.Errorf("exit %d: %s%s", code, out, said)
	}
	if _, _, said := p.run("blocked", "-n", "2"); said != "" {
		t.Error(said)
	}
}
