package backup

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"gastown/town/durable"
)

// notes are what the keeper remembers between runs. They only save work that would be done
// twice, so a file that cannot be read is begun anew.
type notes struct {
	Destinations map[string]*destinationNotes `json:"destinations"`
}

type destinationNotes struct {
	Kinds map[Kind]*Note `json:"kinds"`
	// Bad are files that were found damaged. The next point writes what was in them.
	Bad map[string]time.Time `json:"bad,omitempty"`
	// Unnamed are files that no point names, and since when.
	Unnamed map[string]time.Time `json:"unnamed,omitempty"`
	// Proofs are the last proof of each kind.
	Proofs map[Kind]*Proof `json:"proofs,omitempty"`
}

// Note is what happened last with points of a kind at a destination.
type Note struct {
	// Point is the newest point, Taken when, and State what the databases were then.
	Point string    `json:"point,omitempty"`
	Taken time.Time `json:"taken,omitzero"`
	State string    `json:"state,omitempty"`
	// Looked is when somebody last found nothing new.
	Looked time.Time `json:"looked,omitzero"`
	// Failed is when the last run failed and why; zero when it did not.
	Failed time.Time `json:"failed,omitzero"`
	Error  string    `json:"error,omitempty"`
}

// Current is when the destination last had everything there was. A time in the future,
// noted under a wrong clock, does not count.
func (n Note) Current(now time.Time) time.Time {
	looked, taken := Past(n.Looked, now), Past(n.Taken, now)
	if looked.After(taken) {
		return looked
	}
	return taken
}

// ahead is by how much a clock may differ from one that was read a moment earlier.
const ahead = time.Minute

// Past is a time that was noted, or zero if it is in the future.
func Past(t, now time.Time) time.Time {
	if t.After(now.Add(ahead)) {
		return time.Time{}
	}
	return t
}

// Proof is the outcome of the last proof.
type Proof struct {
	Point string    `json:"point,omitempty"`
	At    time.Time `json:"at,omitzero"`
	// Failed and Error are of the last attempt, if it failed.
	Failed time.Time `json:"failed,omitzero"`
	Error  string    `json:"error,omitempty"`
}

// Report is what the keeper remembers of a destination.
type Report struct {
	Destination
	Kinds  map[Kind]Note
	Proofs map[Kind]Proof
	// Bad is how many files were found damaged and not written anew yet.
	Bad int
}

// Status reports what happened last at each destination, from notes beside the Town: it
// reads no destination.
func (k *Keeper) Status() (all []Report, err error) {
	n, err := k.notes()
	if err != nil {
		return nil, err
	}
	for _, to := range k.Destinations {
		d := n.at(to.Name)
		r := Report{Destination: to, Kinds: map[Kind]Note{}, Proofs: map[Kind]Proof{}, Bad: len(d.Bad)}
		for kind, note := range d.Kinds {
			r.Kinds[kind] = *note
		}
		for kind, proof := range d.Proofs {
			r.Proofs[kind] = *proof
		}
		all = append(all, r)
	}
	return all, nil
}

func (k *Keeper) notesFile() string { return filepath.Join(k.Dir, "notes.json") }

func (k *Keeper) notes() (*notes, error) {
	n := &notes{}
	text, err := os.ReadFile(k.notesFile())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err == nil && json.Unmarshal(text, n) != nil {
		n = &notes{}
	}
	if n.Destinations == nil {
		n.Destinations = map[string]*destinationNotes{}
	}
	return n, nil
}

func (k *Keeper) save(n *notes) error {
	for name := range n.Destinations {
		if _, err := k.Destination(name); err != nil {
			delete(n.Destinations, name)
		}
	}
	text, err := json.MarshalIndent(n, "", " ")
	if err != nil {
		return err
	}
	return durable.WritePrivate(k.notesFile(), text)
}

func (n *notes) at(name string) *destinationNotes {
	d := n.Destinations[name]
	if d == nil {
		d = &destinationNotes{}
		n.Destinations[name] = d
	}
	if d.Kinds == nil {
		d.Kinds = map[Kind]*Note{}
	}
	if d.Proofs == nil {
		d.Proofs = map[Kind]*Proof{}
	}
	if d.Bad == nil {
		d.Bad = map[string]time.Time{}
	}
	return d
}

func (n *notes) of(name string, kind Kind) *Note {
	d := n.at(name)
	if d.Kinds[kind] == nil {
		d.Kinds[kind] = &Note{}
	}
	return d.Kinds[kind]
}

func (n *notes) isBad(name, key string) bool {
	_, bad := n.at(name).Bad[key]
	return bad
}

// heal forgets the damage of files that were written anew.
func (n *notes) heal(name string, keys []string) {
	for _, key := range keys {
		delete(n.at(name).Bad, key)
	}
}

// tell notes the outcome of a run.
func (n *Note) tell(began, now time.Time, state string, t Taken) {
	switch {
	case t.Err != nil:
		n.Failed, n.Error = now, t.Err.Error()
		return
	case t.Point != nil:
		n.Point, n.Taken, n.State = t.Point.Name, t.Point.Taken, state
	default:
		n.Looked = began
	}
	n.Failed, n.Error = time.Time{}, ""
}
