package sign

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"gastown/town"
)

// MaxKeys is how many keys a Town may have had, its present one included.
const MaxKeys = 1000

// Link is one key of a Town, as the registry names it.
type Link struct {
	Town town.ID
	// Number is 1 for the first key of the Town, and one more for each that follows.
	Number int
	Public Public
	// Signature is made with the key before this one; that of the first with itself.
	Signature string
}

func (l Link) message(store string) town.Digest {
	return town.DigestOf("gt key", store, string(l.Town), strconv.Itoa(l.Number), string(l.Public))
}

// Ring has the keys of each Town of a federation, in their order.
type Ring map[town.ID][]Public

// ErrChain reports a key that does not follow the keys of its Town.
var ErrChain = errors.New("the key is not signed by the one before it")

// Add takes a key that its Town's last one has signed, or the first key of a Town
// that has none. store is the federation. It takes a key that it has already.
func (r Ring) Add(store string, l Link) error {
	known := r[l.Town]
	if err := l.Public.Check(); err != nil {
		return err
	}
	if l.Number >= 1 && l.Number <= len(known) && known[l.Number-1] == l.Public {
		return nil
	}
	signer := l.Public
	if len(known) > 0 {
		signer = known[len(known)-1]
	}
	switch {
	case l.Number != len(known)+1:
		return fmt.Errorf("%w: key %d of Town %q does not follow %d known one(s)", ErrChain, l.Number, town.Clip(string(l.Town), 64), len(known))
	case l.Number > MaxKeys:
		return fmt.Errorf("there are more than %d keys of Town %q", MaxKeys, town.Clip(string(l.Town), 64))
	case !signer.verify(l.message(store), l.Signature):
		return fmt.Errorf("%w: key %d of Town %q", ErrChain, l.Number, town.Clip(string(l.Town), 64))
	}
	r[l.Town] = append(slices.Clip(known), l.Public)
	return nil
}

// Current is the key that a Town signs with; false if it has none, or has revoked it.
func (r Ring) Current(id town.ID) (Public, bool) {
	last, ok := r.Last(id)
	if !ok || r.Revoked(id) {
		return Revoked, false
	}
	return last, true
}

// Last is the last key of a Town, also of one that has revoked its keys; false if it has
// none.
func (r Ring) Last(id town.ID) (Public, bool) {
	keys := r[id]
	if r.Revoked(id) {
		keys = keys[:len(keys)-1]
	}
	if len(keys) == 0 {
		return Revoked, false
	}
	return keys[len(keys)-1], true
}

// IsCurrent reports whether a Town signs with that key; see Current.
func (r Ring) IsCurrent(id town.ID, p Public) bool {
	now, ok := r.Current(id)
	return ok && p == now
}

// IsLast reports whether that key is the last one of a Town; see Last.
func (r Ring) IsLast(id town.ID, p Public) bool {
	last, ok := r.Last(id)
	return ok && p == last
}

// Revoked reports whether a Town has revoked its keys.
func (r Ring) Revoked(id town.ID) bool {
	keys := r[id]
	return len(keys) > 0 && keys[len(keys)-1] == Revoked
}
