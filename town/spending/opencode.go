package spending

import (
	"encoding/json"
	"time"

	"gastown/town/spending/internal/sqlite"
)

// opencodeMessage is what opencode keeps of a message, as JSON. Input does not contain
// what the cache had, output not what the model thought.
type opencodeMessage struct {
	Role    string
	ModelID string
	Path    struct{ Cwd string }
	Time    struct{ Completed int64 }
	Tokens  *struct {
		Input, Output, Reasoning int64
		Cache                    struct{ Read, Write int64 }
	}
}

// readOpenCode reads ~/.local/share/opencode/opencode.db, which all conversations share.
// A message has its tokens when it is complete, and until then its row changes.
func readOpenCode(path string, c Cursor, most int64) (out Reading, err error) {
	err = sqlite.View(path, func(db *sqlite.DB) error {
		out = Reading{}
		next := c
		table, ok, err := db.Table("message")
		if err != nil || !ok {
			return err
		}
		open, newest := next.Open, next.Newest
		next.Open = nil
		for _, o := range open {
			row, ok, err := table.Row(o.Row)
			if err != nil {
				return err
			}
			if ok && id(row.Text("id")) == o.ID {
				out.Messages = next.row(row, o.Used, out.Messages)
			}
		}
		// The numbers of removed rows are given again. Then the time tells what is new.
		after, anew := next.Offset, false
		if after > 0 {
			row, ok, err := table.Row(after)
			if err != nil {
				return err
			}
			if anew = !ok || id(row.Text("id")) != next.Head; anew {
				after = 0
			}
		}
		bytes := int64(0)
		err = table.Each(after, func(row sqlite.Row) bool {
			if bytes > most && !anew {
				out.More = true
				return false
			}
			bytes += 100 + int64(len(row.Text("data")))
			next.Offset, next.Head = row.Number, id(row.Text("id"))
			if created := row.Int("time_created"); !anew || created > newest {
				next.Newest = max(next.Newest, created)
				out.Messages = next.row(row, Usage{}, out.Messages)
			}
			return true
		})
		next.Open = next.Open[max(0, len(next.Open)-maxOpenRows):]
		out.Next = next
		return err
	})
	return out, err
}

// row appends what a row says beyond what was counted of it before.
func (c *Cursor) row(row sqlite.Row, counted Usage, list []Message) []Message {
	var in opencodeMessage
	if json.Unmarshal([]byte(row.Text("data")), &in) != nil || in.Role != "assistant" {
		return list
	}
	var used Usage
	if t := in.Tokens; t != nil {
		used = Usage{Input: t.Input, CacheRead: t.Cache.Read, CacheWrite: t.Cache.Write, Output: t.Output + t.Reasoning}
	}
	if !used.sane() {
		return list
	}
	used = used.most(counted)
	if in.Time.Completed == 0 {
		c.Open = append(c.Open, Open{ID: id(row.Text("id")), Row: row.Number, Used: used})
	}
	if used == counted {
		return list
	}
	return append(list, Message{
		ID: id(row.Text("id")), Again: counted != Usage{}, At: time.UnixMilli(row.Int("time_created")).UTC(), Session: session(row.Text("session_id")),
		Dir: dir(in.Path.Cwd), Model: model(in.ModelID), Usage: used.minus(counted),
	})
}
