package cli

import (
	"strings"
	"testing"
)

// What bd update changes.
func TestExpectUpdate(t *testing.T) {
	const a = "create A --id gt-a"
	const b = "; create B --id gt-b"
	expect(t, []row{
		{setup: a, argv: "update gt-a --status in_progress", holds: "gt-a status=in_progress"},
		{setup: a, argv: "update gt-a -s closed", holds: "gt-a status=closed"},
		{setup: a, argv: "update gt-a --status garbage", code: 1, holds: "gt-a status=open"},
		{setup: a + "; config set status.custom in_review,on_hold", argv: "update gt-a --status on_hold", holds: "gt-a status=on_hold"},
		{setup: a, argv: "update gt-a --assignee kim", holds: "gt-a assignee=kim"},
		{setup: a + " -a kim", argv: "update gt-a --assignee ''", holds: "gt-a assignee="},
		{setup: a, argv: "update gt-a --priority 0", holds: "gt-a priority=0"},
		{setup: a, argv: "update gt-a --priority P3", holds: "gt-a priority=3"},
		{setup: a, argv: "update gt-a --priority 5", code: 1, holds: "gt-a priority=2"},
		{setup: a, argv: "update gt-a --title new", holds: "gt-a title=new"},
		{setup: a, argv: "update gt-a --title ''", code: 1, holds: "gt-a title=A"},
		{setup: a, argv: "update gt-a --description d --notes n --design e --acceptance-criteria c", holds: "gt-a description=d notes=n design=e acceptance_criteria=c"},
		{setup: a, argv: "update gt-a --acceptance c", holds: "gt-a acceptance_criteria=c"},
		{setup: a + " --notes n", argv: "update gt-a --append-notes '- m'", gives: "notes='n\n- m'"},
		{setup: a, argv: "update gt-a --stdin", stdin: "piped", holds: "gt-a description=piped"},
		{setup: a, argv: "update gt-a --body-file -", stdin: "piped", holds: "gt-a description=piped"},
		{setup: a, argv: "update gt-a --design-file -", stdin: "how", holds: "gt-a design=how"},
		{setup: a, argv: "update gt-a --type feat", holds: "gt-a issue_type=feature"},
		{setup: a, argv: "update gt-a --spec-id docs/x.md", holds: "gt-a spec_id=docs/x.md"},
		{setup: a + " -l x", argv: "update gt-a --add-label y --remove-label x", holds: "gt-a labels=y"},
		{setup: a + " -l x", argv: "update gt-a --set-labels y --set-labels z", holds: "gt-a labels=y,z"},
		{setup: a + " -l x", argv: "update gt-a --set-labels ''", holds: "gt-a labels="},
		{setup: a, argv: "update gt-a --add-label ''", code: 1, holds: "gt-a labels="},
		{setup: a, argv: "update gt-a --set-metadata team=core --set-metadata n=1", holds: "gt-a metadata='map[n:1 team:core]'"},
		{setup: a + ` --metadata '{"a":1,"b":2}'`, argv: "update gt-a --unset-metadata a", holds: "gt-a metadata=map[b:2]"},
		{setup: a + ` --metadata '{"a":1}'`, argv: `update gt-a --metadata '{"b":2}'`, holds: "gt-a metadata='map[a:1 b:2]'"},
		{setup: a, argv: "update gt-a --set-metadata team", code: 1, holds: "gt-a metadata="},
		{setup: a, argv: "update gt-a --ephemeral", holds: "gt-a ephemeral=true"},
		{setup: a + " --ephemeral", argv: "update gt-a --persistent", holds: "gt-a ephemeral="},
		{setup: a, argv: "update gt-a -s closed --session s1", holds: "gt-a status=closed", check: exports(`"closed_by_session":"s1"`)},
		{setup: a, argv: "update gt-a --due 2030-01-31T00:00:00Z -e 5 --external-ref x", holds: "gt-a due_at=2030-01-31T00:00:00Z estimated_minutes=5 external_ref=x"},
		{setup: a + " --due 2030-01-31", argv: "update gt-a --due ''", holds: "gt-a due_at="},
		{setup: a + b, argv: "update gt-a --parent gt-b", holds: "gt-a parent=gt-b"},
		{setup: a + "; create B --id gt-b --parent gt-a", argv: "update gt-b --parent ''", holds: "gt-b parent="},
		{setup: a, argv: "update gt-a --claim", holds: "gt-a status=in_progress assignee=Ada", gives: "id=gt-a status=in_progress"},
		{setup: a + "; update gt-a --claim --actor Bob", argv: "update gt-a --claim", code: 1, holds: "gt-a assignee=Bob"},
		{setup: a + b, argv: "update gt-a gt-b -p 0", prints: "gt-a gt-b", holds: "gt-a priority=0\ngt-b priority=0"},
		{setup: a, argv: "update gt-a gt-none -p 0", code: 1, holds: "gt-a priority=2"},
		{argv: "update gt-none -p 0", code: 1},
		// Deferring by a date.
		{setup: a, argv: "update gt-a --defer 2999-01-01", holds: "gt-a status=deferred defer_until=2999-01-01T00:00:00Z", env: []string{"TZ=UTC"}},
		{setup: a + "; update gt-a --defer +2d", argv: "update gt-a --defer ''", holds: "gt-a status=open defer_until="},
		{setup: a, argv: "update gt-a --defer yesterday", holds: "gt-a status=open", says: []string{"past"}},
	})
}

