package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gastown/e2e/internal/depot"
	"gastown/planes/doltdb"
	"gastown/sync/federate"
	"gastown/sync/gitremote"
	"gastown/town"
)

// historyPair is two Towns of one federation and what the remote holds.
func historyPair(t *testing.T) (a, b *depot.Town, repo, tip string) {
	t.Helper()
	a, b, repo = depot.Pair(t)
	a.MustPull()
	return a, b, repo, depot.Tip(t, repo, depot.Ref)
}

// A remote that was reset to an older state loses nothing: a Town that has the
// newer commits publishes them again.
func TestHostileRemoteGoesBack(t *testing.T) {
	t.Parallel()
	a, b, repo, old := historyPair(t)
	a.Write("roles/later.md", depot.Role("later", "published, then taken back"))
	a.MustPush()
	b.MustPull()
	b.Write("roles/own.md", depot.Role("own", "not published yet"))
	depot.Git(t, repo, "", "update-ref", depot.Ref, old)
	if out := b.MustPull(); out.Documents != 0 || out.Commits != 0 {
		t.Errorf("pull of the past: %+v", out)
	}
	if out := b.MustPush(); out.UpToDate || out.Commits < 2 {
		t.Errorf("push over the past: %+v", out)
	}
	faultRecovered(t, a, b, map[string]string{
		"roles/later.md": depot.Role("later", "published, then taken back"), "roles/own.md": depot.Role("own", "not published yet"),
	})
}

// A remote that was reset and continued by another program is merged like any other
// divergent history.
func TestHostileRemoteTakesAnotherWay(t *testing.T) {
	t.Parallel()
	a, b, repo, old := historyPair(t)
	a.Write("roles/mayor.md", depot.Role("mayor", "alpha's"))
	a.MustPush()
	depot.Git(t, repo, "", "update-ref", depot.Ref, old)
	b.Write("roles/mayor.md", depot.Role("mayor", "beta's"))
	b.MustPush()
	out := a.MustPull()
	if out.Reviews != 1 {
		t.Errorf("pull of the other way: %+v", out)
	}
	faultRecovered(t, a, b, map[string]string{"roles/mayor.md": depot.Role("mayor", "beta's")})
	if rows := b.Rows(); len(rows["proposals"]) != 1 || !strings.Contains(rows["proposals"][0], "alpha's") {
		t.Errorf("proposals: %v", rows["proposals"])
	}
}

// A remote that was replaced by an unrelated store with our identity changes nothing
// here. A person may decide to join it, which retains our texts.
func TestHostileRemoteIsAnotherHistory(t *testing.T) {
	t.Parallel()
	a, b, repo, _ := historyPair(t)
	b.Write("roles/own.md", depot.Role("own", "beta's own"))
	b.MustPush()
	tip := depot.Tip(t, repo, depot.Ref)
	root := depot.Dir(t)
	shop := depot.NewWorkshop(t, "git+file://"+repo)
	shop.Dolt("dump", "--result-format", "sql", "--file-name", filepath.Join(root, "dump.sql"), "--no-create-db")
	other := depot.NewWorkshop(t, "")
	other.Dolt("sql", "--file", filepath.Join(root, "dump.sql"))
	dir := other.NewDir("other")
	other.SQL("DELETE FROM roles WHERE name = 'own'; CALL DOLT_COMMIT('-A', '-m', 'another history');\n" + other.Send("main", dir))
	depot.Git(t, repo, "", "update-ref", depot.Ref, depot.CommitDir(t, repo, dir))

	rows, files := b.Rows(), b.Files()
	for what, err := range transportAll(t, b) {
		if what != "push --dry-run" {
			hostileRefusal(t, what, federate.ErrUnrelated, err)
		}
	}
	hostileEqual(t, "files", files, b.Files())
	hostileEqual(t, "rows", rows, b.Rows())

	depot.Git(t, repo, "", "update-ref", depot.Ref, tip)
	faultRecovered(t, a, b, map[string]string{"roles/own.md": depot.Role("own", "beta's own")})

	// The next step that the message names works.
	depot.Git(t, repo, "", "update-ref", depot.Ref, depot.CommitDir(t, repo, dir))
	if out := b.MustJoin(); out.Retired == "" {
		t.Errorf("join: %+v", out)
	}
	if b.Read("roles/own.md") != depot.Role("own", "beta's own") {
		t.Error("the Town's own role is gone")
	}
	a.MustJoin()
	faultRecovered(t, a, b, map[string]string{"roles/own.md": depot.Role("own", "beta's own")})
}

// A ref that vanished is an error, not an empty federation to fill; only init
// publishes there again.
func TestHostileRefVanished(t *testing.T) {
	t.Parallel()
	a, b, repo, _ := historyPair(t)
	depot.Git(t, repo, "", "update-ref", "-d", depot.Ref)
	b.Write("roles/own.md", depot.Role("own", "beta's own"))
	rows := b.Rows()
	_, err := b.Pull(t.Context(), b.Remote, false)
	hostileRefusal(t, "pull", gitremote.ErrGone, err)
	hostileEqual(t, "rows", rows, b.Rows())
	_, err = b.Push(t.Context(), b.Remote, false)
	hostileRefusal(t, "push", nil, err)
	if depot.Tip(t, repo, depot.Ref) != "" {
		t.Error("a push filled a repository whose ref had vanished")
	}
	b.MustInit()
	faultRecovered(t, a, b, map[string]string{"roles/own.md": depot.Role("own", "beta's own")})
}

