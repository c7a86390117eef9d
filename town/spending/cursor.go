package spending

import (
	"encoding/json"
	"fmt"
)

// Format is how a program writes its transcripts.
type Format string

// The formats, by the program.
const (
	Claude   Format = "claude"
	Codex    Format = "codex"
	Gemini   Format = "gemini"
	OpenCode Format = "opencode"
)

// Cursor says how far a transcript was read, and what is known from what was read. The
// zero value is for one that was not read yet.
type Cursor struct {
	// Offset is where the next line begins; of a database, the newest row that was read.
	// Then Head is what that row was, and Newest when the newest message began, in
	// milliseconds.
	Offset int64 `json:"offset,omitempty"`
	// Head is a digest of the beginning. Another one means that it is another file.
	Head string `json:"head,omitempty"`
	// HeadSize is how many bytes of the beginning Head stands for.
	HeadSize int64 `json:"head_size,omitempty"`
	Newest   int64 `json:"newest,omitempty"`
	// Session, Dir and Model are those that the program told of last.
	Session string `json:"session,omitempty"`
	Dir     string `json:"dir,omitempty"`
	Model   string `json:"model,omitempty"`
	// Total is what a program that tells sums told of last. Records says that it tells
	// of each answer as well.
	Total   Usage `json:"total,omitzero"`
	Records bool  `json:"records,omitempty"`
	// Open are the newest answers, which the program may write again.
	Open []Open `json:"open,omitempty"`
	// Own says that a message was found that no other transcript has. A program that goes
	// on with a conversation in a new file copies the old one, so copies come first.
	Own bool `json:"own,omitempty"`
}

// Open is an answer that the program may tell of again, and what was counted of it.
type Open struct {
	ID   string `json:"id,omitempty"`
	Row  int64  `json:"row,omitempty"`
	Used Usage  `json:"used"`
}

const (
	// maxOpen is how many answers back a program may tell of one again; maxOpenRows is how
	// many may come in at once in a database, which all agents share.
	maxOpen, maxOpenRows = 16, 200
	// MaxState bounds an encoded cursor, in bytes.
	MaxState = 48 << 10
)

// Encode writes a cursor for a row.
func (c Cursor) Encode() string {
	text, _ := json.Marshal(c) // strings and numbers: never fails
	return string(text)
}

// DecodeCursor reads what Encode wrote. Another program may have changed it.
func DecodeCursor(text string) (c Cursor, err error) {
	if len(text) > MaxState {
		return c, fmt.Errorf("the state of a transcript has %d bytes, more than %d", len(text), MaxState)
	}
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return Cursor{}, fmt.Errorf("the state of a transcript: %w", err)
	}
	if c.Offset < 0 || c.HeadSize < 0 || len(c.Open) > maxOpenRows {
		return Cursor{}, fmt.Errorf("the stored state of a transcript is malformed")
	}
	return c, nil
}

// told notes what a program says about an answer, and returns what it had not said
// before. Numbers grow while an answer comes in; smaller ones are of no later state.
func (c *Cursor) told(id string, used Usage) (more Usage, again bool) {
	for i, o := range c.Open {
		if o.ID == id && id != "" {
			most := used.most(o.Used)
			c.Open[i].Used = most
			return most.minus(o.Used), true
		}
	}
	if id != "" {
		c.Open = append(c.Open, Open{ID: id, Used: used})
		c.Open = c.Open[max(0, len(c.Open)-maxOpen):]
	}
	return used, false
}

// add appends a message with what is new of it.
func (c *Cursor) add(list []Message, m Message) []Message {
	if !m.Usage.sane() {
		return list
	}
	m.ID, m.Session, m.Dir, m.Model = id(m.ID), c.Session, c.Dir, model(m.Model)
	m.Usage, m.Again = c.told(m.ID, m.Usage)
	if m.Usage == (Usage{}) {
		return list
	}
	return append(list, m)
}
