package rig

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const sample = `# our projects
rigs:
  - name: web # the site
    url: git@host:web.git
    prefix: web
    branch: main
    merge: direct
    checks:
      - name: test
        command: ["make", "test"]   # everything
        timeout: 10m
  - name: notes
    url: /srv/notes
    branch: trunk
    merge: local
    limits:
      memory: 2GB
      cpu: 2
`

func TestLoad(t *testing.T) {
	y := yard(t)
	write(t, y.File, sample)
	got, err := y.Load()
	want := []Settings{
		{Name: "web", URL: "git@host:web.git", Prefix: "web", Branch: "main", Merge: MergeDirect,
			Checks: []Check{{Name: "test", Command: []string{"make", "test"}, Timeout: 10 * time.Minute}}},
		{Name: "notes", URL: "/srv/notes", Prefix: "notes", Branch: "trunk", Merge: MergeLocal, Limits: Limits{Memory: "2GB", CPU: 2}},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

// What makes no sense is an error that names the line.
func TestLoadFaults(t *testing.T) {
	y := yard(t)
	for _, c := range []struct{ old, new, want string }{
		{"merge: direct", "merge: pushing", "line 7: merge \"pushing\""},
		{"name: notes", "name: web", "two rigs are called web"},
		{"name: notes", "name: ../x", "line 12: "},
		{"name: notes", "name: mayor", "line 12: "},
		{"branch: trunk", "branch: -x", "line 14: branch"},
		{"branch: trunk", "branch: a..b", "line 14: branch"},
		{"branch: trunk", "prefix: web\n    branch: trunk", "have one prefix"},
		{"url: /srv/notes", "url: srv/notes", "line 13: "},
		{"url: /srv/notes", "url: --x", "line 13: "},
		{"memory: 2GB", "memory: much", "line 17: memory"},
		{"cpu: 2", "cpu: -1", "line 18: cpu"},
		{"merge: direct", "merge: direct\n    pull_requests: {token_env: A}", "line 8: pull_requests"},
		{"merge: direct", "merge: pr\n    pull_requests: {token_env: ghp_-x}", "line 8: token_env is the name of a variable"},
		{"merge: direct", "merge: pr\n    pull_requests: {api: 'http://host/'}", "line 8: "},
		{"merge: direct", "merge: pr\n    pull_requests: {repository: web}", "line 8: "},
		{`["make", "test"]`, "[]", "names no program"},
		{"timeout: 10m", "timeout: -1s", "line 11: "},
		{"timeout: 10m", "timeuot: 10m", "line 11: there is no field \"timeuot\""},
		{"rigs:", "rigs: 1\nrigz:", "line 3"},
	} {
		text := strings.Replace(sample, c.old, c.new, 1)
		write(t, y.File, text)
		if _, err := y.Load(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s -> %s: %v, want %s", c.old, c.new, err, c.want)
		}
	}
}

// An entry that gt adds, changes or removes leaves the rest of the file as it was.
func TestEdit(t *testing.T) {
	y := yard(t)
	write(t, y.File, sample)
	must(t, y.put(t.Context(), Settings{Name: "new", URL: "/srv/new", Prefix: "new", Branch: "main", Merge: MergeDirect}))
	must(t, y.SetPool(t.Context(), "web", 3))
	must(t, y.drop(t.Context(), "notes"))
	text, err := os.ReadFile(y.File)
	must(t, err)
	for _, line := range []string{"# our projects", "- name: web # the site", "# everything", "pool: 3", "- name: new"} {
		if !strings.Contains(string(text), line) {
			t.Errorf("%q is missing in\n%s", line, text)
		}
	}
	if strings.Contains(string(text), "notes") {
		t.Errorf("notes is still in\n%s", text)
	}
	got, err := y.Load()
	if err != nil || len(got) != 2 || got[0].Pool != 3 {
		t.Errorf("%+v, %v", got, err)
	}
}

// A file that is empty, or has only comments, takes the first rig.
func TestEditEmpty(t *testing.T) {
	for _, text := range []string{"", "# nothing yet\n", "rigs:\n", "rigs: []\n", "rigs: # none\n"} {
		y := yard(t)
		write(t, y.File, text)
		must(t, y.put(t.Context(), Settings{Name: "new", URL: "/srv/new", Prefix: "new", Branch: "main", Merge: MergeDirect}))
		if got, err := y.Load(); err != nil || len(got) != 1 {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func TestPrefixFor(t *testing.T) {
	for name, want := range map[string]string{"web": "web", "Web_UI": "web-ui", "_": "rig", "9": "rig", "a--b": "a-b"} {
		if got := PrefixFor(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// Where pull requests are opened follows from the address at GitHub, and elsewhere from
// what the file says.
func TestPullsAt(t *testing.T) {
	for _, c := range []struct {
		url   string
		merge Merge
		pulls Pulls
		want  string
		asked bool
	}{
		{"git@github.com:acme/web.git", MergePR, Pulls{}, " acme/web", false},
		{"git@github.com:acme/web.git", MergeDirect, Pulls{}, "", false},
		{"git@github.com:acme/web.git", MergePR, Pulls{Repository: "other/web"}, " other/web", true},
		{"git@ghe.example.org:acme/web.git", MergePR, Pulls{}, "", false},
		{"git@ghe.example.org:acme/web.git", MergePR, Pulls{API: "https://ghe.example.org/api/v3/"}, "https://ghe.example.org/api/v3/ acme/web", true},
		{"/srv/web.git", MergePR, Pulls{API: "http://127.0.0.1:1/"}, "", true},
		{"/srv/web.git", MergePR, Pulls{API: "http://127.0.0.1:1/", Repository: "acme/web"}, "http://127.0.0.1:1/ acme/web", true},
	} {
		at, asked, ok := Settings{URL: c.url, Merge: c.merge, Pulls: c.pulls}.PullsAt()
		if got := at.API + " " + at.String(); ok != (c.want != "") || asked != c.asked || ok && got != c.want {
			t.Errorf("%+v: %q, %v, %v", c, got, asked, ok)
		}
	}
}
