package agent

import (
	"errors"
	"strings"
	"testing"

	"gastown/tmux"
	"gastown/town"
)

func preset(t *testing.T, name string) Preset {
	t.Helper()
	all, err := Parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := all.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// screens are what programs were seen to show, shortened.
var screens = []struct {
	name, preset, text string
	x, y               int
	begun              bool
	state              State
	dialog, draft      string
	keys               string
}{
	{"trust, exit preselected", "claude", " Quick safety check: Is this a project you created or one you trust?\n ❯ No, exit\n   Yes, I trust this folder\n", 0, 0, false, Asking, "trust", "", "Down"},
	{"trust, yes selected", "claude", " Is this a project you created or one you trust?\n   No, exit\n ❯ Yes, I trust this folder\n", 0, 0, false, Asking, "trust", "", "Enter"},
	{"trust, something unknown selected", "claude", " Is this a project you created or one you trust?\n ❯ Maybe\n", 0, 0, false, Waiting, "trust", "", ""},
	{"the dialog in a text, later", "claude", "● Is this a project you created or one you trust?\n ❯ Yes, I do\n──────────────────────\n❯\u00a0\n──────\n", 2, 3, true, Ready, "", "", ""},
	{"ready", "claude", " Claude Code v2\n──────────────────────\n❯\u00a0\x1b[7m \x1b[0m\n──────────────────────\n  ⏵⏵ auto mode on\n", 2, 2, true, Ready, "", "", ""},
	{"draft", "claude", "──────────────────────\n❯\u00a0hello\n  line 2\n──────────────────────\n", 8, 2, true, Ready, "", "hello\nline 2", ""},
	{"trust", "codex", "  Trust this folder? Codex can read\n› 1. Trust and continue\n  2. Back\n", 0, 0, false, Asking, "trust", "", "Enter"},
	{"ready", "codex", "  Codex\n\n\x1b[1m›\x1b[0m \x1b[2mAsk Codex to do anything\x1b[0m\n\n  model · /somewhere\n", 2, 2, false, Ready, "", "", ""},
	{"busy", "codex", "\x1b[2m◦ Working (0s • esc to interrupt)\x1b[0m\n\n› \x1b[2mAsk Codex to do anything\x1b[0m\n\n  model\n", 2, 2, true, Busy, "", "", ""},
	{"an agent talks about the busy line", "codex", "• press esc to interrupt\n\n› \x1b[2mAsk\x1b[0m\n", 2, 2, true, Ready, "", "", ""},
	{"a draft that begins with empty lines", "codex", "› \n\n  x\n\n  model\n", 3, 2, true, Ready, "", "x", ""},
	{"a draft of empty lines", "codex", "› \n\n\n  model\n", 2, 1, true, Ready, "", "\n", ""},
	{"usage limit", "codex", "■ You've hit your usage limit. Try later.\n\n› \x1b[2mAsk\x1b[0m\n", 2, 2, true, Waiting, "usage limit", "", ""},
	{"ready", "gemini", "──────\n *   Type your message or @path/to/file\n workspace\n", 0, 0, true, Ready, "", "", ""},
	{"pasted", "gemini", "──────\n * [Pasted Text: 201 lines]\x1b[7m \x1b[0m\n workspace\n", 0, 0, true, Ready, "", "[Pasted Text: 201 lines]", ""},
	{"ready", "opencode", "  ┃\n  ┃  Ask anything… \"Fix\"\n  ┃\n  ┃  Build · stub stub\n  ╹▀▀▀▀\n", 0, 0, true, Ready, "", "", ""},
	{"busy", "opencode", "  ┃  a message\n\n     ▣  Build · stub\n\n  ┃\n  ┃\n  ┃\n  ┃  Build · stub stub\n  ╹▀▀▀\n   ■■⬝  esc interrupt   tab agents\n", 0, 0, true, Busy, "", "", ""},
	{"a dialog that nobody knows", "codex", "  A new model is here\n› 1. Try it\n  2. Keep the old one\n\n  Press enter to confirm or esc to go back\n", 0, 0, true, Waiting, "unknown dialog", "", ""},
	{"a draft that looks like a dialog", "codex", "› 1. do it\n  2. press enter to confirm\n\n  model · /somewhere\n", 5, 1, true, Ready, "", "1. do it\n2. press enter to confirm", ""},
	// The words of those below stand in the programs of the versions that Seen names; what
	// is around them is as these programs draw other lines.
	{"usage limit, as it is spelled now", "codex", "■ You’ve hit your usage limit. Upgrade to Pro or try again at 2:51 PM.\n\n› \x1b[2mAsk\x1b[0m\n", 2, 2, true, Waiting, "usage limit", "", ""},
	{"usage limit over two lines", "codex", "■ You’ve hit your usage\n  limit. Try again later.\n\n› \x1b[2mAsk\x1b[0m\n", 2, 3, true, Waiting, "usage limit", "", ""},
	{"login that ended", "codex", "■ Your access token could not be refreshed. Please log out and sign in again.\n\n› \x1b[2mAsk\x1b[0m\n", 2, 2, true, Waiting, "login", "", ""},
	{"question", "codex", "  Would you like to run the following command?\n\n  $ rm -rf build\n\n› 1. Yes, proceed (y)\n  2. No\n", 0, 0, true, Waiting, "question", "", ""},
	{"login that ended", "claude", "  ⎿ API Error: 401 · Please run /login\n──────────────────────\n❯\u00a0\n──────\n", 2, 2, true, Waiting, "login", "", ""},
	{"session limit", "claude", "  ⎿ You've hit your session limit · resets 3pm\n──────────────────────\n❯\u00a0\n──────\n", 2, 2, true, Waiting, "usage limit", "", ""},
	{"spend limit", "claude", "  ⎿ You've hit your monthly spend limit · /usage-credits to raise it\n──────────────────────\n❯\u00a0\n──────\n", 2, 2, true, Waiting, "usage limit", "", ""},
	{"the context is full, which is none", "claude", "  Context limit reached · /compact to go on\n──────────────────────\n❯\u00a0\n──────\n", 2, 2, true, Ready, "", "", ""},
	{"question", "claude", " Do you want to proceed?\n ❯ 1. Yes\n   2. No\n", 0, 0, true, Waiting, "question", "", ""},
	{"usage limit", "gemini", " Usage limit reached for gemini-2.5-pro.\n ● 1. Keep trying\n   2. Stop\n", 0, 0, true, Waiting, "usage limit", "", ""},
	{"daily quota", "gemini", " ⚡ You have reached your daily gemini-2.5-pro quota limit.\n──────\n *   Type your message or @path/to/file\n", 0, 0, true, Waiting, "usage limit", "", ""},
	{"question", "gemini", " Waiting for user confirmation...\n Allow execution of: 'make'?\n ● 1. Allow once\n", 0, 0, true, Waiting, "question", "", ""},
	{"login", "gemini", " ⠼ Waiting for authentication... (Press Esc or Ctrl+C to cancel)\n", 0, 0, true, Waiting, "login", "", ""},
	{"question", "opencode", "  ┃  △ Permission required\n  ┃  Run make\n", 0, 0, true, Waiting, "question", "", ""},
	{"empty screen", "codex", "\n\n", 0, 0, false, Starting, "", "", ""},
}

func TestScreens(t *testing.T) {
	for _, test := range screens {
		t.Run(test.preset+" "+test.name, func(t *testing.T) {
			p := preset(t, test.preset)
			s := tmux.Screen{Text: test.text, Session: tmux.Session{Pane: tmux.Pane{CursorX: test.x, CursorY: test.y, Height: strings.Count(test.text, "\n")}}}
			look := p.read(s, test.begun)
			if look.State != test.state || look.Dialog != test.dialog || strings.Join(look.keys, " ") != test.keys {
				t.Errorf("%s, dialog %q, keys %q; want %s, %q, %q", look.State, look.Dialog, look.keys, test.state, test.dialog, test.keys)
			}
			if test.dialog == "" && look.Draft != test.draft {
				t.Errorf("draft %q, want %q", look.Draft, test.draft)
			}
		})
	}
}

func TestParse(t *testing.T) {
	all, err := Parse([]byte("agents:\n  - name: codex\n    command: [my-codex, --fast]\n  - name: mine\n    command: [mine]\n    composer: '^> '\n    enter_delay: 50ms\n"))
	if err != nil {
		t.Fatal(err)
	}
	if p, err := all.Find("codex"); err != nil || p.Command[0] != "my-codex" || p.Seen != "" {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err := all.Find("mine"); err != nil || p.composer == nil {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := all.Find("claud"); !errors.Is(err, town.ErrUsage) || !strings.Contains(err.Error(), "did you mean claude?") {
		t.Errorf("%v", err)
	}
	for _, bad := range []string{
		"agents:\n  - name: x\n", "agents:\n  - name: 'a b'\n    command: [x]\n", "agents:\n  - name: x\n    command: [x]\n    busy: '('\n",
		"agents:\n  - name: x\n    command: [x]\n    nonsense: 1\n", "agents:\n  - name: x\n    command: [x]\n  - name: x\n    command: [x]\n",
		"agents:\n  - name: x\n    command: [x]\n    dialogs: [{name: d, text: t, answers: [{selected: s, keys: [C-c]}]}]\n",
		"agents:\n  - name: x\n    command: [x]\n    dialogs: [{name: d}]\n", "agents:\n  - name: x\n    command: [x]\n    enter_delay: 1h\n", "nonsense", "agents: 3\n",
	} {
		if _, err := Parse([]byte(bad)); !errors.Is(err, town.ErrUsage) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// A session's environment has each variable once, and nothing of its starter's but
// what is named.
func TestEnvironment(t *testing.T) {
	got := environment([]string{"PATH=/bin", "SECRET=1", "KEY=k", "GT_ROLE=mine", "HOME=/h", "malformed"}, Preset{Pass: []string{"KEY"}, Env: []string{"A=1", "HOME=/preset"}},
		[]string{"A=2", "GT_ROLE=polecat"}, "M=1")
	if want := "TERM=screen-256color PATH=/bin KEY=k HOME=/preset A=2 GT_ROLE=polecat M=1"; strings.Join(got, " ") != want {
		t.Errorf("%q, want %q", strings.Join(got, " "), want)
	}
}

// A conversation whose id is known is resumed by it; where a program has no way for that,
// or no id is known, it is the last one.
func TestResume(t *testing.T) {
	all, err := Parse([]byte("agents: [{name: mine, command: [mine], resume: [--last], resume_id: [--of, 'c={id}']}, {name: other, command: [other], resume: [--last]}]"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ preset, id, want string }{
		{"mine", "", "--last"}, {"mine", "a-1", "--of c=a-1"}, {"other", "a-1", "--last"}, {"plain", "a-1", ""},
		{"claude", "a-1", "--resume a-1"}, {"codex", "a-1", "resume a-1"}, {"codex", "", "resume --last"}, {"opencode", "a-1", "--session a-1"},
	} {
		p, err := all.Find(c.preset)
		if got := strings.Join(p.resume(c.id), " "); err != nil || got != c.want {
			t.Errorf("%+v: %q, %v", c, got, err)
		}
	}
	if _, err := Parse([]byte("agents: [{name: mine, command: [mine], resume_id: [--last]}]")); err == nil || !strings.Contains(err.Error(), "resume_id") {
		t.Errorf("no place for the id: %v", err)
	}
}

// A command of a known program keeps what is known of it, and what it always gets. Nothing
// is taken for known that only begins with the same interpreter.
func TestOwn(t *testing.T) {
	all, err := Parse([]byte(`agents:
  - {name: mine, command: [python3, mine.py], composer: '^> '}
  - {name: robot, command: [sh, robot.sh]}
  - {name: fast, command: [codex, --fast], composer: '^> '}
  - {name: amp-too, command: [amp], composer: '^> '}
`))
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"claude":                                "claude: claude",
		"robot":                                 "robot: sh robot.sh",
		"plain":                                 "plain: sh",
		"claude --model opus":                   "claude: claude --model opus",
		"/opt/bin/claude":                       "claude: /opt/bin/claude",
		"/opt/bin/codex -m x":                   "codex: /opt/bin/codex -c allow_login_shell=false -m x",
		"codex -c allow_login_shell=false -m x": "codex: codex -c allow_login_shell=false -m x",
		"cursor-agent --fast":                   "cursor: cursor-agent --fast",
		"cursor --fast":                         "cursor: cursor-agent --fast",
		"python3 mine.py -v":                    "mine: python3 mine.py -v",
		"python3 other.py":                      "own: python3 other.py",
		"codex --fast -v":                       "fast: codex --fast -v",
		"amp":                                   "amp: amp",
		"sh x.sh":                               "own: sh x.sh",
		"robot -v":                              "own: robot -v",
		"other --claude":                        "own: other --claude",
	} {
		list, name := all.Own("own", strings.Fields(line))
		p, err := list.Find(name)
		if got := name + ": " + strings.Join(p.Command, " "); err != nil || got != want {
			t.Errorf("%s is %q, want %q: %v", line, got, want, err)
		}
		if was, err := all.Find(name); err == nil && (p.Composer != was.Composer || len(p.Dialogs) != len(was.Dialogs)) {
			t.Errorf("%s: the patterns of %s are not kept", line, name)
		}
	}
	if p, err := all.Find("codex"); err != nil || len(p.Command) != 3 {
		t.Errorf("the list itself was changed: %v %v", p.Command, err)
	}
}
