package deacon

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"gastown/e2e/internal/scratch"
	"gastown/town"
	"gastown/town/tracker/trackertest"
)

// A Deacon that is killed at the moment at which Jira has made an issue makes no second one
// when it runs again. What happens to the bead afterwards arrives there, and an issue of
// theirs becomes one bead.
func TestATrackerOverAKill(t *testing.T) {
	t.Parallel()
	p := found(t, scratch.Dir(t), "alpha")
	jira := trackertest.Jira(t)
	write := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(p.Layout().Secrets(), "JIRA_USERNAME="+trackertest.User+"\nJIRA_API_TOKEN="+trackertest.Secret+"\n")
	write(p.Layout().Plugins(), fmt.Sprintf(`plugins:
  - name: jira-sync
    type: integration
    enabled: true
    config:
      base_url: %q
      project: %q
      username: "${JIRA_USERNAME}"
      api_token: "${JIRA_API_TOKEN}"
      interval: 5s
`, jira.Base, trackertest.Project))
	p.Must("gt", "plugin", "run", "jira-sync") // it begins here
	d := p.start()
	killed := false
	jira.Lock(func() {
		jira.Lose = func(r *http.Request, _ int) bool {
			if killed || r.Method != http.MethodPost || r.URL.Path != "/rest/api/3/issue" {
				return false
			}
			killed = true
			_ = syscall.Kill(d.PID, syscall.SIGKILL)
			return true
		}
	})
	type bead struct {
		ID          string `json:"id"`
		ExternalRef string `json:"external_ref"`
		Status      town.Status
	}
	var b bead
	if err := json.Unmarshal([]byte(p.Must("bd", "create", "The door sticks", "--json")), &b); err != nil {
		t.Fatal(err)
	}
	scratch.Await(t, "the issue is made, and the Deacon is killed", func() (is bool) {
		jira.Lock(func() { is = killed })
		return is
	})
	d.gone()
	p.Must("gt", "--wait", "3m", "deacon", "start")
	show := func() (b2 bead) {
		var list []bead
		out := p.Must("bd", "show", b.ID, "--json")
		if json.Unmarshal([]byte(out), &list) != nil || len(list) != 1 {
			t.Fatalf("bd show: %s", out)
		}
		return list[0]
	}
	scratch.Await(t, "the bead knows its issue", func() bool { return show().ExternalRef != "" })
	p.Must("bd", "comments", "add", b.ID, "I planed it.")
	p.Must("bd", "close", b.ID, "--reason", "it opens")
	scratch.Await(t, "the issue is closed and says why", func() (done bool) {
		jira.With(func(issues []*trackertest.Issue) { done = issues[0].Closed && len(issues[0].Comments) >= 2 })
		return done
	})
	jira.With(func(issues []*trackertest.Issue) {
		if len(issues) != 1 || len(issues[0].Comments) != 2 {
			t.Errorf("%+v", issues)
		}
	})
	jira.Add("their window", "")
	for n := range 2 {
		if out := p.Must("gt", "plugin", "run", "jira-sync", "--import", `text ~ "window"`); strings.Contains(out, "their window") != (n == 0) {
			t.Errorf("import %d: %s", n, out)
		}
	}
	if out := p.Must("gt", "plugin", "run", "jira-sync", "--dry-run"); strings.Contains(out, "create") {
		t.Errorf("%s", out)
	}
	if strings.Contains(p.logged(), trackertest.Secret) {
		t.Error("the token stands in the log")
	}
}
