package agenthooks

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"gastown/town"
	"gastown/town/durable"
)

// maxFile bounds a file of hooks that is read, in bytes.
const maxFile = 1 << 20

// job is something that a hook does for a session.
type job struct {
	// args are the arguments of gt.
	args string
	// tools is true for a hook that is about tools.
	tools bool
}

// The jobs, in the order in which a file has them.
var (
	prime     = job{args: "prime --hook"}
	mailCheck = job{args: "mail check --inject"}
	guard     = job{args: "guard", tools: true}
	heartbeat = job{args: "heartbeat working --hook"}
	rest      = job{args: "heartbeat idle --hook"}
)

// style is how a program's file of hooks is written.
type style string

const (
	grouped style = "grouped" // Claude Code, Codex, Gemini CLI: groups with a matcher
	listed  style = "listed"  // Copilot CLI, Cursor: version 1, a list of commands
	plugin  style = "plugin"  // opencode: a program in JavaScript
)

// program is where an agent's program looks for hooks, and what it calls the events.
type program struct {
	preset, path string
	style        style
	events       []event
}

type event struct {
	name string
	// matcher says for which tools, in the program's names.
	matcher string
	jobs    []job
}

// programs are those that have hooks in a directory. amp and plain have none.
var programs = []program{
	{"claude", ".claude/settings.local.json", grouped, []event{
		{"SessionStart", "", []job{prime}}, // also after a session was compacted
		{"UserPromptSubmit", "", []job{mailCheck, heartbeat}},
		{"PreToolUse", "Bash|Write|Edit|MultiEdit|NotebookEdit", []job{guard}},
		{"PostToolUse", "", []job{heartbeat}}, {"Stop", "", []job{rest}},
	}},
	{"codex", ".codex/hooks.json", grouped, []event{
		{"SessionStart", "", []job{prime}}, {"UserPromptSubmit", "", []job{mailCheck, heartbeat}},
		{"PreToolUse", "", []job{guard}}, {"PostToolUse", "", []job{heartbeat}}, {"Stop", "", []job{rest}},
	}},
	{"gemini", ".gemini/settings.json", grouped, []event{
		{"SessionStart", "", []job{prime}}, {"BeforeAgent", "", []job{mailCheck, heartbeat}},
		{"BeforeTool", "", []job{guard}}, {"AfterTool", "", []job{heartbeat}}, {"AfterAgent", "", []job{rest}},
	}},
	{"copilot", ".github/hooks/gastown.json", listed, []event{
		{"sessionStart", "", []job{prime}}, {"preToolUse", "", []job{guard}}, {"postToolUse", "", []job{heartbeat}}, {"agentStop", "", []job{rest}},
	}},
	{"cursor", ".cursor/hooks.json", listed, []event{
		{"sessionStart", "", []job{prime}}, {"beforeShellExecution", "", []job{guard}}, {"afterShellExecution", "", []job{heartbeat}}, {"stop", "", []job{rest}},
	}},
	{"opencode", ".opencode/plugins/gastown.js", plugin, nil},
}

// File is the file in a sandbox in which the program of a preset finds hooks; "" when
// it has none.
func File(preset string) string {
	for _, p := range programs {
		if p.preset == preset {
			return p.path
		}
	}
	return ""
}

// Merge returns the file of a preset's hooks with those of gt in it. before is the file
// as it is, "" for none, and gt the absolute path of the program. What before has else
// stays. Its error says why the file cannot be changed.
func Merge(preset, before, gt string) (after string, err error) {
	i := slices.IndexFunc(programs, func(p program) bool { return p.preset == preset })
	if i < 0 {
		return "", fault("no hooks are known of %q", preset)
	}
	p := programs[i]
	if p.style == plugin {
		return pluginFor(gt)
	}
	s, err := ParseSettings(before)
	if err != nil {
		return "", err
	}
	if p.style == listed && s.all.get("version") == nil {
		s.all = append(object{{"version", json.RawMessage("1")}}, s.all...)
	}
	for _, e := range p.events {
		for _, j := range e.jobs {
			line := quoteIfNeeded(gt) + " " + j.args
			if there, err := s.Runs(e.name, line); err != nil || there {
				if err != nil {
					return "", err
				}
				continue
			}
			if p.style == listed {
				err = s.addPlain(e.name, p.preset, line)
			} else {
				err = s.Add(e.name, e.matcher, line)
			}
			if err != nil {
				return "", err
			}
		}
	}
	return s.Text()
}

