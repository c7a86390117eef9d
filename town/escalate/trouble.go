package escalate

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"gastown/planes/ledger"
	"gastown/town"
)

// Label marks the beads of escalations; HumanLabel those for people, which bd human lists.
const (
	Label      = "escalation"
	HumanLabel = "human"
)

// IDPrefix begins the id of every escalation.
const IDPrefix = "esc-"

// maxKey is how long a key may be, in bytes. A longer From is cut to maxFrom.
const maxKey, maxFrom = 500, 200

// Severity says how soon a person must look.
type Severity string

// The severities, the most urgent first.
const (
	Critical Severity = "critical"
	High     Severity = "high"
	Medium   Severity = "medium"
	Low      Severity = "low"
)

// Severities lists every severity; the place of one is the priority of its beads.
var Severities = []Severity{Critical, High, Medium, Low}

// ParseSeverity accepts one of Severities.
func ParseSeverity(s string) (Severity, error) { return town.ParseWord("severity", s, Severities) }

// rank is the severity's place: 0 is the most urgent.
func (s Severity) rank() int {
	if n := slices.Index(Severities, s); n >= 0 {
		return n
	}
	return len(Severities) - 1
}

// pauses are how long an escalation waits before it is raised for the second time. Each
// further pause is twice as long, up to maxPause.
var pauses = map[Severity]time.Duration{Critical: 30 * time.Minute, High: 2 * time.Hour, Medium: 8 * time.Hour, Low: 24 * time.Hour}

const maxPause = 24 * time.Hour

// Pause is how long an escalation waits after it was raised so many times.
func (s Severity) Pause(times int) time.Duration {
	p := pauses[Severities[s.rank()]]
	for ; times > 1 && p < maxPause; times-- {
		p *= 2
	}
	return min(p, maxPause)
}

// mailPriority is the priority of the messages.
func (s Severity) mailPriority() ledger.MessagePriority {
	return ledger.MessagePriorities[min(s.rank(), len(ledger.MessagePriorities)-1)]
}

// Trouble is what a person must see.
type Trouble struct {
	// Key tells it from another trouble, such as "refinery/web/check-unrunnable/test".
	// The same one has the same key each time it is found. Without a key, what is said
	// about which bead is the key.
	Key string
	// Title says in one line what is wrong, Text everything that helps, Next the step
	// that is for a person.
	Title, Text, Next string
	// Severity is Medium if it is empty.
	Severity Severity
	// From is who raises it: an address such as web/refinery, or a person's name.
	From string
	// About is the bead that it concerns; "" for none.
	About string
	// Anew reopens an escalation that a person closed a moment ago. Without it the
	// trouble stays silent for a pause then, because a person said that it is mended.
	Anew bool
}

// normal fills in what was left out and checks the rest.
func (t Trouble) normal() (Trouble, error) {
	t.Title = strings.Join(strings.Fields(t.Title), " ")
	t.Severity = cmp.Or(t.Severity, Medium)
	t.From = town.Clip(t.From, maxFrom)
	if t.Key == "" {
		t.Key = "said/" + t.About + "/" + strings.ToLower(t.Title)
		if len(t.Key) > maxKey {
			t.Key = string(town.DigestOf(t.Key))
		}
	}
	_, err := ParseSeverity(string(t.Severity))
	errs := []error{err, town.CheckText("the key", t.Key, maxKey), town.CheckText("the title", t.Title, 4*town.MaxTitleChars),
		town.CheckText("the text", t.describe(), town.MaxTextBytes)}
	if t.Title == "" {
		errs = append(errs, fmt.Errorf("%w: it says nothing", town.ErrUsage))
	}
	if t.About != "" {
		errs = append(errs, town.CheckBeadID(t.About))
	}
	return t, errors.Join(errs...)
}

// describe is the text of the bead and of the first message.
func (t Trouble) describe() string {
	parts := []string{strings.TrimSpace(t.Text)}
	if t.Next != "" {
		parts = append(parts, "Next: "+strings.TrimSpace(t.Next))
	}
	return strings.TrimSpace(strings.Join(parts, "\n\n"))
}

// idLength is how many digits of the digest of a key are in an id: 50 bits.
const idLength = 10

// ID is the id of the bead of a key. There is more than one only when a person deleted
// the bead: then number counts from 0.
func ID(key string, number int) string {
	if number > 0 {
		key = fmt.Sprintf("%s\x00%d", key, number)
	}
	sum := sha256.Sum256([]byte(key))
	digits := new(big.Int).SetBytes(sum[:]).Text(36)
	return IDPrefix + digits[len(digits)-idLength:]
}
