package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gastown/e2e/internal/depot"
	"gastown/planes/federation"
	"gastown/sync/federate"
	"gastown/town"
)

// What the stock command can push in other Towns' names does not come into force in a
// Town whose documents need signatures: it is put back or waits as a review, and a pull
// says why.
func TestSignaturesAndTheStockCommand(t *testing.T) {
	t.Parallel()
	root, repo := depot.Dir(t), depot.Bare(t)
	reviewed := func(o *federate.Options) { o.Unsigned = federation.UnsignedReviewed }
	a := depot.New(t, filepath.Join(root, "a"), "alpha", repo, reviewed)
	a.MustInit()
	b := depot.New(t, filepath.Join(root, "b"), "beta", repo, reviewed)
	b.MustJoin()
	// A review that is open: both edited one role.
	a.MustPull()
	a.Write("roles/mayor.md", depot.Role("mayor", "alpha's"))
	b.Write("roles/mayor.md", depot.Role("mayor", "beta's"))
	a.MustPush()
	b.MustPush()
	a.MustPull()
	open := signatureReviews(t, a)
	if len(open) != 1 || !open[0].Signed {
		t.Fatalf("reviews: %+v", open)
	}

	stock := depot.NewWorkshop(t, "git+file://"+repo)
	v := federation.Resolution{Proposal: open[0].ID, Outcome: federation.OutcomeTheirs, Town: "id-beta", Author: "Ben <ben@example.com>"}
	forged := town.Edit{Key: town.Key{Kind: town.KindRole, Name: "mayor"}, Text: depot.Role("mayor", "forged"), Revision: 50, Town: "id-alpha", Author: "Ada <ada@example.com>"}
	stock.SQL(strings.Join([]string{
		fmt.Sprintf("INSERT INTO resolutions VALUES ('%s', '%s', 'theirs', '', 'id-beta', 'Ben <ben@example.com>')", v.ID(), v.Proposal),
		"UPDATE towns SET name = 'mallory', revision = 99 WHERE id = 'id-beta'",
		"INSERT INTO towns (id, name, revision) VALUES ('id-new', 'alpha', 1)",
		"REPLACE INTO roles VALUES ('mayor', " + depot.Quote(forged.Text) + ", '" + string(forged.Digest()) + "', 50, 'id-alpha', 'Ada <ada@example.com>')",
		"UPDATE formulas SET text = CONCAT(text, '# forged'), version = '9.0.0'",
		"DELETE FROM templates",
		"CALL DOLT_COMMIT('-A', '-m', 'by hand')",
	}, ";\n") + ";")
	stock.Dolt("push", "origin", "main")

	b.Write("roles/own.md", depot.Role("own", "beta's"))
	b.MustPush()
	notes := strings.Join(a.MustPull().Notes, "\n")
	for range 2 {
		b.MustSync()
		a.MustSync()
	}
	for _, tt := range []*depot.Town{a, b} {
		for path, text := range map[string]string{
			"roles/mayor.md": depot.Role("mayor", "alpha's"), "roles/own.md": depot.Role("own", "beta's"),
			"formulas/build.formula.toml": depot.Formula("build", "1.0.0", "starter"), "templates/bug.md": "starter\n",
		} {
			if got := tt.Read(path); got != text {
				t.Errorf("%s: %s is %q", tt.Name, path, got)
			}
		}
		var waits []string
		for _, r := range signatureReviews(t, tt) {
			waits = append(waits, fmt.Sprint(r.Key, " ", r.Signed))
		}
		slices.Sort(waits)
		if want := []string{"formula/build false", "role/mayor false", "role/mayor true"}; !slices.Equal(waits, want) {
			t.Errorf("%s: reviews %q, want %q", tt.Name, waits, want)
		}
		var names []string
		err := tt.Engine.Read(t.Context(), func(s *federation.Store) error {
			members, err := s.Towns(t.Context())
			for _, m := range members {
				names = append(names, m.Name)
			}
			if v, verr := s.Verify(t.Context()); verr != nil || v.UnsignedTotal != 0 {
				t.Errorf("%s: %+v, %v", tt.Name, v, verr)
			}
			return err
		})
		if err != nil || !slices.Equal(names, []string{"alpha", "beta"}) {
			t.Errorf("%s: Towns %q, %v", tt.Name, names, err)
		}
	}
	hostileEqual(t, "rows of the other Town", a.Rows(), b.Rows())
	// Beta had put all of it back before alpha looked.
	if strings.Contains(notes, "was not taken") {
		t.Errorf("alpha is told of what beta put back: %s", notes)
	}
}

func signatureReviews(t *testing.T, tt *depot.Town) (open []federation.Review) {
	t.Helper()
	err := tt.Engine.Read(t.Context(), func(s *federation.Store) (err error) {
		open, err = s.Reviews(t.Context())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return open
}
