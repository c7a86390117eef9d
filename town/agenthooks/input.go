package agenthooks

import (
	"encoding/json"
	"strings"
)

// MaxInput is the most that a program tells a hook, in bytes. A tool call may hold a
// whole file.
const MaxInput = 16 << 20

// Input is what a program tells a hook. Each program has names of its own for it.
type Input struct {
	// Protocol is how the program wants to be answered.
	Protocol Protocol
	// Event is what happens, in the program's word; Session the program's own name of
	// its session.
	Event, Session string
	// Dir is the working directory; "" when the program does not say.
	Dir string
	// Tool is what the agent wants to use, Command the line for a shell, if that is one.
	Tool, Command string
	// Paths are the files that the tool is to write.
	Paths []string
}

// Protocol is a way of answering a hook.
type Protocol string

// The protocols. Nested is that of claude and codex, whose answer stands in an object of
// its own. Decision is gemini's, Flat copilot's, Permission cursor's. Plain programs take
// the exit code 2 and what is on standard error.
const (
	Nested     Protocol = "nested"
	Decision   Protocol = "decision"
	Flat       Protocol = "flat"
	Permission Protocol = "permission"
	Plain      Protocol = "plain"
)

// raw has every name that one of the programs uses.
type raw struct {
	Event     string          `json:"hook_event_name"`
	Session   string          `json:"session_id"`
	SessionID string          `json:"sessionId"`
	Chat      string          `json:"conversation_id"`
	Dir       string          `json:"cwd"`
	Tool      string          `json:"tool_name"`
	ToolName  string          `json:"toolName"`
	ToolInput json.RawMessage `json:"tool_input"`
	ToolArgs  json.RawMessage `json:"toolArgs"`
	Command   text            `json:"command"`
	FilePath  text            `json:"file_path"`
	Path      text            `json:"path"`
	Notebook  text            `json:"notebook_path"`
	CamelCase text            `json:"filePath"`
	Absolute  text            `json:"absolute_path"`
}

// text is a string, or the words of a command; anything else is "".
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(data []byte) error {
	var s string
	var words []string
	switch {
	case json.Unmarshal(data, &s) == nil:
		*t = text(s)
	case json.Unmarshal(data, &words) == nil:
		for i, w := range words {
			words[i] = quote(w)
		}
		*t = text(strings.Join(words, " "))
	}
	return nil
}

// quote writes a word so that a shell reads it as it is.
func quote(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// Parse reads what a program tells a hook.
func Parse(data []byte) (in Input, err error) {
	var r raw
	if len(data) > MaxInput {
		return in, fault("it has more than %d bytes", MaxInput)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return in, fault("it is not the JSON of a hook: %w", err)
	}
	in = Input{Protocol: Nested, Event: r.Event, Session: first(r.Session, r.SessionID, r.Chat), Dir: r.Dir, Tool: first(r.Tool, r.ToolName), Command: string(r.Command)}
	args := r.ToolInput
	switch {
	case r.ToolName != "":
		in.Protocol, args = Flat, r.ToolArgs
		var inner string // a JSON text within the JSON
		if json.Unmarshal(args, &inner) == nil {
			args = json.RawMessage(inner)
		}
	case strings.HasPrefix(r.Event, "Before") || strings.HasPrefix(r.Event, "After"):
		in.Protocol = Decision
	case strings.HasPrefix(r.Event, "before") || strings.HasPrefix(r.Event, "after") || r.Event == "preToolUse" || r.Event == "sessionStart":
		in.Protocol = Permission
	case r.Event == "":
		in.Protocol = Plain
		if args == nil {
			args = data
		}
	}
	var a raw
	if len(args) > 0 && json.Unmarshal(args, &a) == nil {
		in.Command = first(in.Command, string(a.Command))
		for _, p := range []text{a.FilePath, a.Path, a.Notebook, a.CamelCase, a.Absolute} {
			if p != "" && writes(in.Tool) {
				in.Paths = append(in.Paths, string(p))
			}
		}
	}
	return in, nil
}

// writes reports whether a tool, by its name, writes files.
func writes(tool string) bool {
	tool = strings.ToLower(tool)
	for _, word := range []string{"write", "edit", "replace", "create", "patch"} {
		if strings.Contains(tool, word) {
			return true
		}
	}
	return false
}

func first(all ...string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}
