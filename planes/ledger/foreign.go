package ledger

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// foreign are fields of other programs' exports that are stored and exported
// again unchanged. counted are fields that follow from the rest of an export.
var (
	foreign = []string{
		"started_at", closedBySession, "lease_expires_at", "heartbeat_at", "source_system",
		"compaction_level", "compacted_at", "compacted_at_commit", "original_size", "sender", "no_history",
		"wisp_type", "bonded_from", "creator", "validations", "quality_score", "crystallizes",
		"await_type", "await_id", "timeout", "waiters", "holder", "source_formula", "source_location", "hook_bead",
		"role_bead", "agent_state", "last_activity", "role_type", "rig", "mol_type", "work_type", "event_kind", "actor",
		"target", "payload", "source_repo", "source_repo_path", originalType, "deleted_at", "deleted_by", "delete_reason",
		previouslyClosed, originalStatus,
	}
	counted = []string{"_type", "dependency_count", "dependent_count", "comment_count", "parent", "dependents", "content_hash", "wisp"}
)

// tableForms convert values from a dump of the public program's tables, such as
// its backups, to the form in its exports. A text that is not such a value
// stays as it is.
var tableForms = map[string]func(json.RawMessage) json.RawMessage{
	"no_history": truth, "crystallizes": truth, "waiters": unquoted,
	timeoutColumn: func(raw json.RawMessage) json.RawMessage { return raw },
}

// closedBySession is the field with the session of an agent that closed a bead.
const closedBySession = "closed_by_session"

// timeoutColumn is the name of the field timeout in the table.
const timeoutColumn = "timeout_ns"

// exportForm is a foreign field in the form that an export has; nil when there
// is nothing to store.
func exportForm(name string, raw json.RawMessage) (string, json.RawMessage) {
	if form := tableForms[name]; form != nil {
		raw = form(raw)
	}
	if name == timeoutColumn {
		name = "timeout"
	}
	switch string(raw) {
	case "null", `""`:
		return name, nil
	}
	return name, raw
}

func truth(raw json.RawMessage) json.RawMessage {
	switch string(raw) {
	case "0":
		return json.RawMessage("false")
	case "1":
		return json.RawMessage("true")
	}
	return raw
}

// unquoted is the JSON inside a JSON string.
func unquoted(raw json.RawMessage) json.RawMessage {
	var text string
	if json.Unmarshal(raw, &text) != nil || text == "" || !json.Valid([]byte(text)) {
		return raw
	}
	return json.RawMessage(text)
}

// wireFlag is true or false, or 1 or 0 as in tables.
type wireFlag bool

func (w *wireFlag) UnmarshalJSON(raw []byte) error { return json.Unmarshal(truth(raw), (*bool)(w)) }

// wireTime is a time as exports and dumps of tables write it; a date means its
// first moment in UTC. The zero value and an empty text are no time.
type wireTime struct {
	at time.Time
	// unix says that it was a number.
	unix bool
}

// wireForms are what is accepted beside RFC 3339, in UTC.
var wireForms = []string{`"` + time.DateOnly + `"`, `"` + time.DateTime + `"`}

func (w *wireTime) UnmarshalJSON(raw []byte) error {
	*w = wireTime{}
	if string(raw) == `""` {
		return nil
	}
	if at, ok := unixTime(raw); ok {
		w.at, w.unix = at, true
		return nil
	}
	for _, form := range wireForms {
		if at, err := time.Parse(form, string(raw)); err == nil {
			w.at = at
			return nil
		}
	}
	return json.Unmarshal(raw, &w.at)
}

// quotedSeconds is from how many digits on a text is a number of seconds, not a year.
const quotedSeconds = 9

// unixTime reads a number: seconds since 1970, or with that many more digits
// milliseconds, microseconds or nanoseconds. 0 is no time.
func unixTime(raw json.RawMessage) (at time.Time, ok bool) {
	text := string(raw)
	if quoted := strings.Trim(text, `"`); quoted != text {
		if strings.Trim(quoted, "0123456789") != "" || len(quoted) < quotedSeconds {
			return at, false
		}
		text = quoted
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || math.Abs(f) > math.MaxInt32 {
			return at, false
		}
		n = int64(math.Round(f * 1e6))
		return time.UnixMicro(n).UTC(), true
	}
	switch size := max(n, -n); {
	case n == 0:
		return at, true
	case size < 1e11:
		return time.Unix(n, 0).UTC(), true
	case size < 1e14:
		return time.UnixMilli(n).UTC(), true
	case size < 1e17:
		return time.UnixMicro(n).UTC(), true
	}
	return time.Unix(0, n).UTC().Truncate(time.Microsecond), true
}

// value is the zero time for none.
func (w *wireTime) value() time.Time {
	if w == nil {
		return time.Time{}
	}
	return w.at
}

// time is nil for none.
func (w *wireTime) time() *time.Time {
	if w == nil || w.at.IsZero() {
		return nil
	}
	return &w.at
}