// A conflict that no rule decides stops the pull, names table and row, and
// changes nothing.
func TestHostileConflictWithoutARule(t *testing.T) {
	t.Parallel()
	a, b, repo, tip := historyPair(t)
	id := strings.Repeat("ab", 32)
	change := func(text string) string {
		return "INSERT INTO resolutions VALUES ('" + id + "', '', '', '', '', '" + text + "')"
	}
	// Our row is written without gt, as a person could with the stock command.
	b.SQL("INSERT INTO meta VALUES ('note', 'ours')")
	shop := depot.NewWorkshop(t, "git+file://"+repo)
	for name, sql := range map[string]string{
		"meta": "INSERT INTO meta VALUES ('note', 'theirs')", "resolutions": change("x"),
	} {
		dir := shop.NewDir(name)
		shop.SQL(depot.Branch(name, "main", sql) + shop.Send(name, dir))
		depot.Git(t, repo, "", "update-ref", depot.Ref, depot.CommitDir(t, repo, dir))
		rows, files := b.Rows(), b.Files()
		_, err := b.Pull(t.Context(), b.Remote, false)
		hostileRefusal(t, name, nil, err)
		if !errors.Is(err, town.ErrRefused) && !errors.Is(err, doltdb.ErrConflict) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		hostileEqual(t, "rows", rows, b.Rows())
		hostileEqual(t, "files", files, b.Files())
	}
	depot.Git(t, repo, "", "update-ref", depot.Ref, tip)
	a.Write("roles/next.md", depot.Role("next", "good again"))
	a.MustPush()
	b.MustPull()
	if b.Read("roles/next.md") == "" {
		t.Error("the next good sync brought nothing")
	}
}

// A store that lacks what its root refers to cannot be joined.
func TestHostileStoreWithMissingChunks(t *testing.T) {
	t.Parallel()
	a, b, repo, tip := historyPair(t)
	shop := depot.NewWorkshop(t, "git+file://"+repo)
	dir := shop.NewDir("two")
	e := hostileSound(1)
	shop.SQL(shop.Send("main", dir) + depot.Branch("more", "main", depot.Insert(e)) + shop.Send("more", dir))
	whole, err := os.ReadFile(filepath.Join(dir, "manifest"))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Split(string(whole), ":")
	if len(fields) < 9 {
		t.Fatalf("a manifest of several table files was expected: %s", whole)
	}
	c := depot.New(t, filepath.Join(depot.Dir(t), "c"), "gamma", repo)
	refused := 0
	no := errors.New("not confirmed")
	for i := 5; i < len(fields); i += 2 {
		lacking := strings.Join(append(fields[:i:i], fields[i+2:]...), ":")
		hostileEdit(t, filepath.Join(dir, "manifest"), func([]byte) []byte { return []byte(lacking) })
		depot.Git(t, repo, "", "update-ref", depot.Ref, depot.CommitDir(t, repo, dir))
		// One of the table files may hold only superseded data.
		if _, err := c.Join(t.Context(), c.Remote, func(federate.Preview) error { return no }); !errors.Is(err, no) {
			refused++
			hostileRefusal(t, "join", nil, err)
		}
		// A Town that has the other files may accept or refuse it, but must not be damaged.
		if _, err := b.Pull(t.Context(), b.Remote, false); err != nil {
			hostileRefusal(t, "pull", nil, err)
		}
	}
	if refused < (len(fields)-5)/2-1 {
		t.Errorf("%d of %d stores without a table file were refused", refused, (len(fields)-5)/2)
	}
	depot.Git(t, repo, "", "update-ref", depot.Ref, tip)
	faultRecovered(t, a, b, nil)
	c.MustJoin()
}

// A Town does not join a history whose first commit has all the rows, such as the
// stock command makes by squashing: no check would have seen those rows.
func TestHostileHistoryBeginsWithRows(t *testing.T) {
	t.Parallel()
	_, _, repo, _ := historyPair(t)
	shop := depot.NewWorkshop(t, "git+file://"+repo)
	out := shop.SQL("SELECT commit_hash FROM dolt_log ORDER BY commit_order LIMIT 1")
	lines := strings.Fields(out)
	dir := shop.NewDir("squashed")
	shop.SQL("CALL DOLT_RESET('--soft', '" + lines[len(lines)-1] + "'); CALL DOLT_COMMIT('--amend', '-A', '-m', 'root');\n" + shop.Send("main", dir))
	if n := strings.Fields(shop.SQL("SELECT COUNT(*) FROM dolt_log")); n[len(n)-1] != "1" {
		t.Fatalf("the history has %v commits: the test proves nothing", n)
	}
	other := depot.Bare(t)
	depot.Git(t, repo, "", "push", "-q", other, "refs/dolt/data")
	depot.Git(t, other, "", "update-ref", depot.Ref, depot.CommitDir(t, other, dir))
	c := depot.New(t, filepath.Join(depot.Dir(t), "c"), "gamma", other)
	rows, files := c.Rows(), c.Files()
	_, err := c.Join(t.Context(), c.Remote, depot.Yes)
	if !errors.Is(err, town.ErrRefused) || !strings.Contains(err.Error(), "its history begins with a table") {
		t.Errorf("join: %v", err)
	}
	hostileEqual(t, "rows", rows, c.Rows())
	hostileEqual(t, "files", files, c.Files())
}
