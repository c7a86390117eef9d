// Package spending reads from the transcripts of agents' programs how many tokens they
// used, computes what the tokens cost, and judges budgets.
//
// claude, codex, gemini and opencode keep a transcript of each conversation in folders of
// their own. Read takes what was appended to one since a Cursor and returns the messages
// with what each of them used. It keeps no state but the cursor, starts no program and
// writes nothing. Prices is the list of prices, a file that people edit.
//
// Transcripts are hostile: an agent may write into them what it likes. Lines and files
// are bounded, the last line may be torn, unknown fields are ignored, numbers that cannot
// be are not counted, and no text is kept but ids, directories and names of models.
package spending

import (
	"regexp"
	"strings"
	"time"

	"gastown/town"
)

// Usage is a number of tokens.
type Usage struct {
	// Input is what no cache had. CacheRead came from a cache, CacheWrite was put there.
	Input      int64 `json:"input"`
	CacheRead  int64 `json:"cache_read"`
	CacheWrite int64 `json:"cache_write"`
	// Output contains what the model thought.
	Output int64 `json:"output"`
}

// Add returns the sum of both.
func (u Usage) Add(v Usage) Usage {
	return Usage{u.Input + v.Input, u.CacheRead + v.CacheRead, u.CacheWrite + v.CacheWrite, u.Output + v.Output}
}

// Total is the number of all tokens.
func (u Usage) Total() int64 { return u.Input + u.CacheRead + u.CacheWrite + u.Output }

// minus is what u has more than v.
func (u Usage) minus(v Usage) Usage {
	return Usage{u.Input - v.Input, u.CacheRead - v.CacheRead, u.CacheWrite - v.CacheWrite, u.Output - v.Output}
}

// most takes the larger number of each kind.
func (u Usage) most(v Usage) Usage {
	return Usage{max(u.Input, v.Input), max(u.CacheRead, v.CacheRead), max(u.CacheWrite, v.CacheWrite), max(u.Output, v.Output)}
}

// maxTokens is more than one message uses.
const maxTokens = 1 << 30

// sane reports whether a message can have used this.
func (u Usage) sane() bool {
	for _, n := range []int64{u.Input, u.CacheRead, u.CacheWrite, u.Output} {
		if n < 0 || n > maxTokens {
			return false
		}
	}
	return true
}

// Message is what one answer of a model used. A program may tell of an answer several
// times; Usage is then what it has not told before, and Again is set.
type Message struct {
	// ID is the model's own name of the answer, "" when the program does not tell it.
	ID    string
	Again bool
	// At is in UTC; the zero time when the program does not tell it.
	At      time.Time
	Session string
	// Dir is the directory in which the program was started.
	Dir   string
	Model string
	Usage Usage
}

// Unknown is the model of a message that does not say which one it is of.
const Unknown = "unknown"

var modelPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,119}$`)

// model is the name of a model, or Unknown.
func model(name string) string {
	if !modelPattern.MatchString(name) {
		return Unknown
	}
	return name
}

// session is the id of a conversation, or "".
func session(id string) string {
	if (town.Conversation{ID: id}).Check() != nil {
		return ""
	}
	return id
}

// maxDir bounds the name of a directory, in bytes.
const maxDir = 1024

func dir(path string) string {
	if len(path) > maxDir || !strings.HasPrefix(path, "/") || strings.ContainsRune(path, 0) {
		return ""
	}
	return path
}

// maxID bounds the id of a message.
const maxID = 100

func id(s string) string {
	if len(s) > maxID {
		return string(town.DigestOf("message", s))
	}
	return s
}
