package agenthooks

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What each program tells a hook before a tool runs, and how a refusal is told to it.
func TestInputs(t *testing.T) {
	for name, c := range map[string]struct {
		input   string
		want    Input
		refusal string
		exit    int
	}{
		"claude": {
			`{"session_id":"s","cwd":"/d","hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{"command":"git push","description":"x"}}`,
			Input{Nested, "PreToolUse", "s", "/d", "Bash", "git push", nil},
			`{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"deny","permissionDecisionReason":"no <b>"}}`, 0,
		},
		"claude writes": {
			`{"hook_event_name":"PreToolUse","tool_name":"Write","tool_input":{"file_path":"/x","content":"y"}}`,
			Input{Nested, "PreToolUse", "", "", "Write", "", []string{"/x"}}, "permissionDecision", 0,
		},
		"claude reads": {
			`{"hook_event_name":"PreToolUse","tool_name":"Read","tool_input":{"file_path":"/x"}}`, Input{Nested, "PreToolUse", "", "", "Read", "", nil}, "deny", 0,
		},
		"codex with words": {
			`{"session_id":"s","hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{"command":["rm","-rf","a b'c"]}}`,
			Input{Nested, "PreToolUse", "s", "", "Bash", `'rm' '-rf' 'a b'\''c'`, nil}, "deny", 0,
		},
		"gemini": {
			`{"session_id":"s","hook_event_name":"BeforeTool","tool_name":"run_shell_command","tool_input":{"command":"ls"}}`,
			Input{Decision, "BeforeTool", "s", "", "run_shell_command", "ls", nil}, `{"decision":"deny","reason":"no <b>"}`, 0,
		},
		"copilot": {
			`{"timestamp":1,"cwd":"/d","toolName":"bash","toolArgs":"{\"command\":\"ls\"}"}`,
			Input{Flat, "", "", "/d", "bash", "ls", nil}, `{"permissionDecision":"deny","permissionDecisionReason":"no <b>"}`, 0,
		},
		"cursor": {
			`{"conversation_id":"s","hook_event_name":"beforeShellExecution","command":"ls","cwd":"/d"}`,
			Input{Permission, "beforeShellExecution", "s", "/d", "", "ls", nil}, `{"permission":"deny","user_message":"no <b>","agent_message":"no <b>"}`, 0,
		},
		"opencode, by our plugin": {
			`{"cwd":"/d","tool_name":"bash","tool_input":{"command":"ls"}}`, Input{Plain, "", "", "/d", "bash", "ls", nil}, "", 2,
		},
		"arguments alone": {`{"cmd":"x","command":"ls"}`, Input{Plain, "", "", "", "", "ls", nil}, "", 2},
		"odd types":       {`{"hook_event_name":"PreToolUse","tool_name":"x","tool_input":[1]}`, Input{Nested, "PreToolUse", "", "", "x", "", nil}, "deny", 0},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Parse([]byte(c.input))
			if err != nil || encoded(got) != encoded(c.want) {
				t.Errorf("%+v, want %+v, %v", got, c.want, err)
			}
			answer := got.Deny("no <b>")
			told := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(answer.Stdout)
			if !strings.Contains(told, c.refusal) || answer.Exit != c.exit || (c.exit == 2) != strings.Contains(answer.Stderr, "no <b>") {
				t.Errorf("%+v", answer)
			}
			if answer := got.Allow(); answer.Exit != 0 || answer.Stderr != "" {
				t.Errorf("%+v", answer)
			}
		})
	}
	for _, bad := range []string{"", "[]", "null x", `{"session_id":1}`, "\xff"} {
		if in, err := Parse([]byte(bad)); err == nil {
			t.Errorf("%q is taken for %+v", bad, in)
		}
	}
}

// The hooks are added to what is there, once, and what is there stays.
func TestMerge(t *testing.T) {
	for _, p := range programs {
		t.Run(p.preset, func(t *testing.T) {
			fresh, err := Merge(p.preset, "", "/opt/gt")
			if err != nil || !strings.Contains(fresh, "/opt/gt") || !strings.Contains(fresh, "guard") {
				t.Fatalf("%v\n%s", err, fresh)
			}
			if again, err := Merge(p.preset, fresh, "/opt/gt"); err != nil || again != fresh {
				t.Errorf("a second time: %v\n%s", err, again)
			}
			if p.style == plugin {
				return
			}
			if !json.Valid([]byte(fresh)) {
				t.Errorf("not JSON: %s", fresh)
			}
			mine := `{"model":"x","hooks":{"` + p.events[0].name + `":[{"command":"mine"}],"Other":[{"hooks":[{"type":"command","command":"gt guard"}]}]}}`
			merged, err := Merge(p.preset, mine, "/opt/with space/gt")
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{`"model": "x"`, `"command": "mine"`, `"Other"`, `'/opt/with space/gt' guard`} {
				if !strings.Contains(merged, want) {
					t.Errorf("lacks %s:\n%s", want, merged)
				}
			}
			for _, bad := range []string{"[]", "{", `{"hooks":[]}`, `{"hooks":{"` + p.events[0].name + `":7}}`} {
				if _, err := Merge(p.preset, bad, "gt"); err == nil {
					t.Errorf("%s was changed", bad)
				}
			}
		})
	}
}

func TestInstall(t *testing.T) {
	not := func(string) (bool, error) { return false, nil }
	dir := t.TempDir()
	done, err := Install(dir, "claude", "/opt/gt", not)
	if err != nil || !done.Changed || done.Left != "" {
		t.Fatalf("%+v, %v", done, err)
	}
	if done, err := Install(dir, "claude", "/opt/gt", not); err != nil || done.Changed {
		t.Errorf("a second time: %+v, %v", done, err)
	}
	if done, err := Install(dir, "amp", "/opt/gt", not); err != nil || done.Path != "" {
		t.Errorf("a program without hooks: %+v, %v", done, err)
	}
	if done, err := Install(dir, "codex", "/opt/gt", func(string) (bool, error) { return true, nil }); err != nil || done.Changed || done.Left == "" {
		t.Errorf("a file of the repository: %+v, %v", done, err)
	}
	home := t.TempDir()
	if err := os.Symlink(home, filepath.Join(dir, ".gemini")); err != nil {
		t.Fatal(err)
	}
	if done, err := Install(dir, "gemini", "/opt/gt", not); err != nil || done.Changed || !strings.Contains(done.Left, "link out of the sandbox") {
		t.Errorf("a link to a person's own settings: %+v, %v", done, err)
	}
	if err := os.MkdirAll(filepath.Join(dir, ".cursor"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(home, "x"), filepath.Join(dir, ".cursor/hooks.json")); err != nil {
		t.Fatal(err)
	}
	if done, err := Install(dir, "cursor", "/opt/gt", not); err != nil || done.Changed || done.Left == "" {
		t.Errorf("a link: %+v, %v", done, err)
	}
	if list, err := os.ReadDir(home); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
}

func TestExclude(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "info"), 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "info/exclude")
	if err := os.WriteFile(path, []byte("*.swp\n/.codex/hooks.json"), 0o600); err != nil {
		t.Fatal(err)
	}
	var texts []string
	for range 2 {
		if err := Exclude(dir); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	if texts[0] != texts[1] || !strings.HasPrefix(texts[0], "*.swp\n/.codex/hooks.json\n/.claude/settings.local.json\n") || strings.Count(texts[0], "codex") != 1 {
		t.Errorf("%q", texts)
	}
	if err := Exclude(t.TempDir()); err != nil {
		t.Error(err)
	}
}
