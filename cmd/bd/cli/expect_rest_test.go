package cli

import (
	"strings"
	"testing"
)

// What comes in, what goes out, and what is remembered.
func TestExpectTransfer(t *testing.T) {
	const a = "create A --id gt-a"
	const line = `{"id":"gt-n","title":"N","status":"open","priority":1,"issue_type":"bug","created_at":"2026-01-02T03:04:05Z","updated_at":"2026-01-02T03:04:05Z"`
	expect(t, []row{
		{argv: "import -", stdin: line + "}", gives: "created=1", holds: "gt-n title=N priority=1 issue_type=bug created_at=2026-01-02T03:04:05Z"},
		// A line that is older than what was deleted brings that back as it was.
		{setup: "create A --id gt-n; update gt-n --notes kept; comment gt-n said; delete gt-n --force", argv: "import - --revive", stdin: line + "}",
			gives: "created=1", holds: "gt-n title=A notes=kept comment_count=1"},
		{setup: "create A --id gt-n; comment gt-n said; delete gt-n --force", argv: "import - --revive --force", stdin: line + "}", holds: "gt-n title=N comment_count=1"},
		{setup: "create A --id gt-n; comment gt-n said; delete gt-n --force", argv: "import - --revive", stdin: `{"id":"gt-n","title":"N","comments":[{"text":"undated"}]}`,
			holds: "gt-n title=A comment_count=2"},
		{setup: "create A --id gt-n; delete gt-n --force", argv: "import - --revive", stdin: `{"id":"gt-n","title":"N","updated_at":"2999-01-01T00:00:00Z"}`, holds: "gt-n title=N"},
		{argv: "import -", stdin: `{"_schema":"x"}` + "\n" + line + "}\n" + `{"_type":"other"}`, gives: "created=1 other=2", holds: "gt-n title=N"},
		{argv: "import -", stdin: `{"_type":"memory","key":"k","value":"text"}`, gives: "memories=1", check: recalls("k", "text")},
		{argv: "import -", stdin: line + `,"titel":"x"}`, holds: "gt-n title=N", says: []string{"titel"}, check: exports(`"titel":"x"`)},
		{argv: "import -", stdin: line + `,"dependencies":[{"issue_id":"gt-n","depends_on_id":"gt-n","type":"blocks"}]}`, holds: "gt-n dependencies=", says: []string{"line 1"}},
		{argv: "import -", stdin: line + `,"labels":["","x"]}`, holds: "gt-n labels=x", says: []string{"line 1"}},
		{argv: "import -", stdin: line + "}\n" + line + `,"notes":"again"}`, holds: "gt-n title=N", says: []string{"line 2"}},
		{argv: "import -", stdin: `{"id":"gt-n","title":"N"}`, holds: "gt-n title=N status=open"},
		{argv: "import -", stdin: strings.Replace(line, "open", "on_hold", 1) + "}", holds: "gt-n status=on_hold"},
		{argv: "import - --strict", stdin: line + `,"labels":[""]}`, code: 1, holds: "-gt-n"},
		{argv: "import -", stdin: line + "}\n{", code: 1, holds: "-gt-n"},
		{argv: "import - --skip-invalid", stdin: line + "}\n{", holds: "gt-n title=N"},
		{argv: "import - --dry-run", stdin: line + "}", gives: "created=1", holds: "-gt-n"},
		{argv: "import -", stdin: line + `,"metadata":{"a":1},"dependencies":[{"issue_id":"gt-n","depends_on_id":"gt-x","type":"tracks","metadata":"{\"m\":1}"}]}`, check: exports(`"metadata":"{\"m\":1}"`)},
		{argv: "import -", stdin: line + `,"comments":[{"id":7,"issue_id":"gt-n","author":"kim","text":"seen","created_at":"2026-01-02T03:04:05Z"}]}`, check: exports(`"text":"seen"`)},
		{argv: "import -", stdin: line + `,"dependencies":[{"issue_id":"gt-n","depends_on_id":"gt-m","type":"blocks"}]}` + "\n" +
			`{"id":"gt-m","title":"M","dependencies":[{"issue_id":"gt-m","depends_on_id":"gt-n","type":"blocks"}]}`, gives: "created=2", says: []string{"line 2"}},
		{argv: "import -", stdin: line + `,"priority":9}`, holds: "gt-n priority=4", says: []string{"line 1"}},
		{argv: "import /nowhere/x.jsonl", code: 1},
		{setup: a, argv: "export", says: []string{`"id":"gt-a"`}},
		{setup: a + " --ephemeral; create B --id gt-b", argv: "export", says: []string{`\A{"_type":"issue","id":"gt-b"`}},
		{setup: a + " --ephemeral", argv: "export --all", says: []string{`"id":"gt-a"`}},
		{setup: a + "; remember text --key k", argv: "export", says: []string{`"k"`}},
		{setup: "remember text --key k", argv: "export --no-memories", says: []string{`\A\z`}},
		{setup: "create 'test it' --id gt-a; create B --id gt-b", argv: "export --scrub", says: []string{`\A{"_type":"issue","id":"gt-b"`}},
		{setup: "create B --id gt-b -t agent", argv: "export --include-infra", says: []string{`"id":"gt-b"`}},
		{setup: a, argv: "export --output /nowhere/x", code: 1},
		{setup: a, argv: "export -o out.jsonl", says: []string{"1 bead"}},
		// Memories.
		{argv: "remember 'so it is' --key k", gives: "key=k value='so it is' action=remembered"},
		{setup: "remember old --key k", argv: "remember new --key k", gives: "action=updated", check: recalls("k", "new")},
		{setup: "remember 'so it is' --key k", argv: "memories", gives: "k='so it is'"},
		{setup: "remember 'so it is' --key k; remember other --key o", argv: "memories SO", gives: "k='so it is' o="},
		{setup: "remember text --key k", argv: "recall k", gives: "key=k value=text found=true"},
		{argv: "recall k", code: 1, gives: "found=false"},
		{setup: "remember text --key k", argv: "forget k", gives: "key=k deleted=true"},
		{argv: "forget k", code: 1},
		{argv: "remember ''", code: 1},
		{argv: "kv set k.a '- v'", gives: "key=k.a value='- v'"},
		{setup: "kv set k v", argv: "kv get k", gives: "value=v found=true"},
		{argv: "kv get k", code: 1, gives: "found=false"},
		{setup: "kv set k v", argv: "kv clear k", gives: "key=k deleted=true"},
		{setup: "kv set k.a v; kv set o w", argv: "kv list --prefix k.", gives: "k.a=v o="},
		// Settings of the public bd are kept and given back.
		{setup: "config set jira.url 'https://x/?a=b'", argv: "config get jira.url", gives: "key=jira.url value='https://x/?a=b'"},
		{setup: "config set jira.url x", argv: "config list", gives: "jira.url=x"},
		{setup: "config set jira.url x; config unset jira.url", argv: "config get jira.url", gives: "value="},
		{setup: "config set-many jira.url=x jira.project=y", argv: "config get jira.project", gives: "value=y"},
		{argv: "config set status.custom 'no way!'", code: 1},
	})
}

