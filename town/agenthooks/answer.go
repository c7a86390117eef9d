package agenthooks

import (
	"encoding/json"
	"slices"
)

// Answer is what a hook prints, and its exit code.
type Answer struct {
	Stdout, Stderr string
	Exit           int
}

// Context adds a text to the session that starts, in the form that Claude Code, Gemini
// CLI and Codex take. event is the program's word for it, such as SessionStart.
func Context(event, text string) (line string) {
	type output struct {
		Event   string `json:"hookEventName"`
		Context string `json:"additionalContext"`
	}
	return encoded(map[string]output{"hookSpecificOutput": {event, text}})
}

// contextual are the events for which programs take a context in JSON. For others the
// plain text is what does no harm.
var contextual = []string{"", "SessionStart", "UserPromptSubmit", "PostToolUse", "BeforeAgent", "sessionStart"}

// ContextFor is Context for the program that told a hook something.
func (in Input) ContextFor(text string) string {
	if !slices.Contains(contextual, in.Event) {
		return text
	}
	switch in.Protocol {
	case Flat:
		return encoded(map[string]string{"additionalContext": text})
	case Permission:
		return encoded(map[string]string{"additional_context": text})
	case Plain:
		return text
	}
	return Context(first(in.Event, "SessionStart"), text)
}

// Deny refuses what the agent wants to do. The agent reads the reason.
func (in Input) Deny(reason string) Answer {
	switch in.Protocol {
	case Nested:
		type output struct {
			Event    string `json:"hookEventName"`
			Decision string `json:"permissionDecision"`
			Reason   string `json:"permissionDecisionReason"`
		}
		return Answer{Stdout: encoded(map[string]output{"hookSpecificOutput": {first(in.Event, "PreToolUse"), "deny", reason}})}
	case Decision:
		return Answer{Stdout: encoded(struct {
			Decision string `json:"decision"`
			Reason   string `json:"reason"`
		}{"deny", reason})}
	case Flat:
		return Answer{Stdout: encoded(struct {
			Decision string `json:"permissionDecision"`
			Reason   string `json:"permissionDecisionReason"`
		}{"deny", reason})}
	case Permission:
		return Answer{Stdout: encoded(struct {
			Permission string `json:"permission"`
			User       string `json:"user_message"`
			Agent      string `json:"agent_message"`
		}{"deny", reason, reason})}
	}
	return Answer{Stderr: reason + "\n", Exit: plainDeny}
}

// plainDeny is the exit code with which programs that read no answer are refused.
const plainDeny = 2

// Allow lets the agent do it.
func (in Input) Allow() Answer {
	if in.Protocol == Permission {
		return Answer{Stdout: encoded(map[string]string{"permission": "allow"})}
	}
	return Answer{}
}

// encoded is a value as one line of JSON.
func encoded(v any) string {
	line, _ := json.Marshal(v) // strings alone: never fails
	return string(line) + "\n"
}
