package town

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// What a bead may hold. Larger values are refused, never cut.
const (
	MaxTitleChars = 500     // characters of a title
	MaxTextBytes  = 1 << 20 // bytes of a description, design, acceptance_criteria, notes, close_reason or comment
	MaxNameBytes  = 255     // bytes of an assignee, owner, author, external_ref
	MaxLabelBytes = 100     // bytes of one label
	MaxLabels     = 1000    // labels of one bead
	MaxBeadID     = 128     // bytes of an id
	MaxPriority   = 4       // the least urgent
	MaxExtraBytes = 1 << 20 // bytes of all fields kept and not interpreted
	MaxSpecBytes  = 1024    // bytes of a spec_id
	MaxMetadata   = 1 << 20 // bytes of a bead's metadata
	MaxLinkBytes  = 1 << 16 // bytes of a link's metadata
	MaxStatus     = 32      // bytes of a status
)

// ErrBadBead reports a value a bead may not have.
var ErrBadBead = errors.New("not a valid bead")

var (
	beadIDPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	prefixPattern = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,30}[a-z0-9]$|^[a-z]$`)
	wordPattern   = regexp.MustCompile(`^[a-z][a-z0-9_:-]{0,63}$`)
	statusPattern = regexp.MustCompile(fmt.Sprintf(`^[a-z][a-z0-9_-]{0,%d}$`, MaxStatus-1))
)

// CheckBeadID reports whether s may name a bead. The alphabet has no separator
// of paths, URLs or lists, and nothing a shell would read.
func CheckBeadID(s string) error {
	if len(s) > MaxBeadID || !beadIDPattern.MatchString(s) {
		return fmt.Errorf("%w: id %q: use at most %d letters, digits, dots, dashes and underscores",
			ErrBadBead, Clip(s, 80), MaxBeadID)
	}
	return nil
}

// CheckPrefix reports whether s may begin the ids of a rig's beads.
func CheckPrefix(s string) error {
	if !prefixPattern.MatchString(s) {
		return fmt.Errorf("%w: prefix %q: use a letter, then at most 31 lower-case letters, digits, dashes or underscores",
			ErrBadBead, Clip(s, 80))
	}
	return nil
}

// CheckLabel reports whether s may be a label: printable, no comma, no space at
// either end.
func CheckLabel(s string) error {
	bad := s == "" || len(s) > MaxLabelBytes || !utf8.ValidString(s) || strings.TrimSpace(s) != s ||
		strings.ContainsFunc(s, func(r rune) bool { return r == ',' || !unicode.IsPrint(r) })
	if bad {
		return fmt.Errorf("%w: label %q: use at most %d bytes of printable text without commas", ErrBadBead, Clip(s, 80), MaxLabelBytes)
	}
	return nil
}

// CheckText reports whether a field may hold s: at most max bytes of UTF-8
// without a NUL. field is named in the error, the value is not.
func CheckText(field, s string, max int) error {
	switch {
	case len(s) > max:
		return fmt.Errorf("%w: %s has %d bytes, the limit is %d", ErrBadBead, field, len(s), max)
	case !utf8.ValidString(s):
		return fmt.Errorf("%w: %s is not UTF-8", ErrBadBead, field)
	case strings.ContainsRune(s, 0):
		return fmt.Errorf("%w: %s holds a NUL character", ErrBadBead, field)
	}
	return nil
}

// Validate reports everything that is wrong with the bead, joined; every error
// wraps ErrBadBead and names its field. Unusual statuses and types of beads and links
// pass when they are words: other programs have their own, and a ledger has custom ones.
func (b Bead) Validate() error {
	errs := []error{CheckBeadID(b.ID), checkTitle(b.Title)}
	text := func(field, s string, max int) { errs = append(errs, CheckText(field, s, max)) }
	text("description", b.Description, MaxTextBytes)
	text("design", b.Design, MaxTextBytes)
	text("acceptance_criteria", b.AcceptanceCriteria, MaxTextBytes)
	text("notes", b.Notes, MaxTextBytes)
	text("close_reason", b.CloseReason, MaxTextBytes)
	text("assignee", b.Assignee, MaxNameBytes)
	text("owner", b.Owner, MaxNameBytes)
	text("created_by", b.CreatedBy, MaxNameBytes)
	text("external_ref", b.ExternalRef, MaxNameBytes)
	text("spec_id", b.SpecID, MaxSpecBytes)
	errs = append(errs, checkMetadata(b.Metadata))
	if !statusPattern.MatchString(string(b.Status)) {
		errs = append(errs, fmt.Errorf("%w: status %q", ErrBadBead, Clip(string(b.Status), 40)))
	}
	if b.Priority < 0 || b.Priority > MaxPriority {
		errs = append(errs, fmt.Errorf("%w: priority %d is not 0 to %d", ErrBadBead, b.Priority, MaxPriority))
	}
	if !wordPattern.MatchString(string(b.Type)) {
		errs = append(errs, fmt.Errorf("%w: issue_type %q is not a word", ErrBadBead, Clip(string(b.Type), 40)))
	}
	if (b.Status == StatusClosed) != (b.ClosedAt != nil) {
		errs = append(errs, fmt.Errorf("%w: closed_at is set exactly when status is closed", ErrBadBead))
	}
	if b.EstimatedMinutes != nil && (*b.EstimatedMinutes < 0 || *b.EstimatedMinutes > 1<<30) {
		errs = append(errs, fmt.Errorf("%w: estimated_minutes %d", ErrBadBead, *b.EstimatedMinutes))
	}
	errs = append(errs, b.checkTimes(), b.checkLists())
	return errors.Join(errs...)
}

// checkMetadata refuses metadata that is not one JSON object.
func checkMetadata(raw json.RawMessage) error {
	if len(raw) == 0 {
		return nil
	}
	if err := CheckText("metadata", string(raw), MaxMetadata); err != nil {
		return err
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil || object == nil {
		return fmt.Errorf("%w: metadata is not a JSON object", ErrBadBead)
	}
	return nil
}

func checkTitle(s string) error {
	if strings.TrimSpace(s) == "" {
		return fmt.Errorf("%w: title is missing", ErrBadBead)
	}
	if n := utf8.RuneCountInString(s); n > MaxTitleChars {
		return fmt.Errorf("%w: title has %d characters, the limit is %d", ErrBadBead, n, MaxTitleChars)
	}
	return CheckText("title", s, MaxTitleChars*utf8.UTFMax)
}

// CheckTime refuses years the database cannot hold or JSON cannot write.
func CheckTime(field string, t time.Time) error {
	if y := t.UTC().Year(); y < 1000 || y > 9999 {
		return fmt.Errorf("%w: %s is in the year %d", ErrBadBead, field, y)
	}
	return nil
}

func (b Bead) checkTimes() error {
	errs := []error{CheckTime("created_at", b.CreatedAt), CheckTime("updated_at", b.UpdatedAt)}
	for field, t := range map[string]*time.Time{"closed_at": b.ClosedAt, "due_at": b.DueAt, "defer_until": b.DeferUntil} {
		if t != nil {
			errs = append(errs, CheckTime(field, *t))
		}
	}
	return errors.Join(errs...)
}

func (b Bead) checkLists() error {
	var errs []error
	if len(b.Labels) > MaxLabels {
		errs = append(errs, fmt.Errorf("%w: %d labels, the limit is %d", ErrBadBead, len(b.Labels), MaxLabels))
	}
	for _, l := range b.Labels {
		errs = append(errs, CheckLabel(l))
	}
	for _, d := range b.Dependencies {
		errs = append(errs, d.Validate())
	}
	for _, c := range b.Comments {
		errs = append(errs, c.Validate())
	}
	size := 0
	for k, v := range b.Extra {
		size += len(k) + len(v)
		if !json.Valid(v) {
			errs = append(errs, fmt.Errorf("%w: %s is not JSON", ErrBadBead, Clip(k, 40)))
		}
		errs = append(errs, CheckText(Clip(k, 40), string(v), MaxExtraBytes))
	}
	if size > MaxExtraBytes {
		errs = append(errs, fmt.Errorf("%w: other fields have %d bytes, the limit is %d", ErrBadBead, size, MaxExtraBytes))
	}
	return errors.Join(errs...)
}

// externalTarget begins the target of a link to something outside the ledger.
const externalTarget = "external:"

// Validate reports what is wrong with the link alone; whether its target
// exists, and closes no cycle, only a ledger can say.
func (d Dependency) Validate() error {
	errs := []error{
		CheckBeadID(d.Bead), CheckText("dependency author", d.CreatedBy, MaxNameBytes),
		CheckText("dependency metadata", d.Metadata, MaxLinkBytes), CheckText("dependency thread_id", d.Thread, MaxNameBytes),
	}
	if rest, ok := strings.CutPrefix(d.Target, externalTarget); ok {
		if rest == "" || len(d.Target) > MaxNameBytes || strings.ContainsFunc(rest, func(r rune) bool { return !unicode.IsPrint(r) }) {
			errs = append(errs, fmt.Errorf("%w: dependency on %q", ErrBadBead, Clip(d.Target, 80)))
		}
	} else {
		errs = append(errs, CheckBeadID(d.Target))
	}
	if d.Bead == d.Target {
		errs = append(errs, fmt.Errorf("%w: %s depends on itself", ErrBadBead, Clip(d.Bead, MaxBeadID)))
	}
	if !wordPattern.MatchString(string(d.Type)) {
		errs = append(errs, fmt.Errorf("%w: dependency type %q is not a word", ErrBadBead, Clip(string(d.Type), 40)))
	}
	return errors.Join(append(errs, CheckTime("dependency created_at", d.CreatedAt))...)
}

// Validate reports what is wrong with the comment.
func (c Comment) Validate() error {
	errs := []error{
		CheckText("comment id", c.ID, MaxBeadID), CheckText("comment author", c.Author, MaxNameBytes),
		CheckText("comment", c.Text, MaxTextBytes), CheckTime("comment created_at", c.CreatedAt),
	}
	if strings.TrimSpace(c.Text) == "" {
		errs = append(errs, fmt.Errorf("%w: comment is empty", ErrBadBead))
	}
	return errors.Join(errs...)
}