// recalls checks a memory.
func recalls(key, text string) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		t.Helper()
		if out := w.must("recall", key); strings.TrimSpace(out) != text {
			t.Errorf("%s is %q", key, out)
		}
	}
}

// How bd begins, speaks about itself, and sends to what does the rest.
func TestExpectAbout(t *testing.T) {
	rows := []row{
		{argv: "prime", says: []string{"You are Ada", "bd ready", "bd close"}},
		{setup: "remember text --key k", argv: "prime --json", says: []string{"text"}},
		{argv: "prime --hook-json", says: []string{`"hookEventName": ?"SessionStart"`}},
		{argv: "--help", says: []string{"accepted without effect", "--sandbox", "defer ", "gate,"}},
		{argv: "onboard", says: []string{"bd prime"}},
		{argv: "quickstart", says: []string{"bd create"}},
		{argv: "init", says: []string{"nothing to make"}},
		{argv: "setup claude --preview", says: []string{"bd prime"}},
		{argv: "setup claude", check: func(t *testing.T, w *world) {
			w.must("setup", "claude", "--check")
			w.must("setup", "claude", "--remove")
		}},
		{argv: "setup nonsense", code: 1},
		{argv: "setup factory", says: []string{"AGENTS.md: written"}, check: func(t *testing.T, w *world) { w.must("setup", "factory", "--check") }},
		{setup: "create A; update --claim", argv: "preflight", gives: "passed=false"},
		{argv: "doctor", gives: "overall_ok=true"},
		{argv: "doctor --agent", says: []string{"beads"}},
		{argv: "doctor --check=links", gives: "overall_ok=true", says: []string{`"name": "links"`}},
		{setup: "config set status.custom odd; create A -s odd", argv: "doctor --check=words", gives: "overall_ok=true", says: []string{"every status and type is known"}},
		{argv: "doctor --check links", says: []string{`\A.*\n.*links: [^\n]*\n\z`}},
		{argv: "doctor --check validate --deep", says: []string{"values:", "cycles:"}},
		{argv: "doctor --check pollution", code: 1, says: []string{"bd lint"}},
		{argv: "doctor --fix --yes", code: 1, says: []string{"changes nothing"}},
		{argv: "version", gives: "version=1.0.5 schema_version=1"},
		{argv: "info", gives: "issue_count=0"},
		{argv: "info --whats-new", says: []string{"CHANGELOG.md"}},
		{argv: "info --whats-new", gives: "current_version=1.0.5"},
		{argv: "where", gives: "prefix=bd schema_version=1"},
		{argv: "ping", gives: "status=ok"},
		{argv: "context", gives: "backend=dolt database=ledger schema_version=1"},
		{argv: "dolt status", gives: "backend=dolt database=ledger"},
		{argv: "dolt show", gives: "backend=dolt"},
		{argv: "dolt push", says: []string{"no remote", "gt federation"}},
		{argv: "dolt pull", says: []string{"no remote", "gt federation"}},
		{argv: "sync", says: []string{"no remote", "gt federation"}},
		{argv: "list --format=json", says: []string{`^\[\]$`}},
		{argv: "stats --format json", says: []string{`"total_issues": 0`}},
		{argv: "create T --id gt-n --format json", says: []string{`"id": "gt-n"`}},
		{argv: "create T --id gt-n -- --format json", code: 1, holds: "-gt-n"},
		{argv: "stats --format yaml", code: 1, says: []string{"no such flag"}},
	}
	for _, w := range strings.Fields(knownWords) {
		rows = append(rows, row{argv: w, code: 1, says: []string{`^bd: no ` + w + ` here: \S`}})
	}
	expect(t, rows)
}
