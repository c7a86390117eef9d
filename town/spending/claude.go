package spending

import (
	"bytes"
	"encoding/json"
	"time"
)

// claudeLine reads a line of ~/.claude/projects/PROJECT/SESSION.jsonl. Each block of an
// answer is a line that repeats the answer's id and usage. The directory of a line
// follows the agent's cd, so the first one counts.
func claudeLine(c *Cursor, line []byte, list []Message) []Message {
	if c.Dir != "" && !bytes.Contains(line, []byte(`"usage"`)) {
		return list
	}
	var in struct {
		Type, Cwd, SessionID string
		Timestamp            time.Time
		Message              struct {
			ID, Model string
			Usage     *struct {
				Input      int64 `json:"input_tokens"`
				CacheWrite int64 `json:"cache_creation_input_tokens"`
				CacheRead  int64 `json:"cache_read_input_tokens"`
				Output     int64 `json:"output_tokens"`
			}
		}
	}
	if json.Unmarshal(line, &in) != nil {
		return list
	}
	if c.Dir == "" {
		c.Dir = dir(in.Cwd)
	}
	if s := session(in.SessionID); s != "" {
		c.Session = s
	}
	u := in.Message.Usage
	if in.Type != "assistant" || u == nil || in.Message.Model == "<synthetic>" {
		return list
	}
	return c.add(list, Message{
		ID: in.Message.ID, At: in.Timestamp.UTC(), Model: in.Message.Model,
		Usage: Usage{Input: u.Input, CacheRead: u.CacheRead, CacheWrite: u.CacheWrite, Output: u.Output},
	})
}