// exports checks that an export has a text.
func exports(text string) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		t.Helper()
		if out := w.must("export", "--all"); !strings.Contains(out, text) {
			t.Errorf("no %s in %s", text, out)
		}
	}
}

// Commands that put an end to work, or put it aside.
func TestExpectEnds(t *testing.T) {
	const a = "create A --id gt-a"
	const b = "; create B --id gt-b"
	const blocked = a + "; create B --id gt-b --deps gt-a"
	const family = a + "; create C --id gt-c --parent gt-a"
	expect(t, []row{
		{setup: a, argv: "close gt-a --reason done", holds: "gt-a status=closed close_reason=done"},
		{setup: a, argv: "done gt-a", holds: "gt-a status=closed"},
		{setup: a, argv: "done gt-a 'merged in 4f2a'", holds: "gt-a status=closed close_reason='merged in 4f2a'"},
		{setup: a + b, argv: "close gt-a gt-b 'all - of it'", holds: "gt-a close_reason='all - of it'\ngt-b close_reason='all - of it'"},
		{setup: a + b, argv: "done gt-a gt-b", prints: "gt-a gt-b"},
		{setup: a + b + "; create C --id gt-c", argv: "done gt-a 'gt-b gt-c'", code: 1, holds: "gt-a status=open\ngt-b status=open"},
		{setup: a + b, argv: "done gt-a 'a text' --reason r", code: 1, holds: "gt-a status=open"},
		{setup: a, argv: "done 'a text'", code: 1},
		{setup: a, argv: "close gt-a -m why", holds: "gt-a close_reason=why"},
		{setup: a, argv: "close gt-a --reason-file -", stdin: "all of it\n", holds: "gt-a status=closed", says: []string{"closed"}},
		{setup: a + b, argv: "close gt-a gt-b", prints: "gt-a gt-b"},
		{setup: blocked, argv: "close gt-b", code: 1, holds: "gt-b status=open"},
		{setup: blocked, argv: "close gt-b --force", holds: "gt-b status=closed"},
		{setup: blocked + "; close gt-a", argv: "close gt-b", holds: "gt-b status=closed"},
		{setup: family, argv: "close gt-a", code: 1, holds: "gt-a status=open"},
		{setup: family, argv: "close gt-a --force", holds: "gt-a status=closed\ngt-c status=open"},
		{setup: family, argv: "close gt-a gt-c", prints: "gt-a gt-c"},
		{setup: a + b, argv: "close gt-a gt-none", code: 1, holds: "gt-a status=open"},
		{setup: a + b, argv: "close gt-a gt-none gt-b --continue", code: 1, holds: "gt-a status=closed\ngt-b status=closed"},
		{setup: blocked + "; create D --id gt-d", argv: "close gt-b gt-d --continue", code: 1, holds: "gt-b status=open\ngt-d status=closed"},
		{setup: blocked, argv: "close gt-a --suggest-next", gives: "closed=gt-a unblocked=gt-b"},
		{setup: a + b + " -p 0", argv: "close gt-a --claim-next", gives: "closed=gt-a claimed.id=gt-b claimed.assignee=Ada", holds: "gt-b status=in_progress assignee=Ada"},
		{argv: "close gt-none", code: 1},
		// Closing again keeps date and reason, and says so.
		{setup: a + "; close gt-a --reason first", argv: "close gt-a --reason second", gives: "id=gt-a already_closed=true close_reason=first", holds: "gt-a status=closed close_reason=first"},
		{setup: a + "; close gt-a --reason first", argv: "close gt-a", says: []string{"gt-a is closed already"}},
		{setup: a + b + "; close gt-a", argv: "close gt-a gt-b --suggest-next", says: []string{"gt-a is closed already", "closed ✓ gt-b"}, holds: "gt-b status=closed"},
		{setup: a + b, argv: "close a gt-b --continue", says: []string{"closed ✓ gt-a", "closed ✓ gt-b"}, holds: "gt-a status=closed\ngt-b status=closed"},
		{setup: a, argv: "close gt-a --reason-file -", stdin: " \n", code: 1, holds: "gt-a status=open", says: []string{"holds no reason"}},
		{setup: a + "; close gt-a --reason first", argv: "duplicate gt-a --of gt-b", code: 1},
		{setup: a + b + "; close gt-a --reason first", argv: "duplicate gt-a --of gt-b", says: []string{"closed already"}, holds: "gt-a close_reason=first dependencies=gt-b"},
		{setup: a + "; close gt-a -r first", argv: "todo done gt-a", says: []string{"closed already"}, holds: "gt-a close_reason=first"},
		// Nobody can wait for a bead that closes after it.
		{setup: family, argv: "dep add gt-c gt-a", code: 1, says: []string{"a parent closes after its children"}},
		{setup: family, argv: "dep add gt-a gt-c", code: 1},
		{setup: a, argv: "create C --id gt-c --parent gt-a --deps gt-a", code: 1, holds: "-gt-c"},
		{setup: blocked, argv: "update gt-b --parent gt-a", code: 1, holds: "gt-b parent="},
		{setup: family, argv: "batch", stdin: "dep add gt-c gt-a\n", code: 1},
		// Claims, given back, and conditions.
		{setup: a + "; update gt-a --claim", argv: "unclaim gt-a", holds: "gt-a status=open assignee="},
		{setup: a + " -a Bob", argv: "unclaim gt-a", code: 1, holds: "gt-a assignee=Bob"},
		{setup: a + " -a Bob", argv: "unclaim gt-a --force", holds: "gt-a assignee="},
		{setup: a + "; close gt-a", argv: "unclaim gt-a", code: 1, says: []string{"it is closed", "bd reopen"}},
		{setup: a + "; defer gt-a --until +5d", argv: "update gt-a --claim", holds: "gt-a status=in_progress assignee=Ada defer_until="},
		{setup: a, argv: "update gt-a --if-assignee '' -a Bob", holds: "gt-a assignee=Bob"},
		{setup: a + " -a Bob", argv: "update gt-a --if-assignee '' -a Kim", code: 1, holds: "gt-a assignee=Bob", says: []string{"its assignee is Bob, not nobody"}},
		{setup: a + b + "; update gt-b -s blocked", argv: "update gt-a gt-b --if-status open -s in_progress", code: 1, holds: "gt-a status=open\ngt-b status=blocked", says: []string{"its status is blocked, not open"}},
		{setup: a + "; close gt-a", argv: "defer gt-a", code: 1, says: []string{"it is closed", "bd reopen"}},
		{setup: a + "; close gt-a", argv: "undefer gt-a", code: 1},
		{setup: a, argv: "undefer gt-a", says: []string{"gt-a is not deferred: it stays open"}, holds: "gt-a status=open"},
		{setup: a + "; defer gt-a", argv: "defer gt-a", says: []string{"gt-a is deferred already"}, holds: "gt-a status=deferred"},
		{setup: a + "; close gt-a --reason x", argv: "reopen gt-a --reason again", holds: "gt-a status=open closed_at="},
		{setup: a, argv: "reopen gt-a --reason again", holds: "gt-a status=open", says: []string{"open"}},
		{argv: "reopen gt-none", code: 1},
		// Putting aside.
		{setup: a, argv: "defer gt-a", holds: "gt-a status=deferred"},
		{setup: a, argv: "defer gt-a --until 2999-01-01T00:00:00Z", holds: "gt-a status=deferred defer_until=2999-01-01T00:00:00Z"},
		{setup: a, argv: "defer gt-a --until yesterday", says: []string{"past"}},
		{setup: a, argv: "defer gt-a --until nonsense", code: 1, holds: "gt-a status=open"},
		{setup: a + b, argv: "defer gt-a gt-b", prints: "gt-a gt-b"},
		{setup: a + "; defer gt-a --until +2d", argv: "undefer gt-a", holds: "gt-a status=open defer_until="},
		{setup: family + "; defer gt-a", argv: "ready", prints: "-"},
		{setup: family + "; defer gt-a; undefer gt-a", argv: "ready --no-parent", prints: "gt-a"},
		// Closing in favour of another.
		{setup: a + b, argv: "duplicate gt-b --of gt-a", gives: "duplicate=gt-b canonical=gt-a status=closed", holds: "gt-b status=closed dependencies=gt-a"},
		{setup: a + b, argv: "supersede gt-b --with gt-a", gives: "superseded=gt-b replacement=gt-a status=closed", holds: "gt-b status=closed dependencies=gt-a"},
		{setup: a, argv: "duplicate gt-a --of gt-a", code: 1, holds: "gt-a status=open"},
		{setup: a, argv: "supersede gt-a --with gt-none", code: 1, holds: "gt-a status=open"},
		{setup: a, argv: "delete gt-a --force", holds: "-gt-a"},
		{setup: a, argv: "delete gt-a", code: 5, holds: "gt-a title=A"},
		{setup: a + b, argv: "delete gt-a gt-b --force", holds: "-gt-a\n-gt-b"},
		{setup: a + "; delete gt-a --force", argv: "restore gt-a", holds: "gt-a title=A"},
	})
}

