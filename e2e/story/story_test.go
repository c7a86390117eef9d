package story

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Sixteen beads in two rigs, eight polecats at once. One crashes, one freezes each time,
// one repeats itself, one forks without end, two write the same line, one breaks the
// tests, one never says done, one says done without having pushed. Both mains end with
// exactly the good work; every bead and the convoy say where they stand; nothing is lost
// and nothing is left.
func TestStory(t *testing.T) {
	t.Parallel()
	beads := []bead{
		{id: "web-1", deed: "exit"}, {id: "web-2", deed: "freeze!"}, {id: "web-3", deed: "bomb"}, {id: "web-4", deed: "unsaid!"},
		{id: "web-5", deed: "usual", after: []string{"web-1"}}, {id: "web-6", deed: "usual", after: []string{"web-2"}},
		{id: "web-7", deed: "usual", after: []string{"web-3", "api-1"}}, {id: "web-8", deed: "usual", after: []string{"web-4"}},
		{id: "api-1", deed: "loop"}, {id: "api-2", deed: "clash"}, {id: "api-3", deed: "clash"}, {id: "api-4", deed: "broken"},
		{id: "api-5", deed: "usual"}, {id: "api-6", deed: "usual", after: []string{"web-5"}},
		{id: "api-7", deed: "usual", after: []string{"api-4"}}, {id: "api-8", deed: "usual", after: []string{"api-5", "web-8"}},
	}
	w := found(t, []string{"web", "api"}, beads)
	w.GT("deacon", "start")
	wanted := map[string]struct{ state, why string }{
		"web-2": {"held", "lost"}, "web-6": {"waiting", "web-2"}, "api-4": {"ready", "check"}, "api-7": {"waiting", "api-4"},
	}
	clash := func(m member) bool { // the first of the two lands
		return m.ID == "api-2" || m.ID == "api-3"
	}
	w.until(8*time.Minute, func(m member) bool {
		want, ok := wanted[m.ID]
		switch {
		case ok:
			return m.State == want.state && strings.Contains(m.Why, want.why)
		case clash(m):
			return m.State == "landed" || m.State == "ready" && strings.Contains(m.Why, "conflict")
		}
		return m.State == "landed"
	})
	members, err := w.progress()
	if err != nil {
		t.Fatal(err)
	}
	clashed, landed := 0, 0
	for _, m := range members {
		if m.State == "landed" {
			landed++
			if clash(m) {
				clashed++
			}
		}
		t.Log(m)
	}
	if clashed != 1 || landed != 11 {
		t.Errorf("%d have landed, %d of the two that clash", landed, clashed)
	}
	var c struct {
		State, Why    string
		Landed, Total int
	}
	if err := json.Unmarshal([]byte(w.GT("convoy", "status", w.convoy, "--json")), &c); err != nil || c.State == "landed" || c.Why == "" || c.Landed != 11 || c.Total != 16 {
		t.Errorf("the convoy: %+v, %v", c, err)
	}
	w.told()
	w.mains(members)
	w.over()
}

var rescue = regexp.MustCompile(`refs/gt/rescue/[A-Za-z0-9/_.-]+[A-Za-z0-9]`)

// told checks that a person is told once of the bead that loses its workers, and that the
// bead says where their work is.
func (w *world) told() {
	w.T.Helper()
	var all []struct{ About, State string }
	// The Witness tells people after it has blocked the bead.
	w.Await("a person is told once of web-2", func() bool {
		if err := json.Unmarshal([]byte(w.GT("escalate", "list", "--json")), &all); err != nil {
			w.T.Fatal(err)
		}
		n := 0
		for _, e := range all {
			if e.About == "web-2" && e.State == "raised" {
				n++
			}
		}
		return n == 1
	})
	refs := rescue.FindAllString(w.BD("show", "web-2"), -1)
	if len(refs) == 0 {
		w.T.Error("web-2 names no rescue ref")
	}
	for _, ref := range refs {
		if _, err := w.Try("git", "-C", "web.git", "rev-parse", "--verify", "-q", ref); err != nil {
			w.T.Errorf("web-2 names %s, which is not at the remote", ref)
		}
	}
}
