package cli

import "testing"

// What bd create and bd q make.
func TestExpectCreate(t *testing.T) {
	const a = "create A --id gt-a"
	expect(t, []row{
		// Fields.
		{argv: "create T --id gt-n", holds: "gt-n title=T status=open priority=2 issue_type=task created_by=Ada assignee= labels="},
		{argv: "new T --id gt-n", holds: "gt-n title=T"},
		{argv: "create --title T --id gt-n", holds: "gt-n title=T"},
		{argv: "create T --id gt-n -d what --design how --acceptance when --notes n", holds: "gt-n description=what design=how acceptance_criteria=when notes=n"},
		{argv: "create T --id gt-n --description what --acceptance-criteria when", holds: "gt-n description=what acceptance_criteria=when"},
		{argv: "create T --id gt-n --body what", holds: "gt-n description=what"},
		{argv: "create T --id gt-n --append-notes later", holds: "gt-n notes=later"},
		{argv: "create T --id gt-n -p 0 -t bug -a kim -l x,y --owner o", holds: "gt-n priority=0 issue_type=bug assignee=kim labels=x,y owner=o"},
		{argv: "create T --id gt-n --priority P4 --type epic --assignee kim --labels x --label y", holds: "gt-n priority=4 issue_type=epic labels=x,y"},
		{argv: "create T --id gt-n -e 90 --external-ref gh-1 --spec-id docs/x.md", holds: "gt-n estimated_minutes=90 external_ref=gh-1 spec_id=docs/x.md"},
		{argv: "create T --id gt-n --due 2030-01-31", holds: "gt-n due_at=2030-01-31T00:00:00Z", env: []string{"TZ=UTC"}},
		{argv: "create T --id gt-n --ephemeral", holds: "gt-n ephemeral=true"},
		{argv: `create T --id gt-n --metadata '{"team":"core"}'`, holds: "gt-n metadata=map[team:core]"},
		{argv: "create T --id gt-n --metadata @/nowhere.json", code: 1, holds: "-gt-n"},
		{argv: "create T --id gt-n --metadata '[1]'", code: 1, holds: "-gt-n"},
		{argv: "create T --id gt-n --stdin", stdin: "from a pipe", holds: "gt-n description='from a pipe'"},
		{argv: "create T --id gt-n --body-file -", stdin: "from a pipe", holds: "gt-n description='from a pipe'"},
		{argv: "create T --id gt-n --design-file -", stdin: "how", holds: "gt-n design=how"},
		{argv: "create T --id gt-n --defer 2999-01-01", holds: "gt-n status=deferred"},
		// Types have other names.
		{argv: "create T --id gt-n -t feat", holds: "gt-n issue_type=feature"},
		{argv: "create T --id gt-n -t enhancement", holds: "gt-n issue_type=feature"},
		{argv: "create T --id gt-n -t adr", holds: "gt-n issue_type=decision"},
		{argv: "create T --id gt-n -t dec", holds: "gt-n issue_type=decision"},
		{argv: "create T --id gt-n -t Bug", holds: "gt-n issue_type=bug"},
		{argv: "create T --id gt-n -t chore", holds: "gt-n issue_type=chore"},
		{argv: "create T --id gt-n -t unheard", code: 1, holds: "-gt-n"},
		{setup: "config set types.custom incident,probe", argv: "create T --id gt-n -t probe", holds: "gt-n issue_type=probe"},
		{setup: "config set types.custom incident", argv: "create T --id gt-n -t probe", code: 1, holds: "-gt-n"},
		{setup: "config set status.custom in_review", argv: "create T --id gt-n -s in_review", holds: "gt-n status=in_review"},
		// Garbage is refused.
		{argv: "create T --id gt-n -s garbage", code: 1, holds: "-gt-n"},
		{argv: "create '' --id gt-n", code: 1, holds: "-gt-n"},
		{argv: "create ' ' --id gt-n", code: 1, holds: "-gt-n"},
		{argv: "create --id gt-n", code: 1, holds: "-gt-n"},
		{argv: "create T --id gt-n -l ''", code: 1, holds: "-gt-n"},
		{argv: "create T --id gt-n -l x,,y", code: 1, holds: "-gt-n"},
		{argv: "create T --id gt-n -p 5", code: 1, holds: "-gt-n"},
		{argv: "create T --id gt-n -p high", code: 1, holds: "-gt-n"},
		{argv: "create T --id gt-n --due someday", code: 1, holds: "-gt-n"},
		{argv: "create T --id gt-n --parent gt-none", code: 1, holds: "-gt-n"},
		{setup: a, argv: "create B --id gt-a", code: 1, holds: "gt-a title=A"},
		// What it prints: one bead without edges, so that strict clients take it.
		{setup: a, argv: "create T --id gt-n --deps gt-a", gives: "id=gt-n title=T dependencies= dependents= schema_version=1"},
		{argv: "create T --id gt-n --silent", says: []string{`^gt-n$`}},
		{argv: "create T --id gt-n --dry-run", gives: "title=T", holds: "-gt-n"},
		{argv: "create T --id gt-n -t bug --validate", code: 1, holds: "-gt-n"},
		{argv: "create T --id gt-n --validate --acceptance x", holds: "gt-n title=T"},
		{argv: "create T --id gt-n --repo relative", code: 1, holds: "-gt-n"},
		// Links.
		{setup: a, argv: "create T --id gt-n --deps gt-a", holds: "gt-n dependencies=gt-a\ngt-a dependents=gt-n"},
		{setup: a, argv: "create T --id gt-n --deps depends-on:gt-a", holds: "gt-n dependencies=gt-a"},
		{setup: a, argv: "create T --id gt-n --deps blocked-by:gt-a", holds: "gt-n dependencies=gt-a"},
		{setup: a, argv: "create T --id gt-n --deps blocks:gt-a", holds: "gt-n dependencies= dependents=gt-a\ngt-a dependencies=gt-n"},
		{setup: a + "; create T --id gt-n --deps blocks:gt-a", argv: "ready", prints: "gt-n"},
		{setup: a + "; create T --id gt-n --deps blocked-by:gt-a", argv: "ready", prints: "gt-a"},
		{setup: a + "; create T --id gt-n --deps discovered-from:gt-a", argv: "ready", prints: "gt-a gt-n"},
		{setup: a + "; create B --id gt-b", argv: "create T --id gt-n --deps gt-a,related:gt-b", holds: "gt-n dependencies=gt-a,gt-b"},
		{setup: a + "; create B --id gt-b", argv: "create T --id gt-n --deps gt-a --deps gt-b", holds: "gt-n dependencies=gt-a,gt-b"},
		{argv: "create T --id gt-n --deps gt-none", code: 1, holds: "-gt-n"},
		{setup: a, argv: "create T --id gt-n --deps nonsense:gt-a", code: 1, holds: "-gt-n"},
		{setup: a + "; create C --id gt-c --parent gt-a", argv: "create T --id gt-n --waits-for gt-a", holds: "gt-n dependencies=gt-a"},
		{setup: a + "; create C --id gt-c --parent gt-a; create T --id gt-n --waits-for gt-a", argv: "ready --exclude-type epic --no-parent", prints: "gt-a"},
		{setup: a, argv: "create T --id gt-n --waits-for gt-a --waits-for-gate any-children", holds: "gt-n dependencies=gt-a", check: exports("any-children")},
		{setup: a, argv: "create T --id gt-n --waits-for gt-a --waits-for-gate some", code: 1, holds: "-gt-n"},
		{setup: a, argv: "create T --parent gt-a", holds: "gt-a.1 title=T parent=gt-a"},
		{setup: a + "; create B --parent gt-a", argv: "create T --parent gt-a", holds: "gt-a.2 title=T parent=gt-a"},
		// Several at once.
		{argv: "create -f -", stdin: "## One\nwhat\n### Priority\n0\n### Type\nbug\n## Two\n", gives: "title=One description=what priority=0 issue_type=bug"},
		{argv: "create --file -", stdin: "## One\n## Two\n### Type\nnonsense\n", code: 1, check: empty},
		{argv: "create --graph -", stdin: `{"nodes":[{"key":"a","title":"A"},{"key":"b","title":"B","parent":"a"}]}`, says: []string{"a: bd-", "b: bd-.*[.]1$"}},
		{argv: "create --graph -", stdin: `{"nodes":[{"key":"a"}]}`, code: 1, check: empty},
		// Quick capture prints the id alone.
		{argv: "q Fix it -t bug -p 1 -l web", says: []string{`^bd-[a-z0-9]+$`}},
		{argv: "q", code: 1, check: empty},
		{argv: "q ''", code: 1, check: empty},
		{argv: "q x -p 9", code: 1, check: empty},
	})
}

