package spending

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
)

// codexUsage is a usage as codex writes it: input contains what the cache had, output
// what the model thought.
type codexUsage struct {
	Input      int64 `json:"input_tokens"`
	Cached     int64 `json:"cached_input_tokens"`
	CacheWrite int64 `json:"cache_write_input_tokens"`
	Output     int64 `json:"output_tokens"`
}

func (u codexUsage) usage() Usage {
	return Usage{Input: u.Input - u.Cached - u.CacheWrite, CacheRead: u.Cached, CacheWrite: u.CacheWrite, Output: u.Output}
}

// codexKinds are the lines that matter.
var codexKinds = [][]byte{[]byte(`"session_meta"`), []byte(`"turn_context"`), []byte(`"token_usage_record"`), []byte(`"token_count"`)}

// codexLine reads a line of ~/.codex/sessions/YEAR/MONTH/DAY/rollout-*.jsonl. Newer
// versions write a record of each answer. Older ones write only the sum after each
// answer, some of them several times.
func codexLine(c *Cursor, line []byte, list []Message) []Message {
	matters := false
	for _, kind := range codexKinds {
		matters = matters || bytes.Contains(line[:min(len(line), 200)], kind)
	}
	if !matters {
		return list
	}
	var in struct {
		Timestamp time.Time
		Type      string
		Payload   struct {
			Type, ID, Cwd, Model string
			ResponseID           string      `json:"response_id"`
			Usage                *codexUsage `json:"usage"`
			Info                 *struct {
				Total codexUsage `json:"total_token_usage"`
			}
		}
	}
	if json.Unmarshal(line, &in) != nil {
		return list
	}
	p := in.Payload
	switch {
	case in.Type == "session_meta":
		// A conversation that goes on from another one has that one's line after its own.
		if c.Session == "" {
			c.Session = session(p.ID)
		}
		if c.Dir == "" {
			c.Dir = dir(p.Cwd)
		}
	case in.Type == "turn_context":
		c.Model = model(p.Model)
	case in.Type == "token_usage_record" && p.Usage != nil:
		c.Records = true
		u := p.Usage.usage()
		id := p.ResponseID
		if id != "" {
			id += "/" + strconv.FormatInt(u.Total(), 10)
		}
		return c.add(list, Message{ID: id, At: in.Timestamp.UTC(), Model: c.Model, Usage: u})
	case in.Type == "event_msg" && p.Type == "token_count" && p.Info != nil:
		total := p.Info.Total.usage()
		if !total.sum() {
			return list
		}
		more := total.minus(c.Total)
		if !more.sane() { // it began to count anew
			more = total
		}
		c.Total = total
		if !c.Records {
			return c.add(list, Message{At: in.Timestamp.UTC(), Model: c.Model, Usage: more})
		}
	}
	return list
}

// sum reports whether a conversation can have used this.
func (u Usage) sum() bool {
	return min(u.Input, u.CacheRead, u.CacheWrite, u.Output) >= 0 && max(u.Input, u.CacheRead, u.CacheWrite, u.Output) < maxTokens<<20
}
