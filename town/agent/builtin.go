package agent

import "time"

// builtin are the presets that every Town has. Seen says on which version the patterns
// were seen; those without it come from what the programs' makers document.
func builtin() []Preset {
	return []Preset{
		{
			Name: "claude", Help: "Claude Code of Anthropic", Command: []string{"claude"}, Resume: []string{"--continue"}, ResumeID: []string{"--resume", "{id}"}, Seen: "2.1.332",
			Pass:     []string{"ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "CLAUDE_CODE_OAUTH_TOKEN"},
			Composer: `^❯[\s\x{a0}]`, Above: `^─{20}`, Cursor: true, Hint: `^Try "`, Busy: `^[^\s\w❯⎿] .*…( \(|$)`,
			Marker: `\[Pasted text #\d+( \+\d+ lines)?\]`, EnterDelay: 500 * time.Millisecond, Hooks: ".claude/settings.local.json",
			Dialogs: []Dialog{
				{Name: "trust", Text: `(?i)do you trust the files in this folder|is this a project you created or one you trust`, Answers: []Answer{
					{Selected: `^\s*❯ (1\. )?Yes`, Keys: []string{"Enter"}},
					{Selected: `^\s*❯ No, exit`, Keys: []string{"Down"}},
					{Selected: `^\s*❯ 2\. No`, Keys: []string{"Up"}},
				}},
				{Name: "skip permissions", Text: `(?i)bypass permissions mode.*yes, i accept`, Answers: []Answer{
					{Selected: `^\s*❯ (2\. )?Yes, I accept`, Keys: []string{"Enter"}},
					{Selected: `^\s*❯ (1\. )?No, exit`, Keys: []string{"Down"}},
				}},
				{Name: "theme", Text: `(?i)choose the text style that looks best`, Answers: []Answer{{Selected: `^\s*❯ \d+\. `, Keys: []string{"Enter"}}}},
				{Name: "login", Text: `(?i)select login method|paste code here if prompted|invalid api key`},
				{Name: "login", Text: `(?i)please run /login`, Always: true},
				{Name: "usage limit", Text: `(?i)(usage|session|weekly|spend) limit reached|you['’]ve hit your .{0,20}limit`, Always: true},
				{Name: "question", Text: `(?i)do you want to (proceed|make this edit|create|allow)[^?]*\? ❯|auto mode can't check actions`, Always: true},
			},
		},
		{
			// A login shell would set PATH anew, and the agent would not find gt.
			Name: "codex", Help: "Codex of OpenAI", Command: []string{"codex", "-c", "allow_login_shell=false"}, Resume: []string{"resume", "--last"}, ResumeID: []string{"resume", "{id}"}, Seen: "0.171.0",
			Pass:     []string{"OPENAI_API_KEY", "CODEX_HOME"},
			Composer: `^› `, Cursor: true, Busy: `\([^()]*esc to interrupt\)`, Marker: `\[Pasted Content \d+ chars\]`,
			Settle: 1500 * time.Millisecond, EnterDelay: 200 * time.Millisecond, Hooks: ".codex/hooks.json",
			Dialogs: []Dialog{
				{Name: "trust", Text: `(?i)trust this folder\?|do you trust the contents of this directory`, Answers: []Answer{
					{Selected: `^› 1\. (Trust and continue|Yes, continue)`, Keys: []string{"Enter"}},
					{Selected: `^› 2\. `, Keys: []string{"Up"}},
				}},
				// Hooks that a repository brings are among them, so none is trusted for a person.
				{Name: "hooks", Text: `(?i)hooks need review .*continue without trusting`, Answers: []Answer{
					{Selected: `^› 3\. Continue without trusting`, Keys: []string{"Enter"}},
					{Selected: `^› [12]\. `, Keys: []string{"Down"}},
				}},
				{Name: "update", Text: `(?i)update available!.*\bskip\b`, Answers: []Answer{
					{Selected: `^› 2\. Skip`, Keys: []string{"Enter"}},
					{Selected: `^› 1\. Update now`, Keys: []string{"Down"}},
				}},
				{Name: "login", Text: `(?i)sign in with chatgpt`},
				{Name: "login", Text: `(?i)please log out and sign in again`, Always: true},
				{Name: "usage limit", Text: `(?i)you['’]ve hit your usage limit`, Always: true},
				{Name: "question", Text: `(?i)(would you like to|do you want to) (run the following command|make the following edits|allow)`, Always: true},
				// A choice that nobody knows yet. Below the composer there is always another line.
				{Name: "unknown dialog", Text: `(?i)› \d+\. .*press enter to (confirm|continue)( or esc to [a-z ]{1,20})?$`, Always: true},
			},
		},
		{
			Name: "opencode", Help: "opencode", Command: []string{"opencode"}, Resume: []string{"--continue"}, ResumeID: []string{"--session", "{id}"}, Seen: "1.18.33",
			Pass:     []string{"ANTHROPIC_API_KEY", "OPENAI_API_KEY"},
			Composer: `^\s*┃(\s{2}|\s*$)`, Below: `^\s*┃\s+(Build|Plan)\b.* · |^\s*┃\s+(Build|Plan)\s+\S`, Block: true, Hint: `^Ask anything`, Busy: `\besc (again to )?interrupt\b`,
			Marker: `\[Pasted ~?\d+ lines\]`, EnterDelay: 300 * time.Millisecond,
			Dialogs: []Dialog{
				{Name: "usage limit", Text: `(?i)exceeded your current quota`, Always: true},
				{Name: "question", Text: `△ Permission required`, Always: true},
			},
		},
		{
			Name: "gemini", Help: "Gemini CLI of Google", Command: []string{"gemini"}, Resume: []string{"--resume"}, ResumeID: []string{"--resume", "{id}"}, Seen: "0.61.0",
			Pass:     []string{"GEMINI_API_KEY", "GOOGLE_API_KEY"},
			Composer: `^ (│ )?[>*] `, Hint: `^Type your message`, Busy: `\(esc to cancel`, Settle: 2 * time.Second,
			Marker: `\[Pasted Text: \d+ (lines|chars)\]`, EnterDelay: 300 * time.Millisecond,
			Dialogs: []Dialog{
				{Name: "trust", Text: `(?i)do you trust (the files in )?this folder`, Answers: []Answer{{Selected: `● 1\. Trust folder`, Keys: []string{"Enter"}}}},
				{Name: "login", Text: `(?i)how would you like to authenticate`},
				{Name: "login", Text: `(?i)waiting for authentication`, Always: true},
				{Name: "usage limit", Text: `(?i)usage limit reached for|reached your daily .{0,40}quota limit|exceeded your current quota`, Always: true},
				{Name: "question", Text: `(?i)allow execution|apply this change\?|waiting for user confirmation`, Always: true},
			},
		},
		{
			Name: "copilot", Help: "Copilot CLI of GitHub", Command: []string{"copilot"}, Resume: []string{"--continue"}, ResumeID: []string{"--resume", "{id}"},
			Pass:     []string{"GH_TOKEN", "GITHUB_TOKEN"},
			Composer: `^\s*(│ )?[❯>] `, Hint: `^(Enter @|Type @)`, Busy: `(?i)\besc to cancel\b`, EnterDelay: 300 * time.Millisecond,
			Dialogs: []Dialog{
				{Name: "trust", Text: `(?i)do you trust the files in this folder`, Answers: []Answer{{Selected: `❯ 1\. Yes`, Keys: []string{"Enter"}}}},
				{Name: "login", Text: `(?i)please use /login`},
			},
		},
		{
			Name: "cursor", Help: "Cursor's agent", Command: []string{"cursor-agent"}, Resume: []string{"resume"}, ResumeID: []string{"--resume", "{id}"},
			Pass:     []string{"CURSOR_API_KEY"},
			Composer: `^\s*│\s*→ `, Hint: `^(Plan, search|Add a follow-up)`, Busy: `(?i)\bctrl\+c to stop\b`, EnterDelay: 300 * time.Millisecond,
			Dialogs: []Dialog{
				{Name: "trust", Text: `(?i)workspace trust required`, Answers: []Answer{{Selected: `▶ \[a\] Trust`, Keys: []string{"a"}}}},
				{Name: "login", Text: `(?i)press any key to log ?in`},
			},
		},
		{
			Name: "amp", Help: "Amp", Command: []string{"amp"}, Resume: []string{"threads", "continue"}, ResumeID: []string{"threads", "continue", "{id}"},
			Pass:     []string{"AMP_API_KEY"},
			Composer: `^\s*│ `, Busy: `(?i)\besc to cancel\b`, EnterDelay: 300 * time.Millisecond,
			Dialogs: []Dialog{{Name: "login", Text: `(?i)would you like to log in`}},
		},
		{
			Name: "plain", Help: "any program; nobody can see whether it took a text", Command: []string{"sh"},
		},
	}
}