// empty checks that nothing was made.
func empty(t *testing.T, w *world) {
	t.Helper()
	if out := w.must("export", "--all"); out != "" {
		t.Errorf("there is %s", out)
	}
}

// Dates are read as people say them. What has two meanings is refused.
func TestExpectDates(t *testing.T) {
	expect(t, []row{
		{argv: "create T --id gt-n --due 'next monday'", holds: "gt-n title=T"},
		{argv: "create T --id gt-n --due 'in 2 weeks'", holds: "gt-n title=T"},
		{argv: "create T --id gt-n --due tomorrow", holds: "gt-n title=T"},
		{argv: "create T --id gt-n --due +6h", holds: "gt-n title=T"},
		{argv: "create T --id gt-n --due 2025-01-15T10:00:00Z", holds: "gt-n due_at=2025-01-15T10:00:00Z"},
		{argv: "create T --id gt-n --due 03/04/2026", code: 1, holds: "-gt-n"},
		{setup: "create T --id gt-n --due 'in 2 weeks'; create U --id gt-u --due 'in 5 weeks'", argv: "list --due-before 'in 3 weeks'", prints: "gt-n"},
		{setup: "create T --id gt-n --due yesterday; create U --id gt-u --due tomorrow; create V", argv: "list --overdue", prints: "gt-n"},
	})
}
