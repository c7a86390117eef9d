package town

import (
	"fmt"
	"regexp"
)

// conversationPattern is what ids of conversations look like; programs use UUIDs or
// something like them.
var conversationPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// Conversation is one that an agent's program has with its model.
type Conversation struct {
	// Preset is the program, ID the program's own name of the conversation.
	Preset string `json:"preset,omitempty"`
	ID     string `json:"id"`
}

// Check refuses an id that is not one plain word. The id comes from a program, and
// becomes an argument of it: it never begins like an option.
func (c Conversation) Check() error {
	if !conversationPattern.MatchString(c.ID) {
		return fmt.Errorf("%w: the id of a conversation is up to 128 letters, digits, dots, - and _, and begins with a letter or digit: not %q",
			ErrUsage, Clip(c.ID, 60))
	}
	if c.Preset != "" && !handlePattern.MatchString(c.Preset) {
		return fmt.Errorf("%w: %q is not the name of an agent program", ErrUsage, Clip(c.Preset, 60))
	}
	return nil
}
