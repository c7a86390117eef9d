package spending

import (
	"bytes"
	"encoding/json"
	"time"
)

// geminiLine reads a line of ~/.gemini/tmp/PROJECT/chats/session-*.jsonl. gemini writes
// an answer again when it knows the results of its calls. Input contains what the cache
// had; tokens of tools and of thoughts are beside it and the output.
func geminiLine(c *Cursor, line []byte, list []Message) []Message {
	if c.Session != "" && !bytes.Contains(line, []byte(`"tokens"`)) {
		return list
	}
	var in struct {
		SessionID, ID, Type, Model string
		Timestamp                  time.Time
		Tokens                     *struct{ Input, Output, Cached, Thoughts, Tool int64 }
	}
	if json.Unmarshal(line, &in) != nil {
		return list
	}
	if s := session(in.SessionID); s != "" {
		c.Session = s
	}
	t := in.Tokens
	if in.Type != "gemini" || t == nil {
		return list
	}
	return c.add(list, Message{
		ID: in.ID, At: in.Timestamp.UTC(), Model: in.Model,
		Usage: Usage{Input: t.Input - t.Cached + t.Tool, CacheRead: t.Cached, Output: t.Output + t.Thoughts},
	})
}