// Short commands, and those that change many beads.
func TestExpectShortCommands(t *testing.T) {
	const a = "create A --id gt-a"
	const b = "; create B --id gt-b"
	expect(t, []row{
		{setup: a, argv: "note gt-a two words", gives: "id=gt-a notes='two words'"},
		{setup: a + " --notes n", argv: "note gt-a --stdin", stdin: "- m", gives: "notes='n\n- m'"},
		{setup: a, argv: "note gt-a", code: 1, holds: "gt-a notes="},
		{setup: a, argv: "assign gt-a kim", gives: "id=gt-a assignee=kim"},
		{setup: a + " -a kim", argv: "assign gt-a ''", holds: "gt-a assignee="},
		{setup: a, argv: "priority gt-a P0", gives: "id=gt-a priority=0", holds: "gt-a priority=0"},
		{setup: a, argv: "priority gt-a 5", code: 1, holds: "gt-a priority=2"},
		{setup: a + " -l x", argv: "tag gt-a y", holds: "gt-a labels=x,y"},
		{setup: a, argv: "tag gt-a ' '", code: 1, holds: "gt-a labels="},
		{setup: a, argv: "label add gt-a x", holds: "gt-a labels=x"},
		{setup: a + " -l x", argv: "label remove gt-a x", holds: "gt-a labels="},
		{setup: a, argv: "label add gt-a ''", code: 1, holds: "gt-a labels="},
		{setup: a + " -l y,x", argv: "label list gt-a --json", says: []string{`"x"`, `"y"`}},
		{setup: a + " -l x", argv: "label list-all", gives: "label=x count=1"},
		{setup: a, argv: "comment gt-a 'so it is' --author kim", gives: "author=kim text='so it is' issue_id=gt-a"},
		{setup: a, argv: "comment gt-a --stdin", stdin: "piped", gives: "text=piped author=Ada"},
		{setup: a, argv: "comment gt-a --file -", stdin: "piped", gives: "text=piped"},
		{setup: a, argv: "comments add gt-a text --author kim", gives: "author=kim text=text"},
		{setup: a + "; comment gt-a x", argv: "comments gt-a", gives: "author=Ada text=x issue_id=gt-a"},
		{setup: a, argv: "comments gt-a --json", says: []string{`^\[\]$`}},
		{setup: a, argv: "comment gt-a ''", code: 1},
		{setup: a + "; comment gt-a x", argv: "comment gt-a", code: 1, says: []string{"bd comments ID"}},
		{setup: a, argv: "comment gt-a", stdin: "piped, but nobody said so", code: 1},
		{setup: a + "; comment gt-a x", argv: "comment list gt-a", gives: "text=x"},
		{setup: a, argv: "comment add gt-a two words", gives: "text='two words'"},
		{setup: a, argv: "comments gt-a text", code: 1},
		{setup: a, argv: "comment gt-a x --readonly", code: 5, says: []string{"bd comment: "}},
		{setup: a + "; comment gt-a x", argv: "comments gt-a --readonly", gives: "text=x"},
		{argv: "comment gt-none x", code: 1},
		{setup: a, argv: "edit gt-a --title", env: []string{"EDITOR=none-such"}, code: 1, holds: "gt-a title=A"},
		{setup: a, argv: "rename-prefix kw-", gives: "old_prefix=bd new_prefix=kw issues_count=0", holds: "gt-a title=A"},
		{setup: a, argv: "rename-prefix kw- --from gt --dry-run", gives: "issues_count=1", holds: "gt-a title=A"},
		{setup: a, argv: "rename-prefix kw- --from gt", holds: "kw-a title=A\n-gt-a"},
		{setup: a + b, argv: "batch", stdin: "close gt-a done here\nupdate gt-b status=in_progress priority=0\n", holds: "gt-a status=closed close_reason='done here'\ngt-b status=in_progress priority=0"},
		{setup: a + b, argv: "batch", stdin: "dep add gt-b gt-a\ncreate bug 1 Made here\n", gives: "operations=2 status=ok", holds: "gt-b dependencies=gt-a"},
		{setup: a, argv: "batch", stdin: "close gt-a\nclose gt-none\n", code: 1, holds: "gt-a status=open"},
		{setup: a + " -t epic; create C --id gt-c --parent gt-a; close gt-c", argv: "epic close-eligible", gives: "count=1", holds: "gt-a status=closed"},
		{setup: a + " -t epic; create C --id gt-c --parent gt-a", argv: "epic close-eligible", gives: "count=0", holds: "gt-a status=open"},
		{setup: a, argv: "update gt-a --claim -a zed", code: 1, says: []string{"a claim is by .*, who makes it, and not for zed"}, holds: "gt-a status=open"},
		{argv: "config get nope", code: 1, says: []string{"bd config list"}},
		{argv: "import .", code: 1, says: []string{"name a file with one JSON object a line"}},
		{argv: "rules", code: 1, says: []string{"bd prime"}},
		{setup: "todo add Buy milk -p 1", argv: "todo", gives: "title='Buy milk' issue_type=task priority=1"},
		{setup: a, argv: "todo done gt-a", holds: "gt-a status=closed"},
		{setup: a, argv: "set-state gt-a health=good", holds: "gt-a labels=health:good", gives: "dimension=health new_value=good changed=true"},
		{setup: a + " -l human", argv: "human respond gt-a yes", holds: "gt-a status=closed"},
		{setup: a + " -l human", argv: "human dismiss gt-a", holds: "gt-a status=closed"},
	})
}