// addPlain adds a hook to a list of commands.
func (s *Settings) addPlain(event, preset, line string) error {
	groups, err := s.groups(event)
	if err != nil {
		return err
	}
	text, err := encode(line)
	if err != nil {
		return err
	}
	hook := object{{"command", text}}
	if preset == "copilot" {
		hook = object{{"type", json.RawMessage(`"command"`)}, {"bash", text}}
	}
	return s.setGroups(event, append(groups, hook))
}

// quoteIfNeeded writes a path as one word of a shell.
func quoteIfNeeded(path string) string {
	if strings.Trim(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+") == "" {
		return path
	}
	return quote(path)
}

// pluginFor is a plugin of opencode: it asks gt guard about each tool call and tells gt
// that the agent lives.
func pluginFor(gt string) (string, error) {
	path, err := encode(gt)
	if err != nil {
		return "", err
	}
	return `// Written by gt for this sandbox. Changes are lost.
import { spawnSync } from "node:child_process"

const gt = ` + string(path) + `

export const Gastown = async ({ directory }) => ({
  "tool.execute.before": async (input, output) => {
    const call = JSON.stringify({ cwd: directory, tool_name: input.tool, tool_input: output.args })
    const said = spawnSync(gt, ["guard"], { input: call, cwd: directory, encoding: "utf8", timeout: 5000 })
    if (said.status === 2) throw new Error(said.stderr)
  },
  "tool.execute.after": async () => {
    spawnSync(gt, ["heartbeat", "working", "--hook"], { cwd: directory, input: "", timeout: 5000 })
  },
})
`, nil
}

// Installed says what Install did.
type Installed struct {
	// Path is the file, relative to the sandbox; "" when the program has no hooks.
	Path string
	// Changed says that it was written.
	Changed bool
	// Left is why it was left alone; the agent then works without hooks.
	Left string
}

// Install writes the hooks of a preset below a sandbox. It leaves alone a file that the
// repository has (tracked says so), that leads out of the sandbox, or that is not
// understood: agents work without hooks too. Exclude keeps the file out of commits.
func Install(sandbox, preset, gt string, tracked func(path string) (bool, error)) (done Installed, err error) {
	done.Path = File(preset)
	if done.Path == "" {
		return done, nil
	}
	if is, err := tracked(done.Path); err != nil || is {
		done.Left = "it belongs to the repository"
		return done, err
	}
	path := filepath.Join(sandbox, filepath.FromSlash(done.Path))
	if err := inside(sandbox, filepath.Dir(path)); err != nil {
		done.Left = err.Error()
		return done, nil
	}
	before := ""
	switch info, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return done, err
	case !info.Mode().IsRegular() || info.Size() > maxFile:
		done.Left = "it is not a short regular file"
		return done, nil
	default:
		data, err := os.ReadFile(path)
		if err != nil {
			return done, err
		}
		if before = string(data); !utf8.ValidString(before) {
			done.Left = "it is not UTF-8"
			return done, nil
		}
	}
	after, err := Merge(preset, before, gt)
	if err != nil {
		done.Left = err.Error()
		return done, nil
	}
	if after == before {
		return done, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return done, err
	}
	if err := durable.WritePrivate(path, []byte(after)); err != nil {
		return done, town.Fail("install the hooks of "+preset, "see that this user may write there", "%w", err)
	}
	done.Changed = true
	return done, nil
}

// Exclude keeps the files of hooks out of what git takes for a change. gitDir is the
// directory that all working trees of the repository share.
func Exclude(gitDir string) error {
	path := filepath.Join(gitDir, "info", "exclude")
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text := string(data)
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	lines := strings.Split(text, "\n")
	for _, p := range programs {
		if !slices.Contains(lines, "/"+p.path) {
			text += "/" + p.path + "\n"
		}
	}
	if text == string(data) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return durable.WriteFile(path, []byte(text), durable.Perm(path, 0o644))
}

// inside refuses a directory that leads out of another one by a link.
func inside(sandbox, dir string) error {
	root, err := filepath.EvalSymlinks(sandbox)
	if err != nil {
		return err
	}
	for ; len(dir) > len(sandbox); dir = filepath.Dir(dir) {
		real, err := filepath.EvalSymlinks(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if rel, err := filepath.Rel(root, real); err != nil || !filepath.IsLocal(rel) {
			return fault("it is a link out of the sandbox, to %s", real)
		}
		return nil
	}
	return nil
}
