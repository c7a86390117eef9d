package sign

import (
	"runtime"
	"sync/atomic"

	"gastown/town"
	"gastown/town/group"
)

// Signature says that a Town wrote a row: the one with that digest.
type Signature struct {
	// Digest names the row, with all its values.
	Digest town.Digest
	Town   town.ID
	Signer Public
	// Value is the signature, as 128 hexadecimal digits.
	Value string
}

// message is what is signed. store is the federation.
func message(store string, digest town.Digest, id town.ID) town.Digest {
	return town.DigestOf("gt row", store, string(digest), string(id))
}

// Holds reports whether the signature is its signer's. Whether that is a key of the
// Town is for Ring to say.
func (s Signature) Holds(store string) bool {
	return s.Signer.verify(message(store, s.Digest, s.Town), s.Value)
}

// verifyAtOnce is how many signatures one goroutine takes at a time.
const verifyAtOnce = 64

// Valid reports which of some signatures hold and are of a key that accepts allows for
// the Town. It uses all processors. accepts is called by one goroutine.
func Valid(store string, list []Signature, accepts func(town.ID, Public) bool) []bool {
	valid := make([]bool, len(list))
	for i, s := range list {
		valid[i] = accepts(s.Town, s.Signer)
	}
	var next atomic.Int64
	workers := group.New()
	for range min(runtime.GOMAXPROCS(0), (len(list)+verifyAtOnce-1)/verifyAtOnce) {
		workers.Go(func() error {
			for {
				from := int(next.Add(verifyAtOnce)) - verifyAtOnce
				if from >= len(list) {
					return nil
				}
				for i := from; i < min(from+verifyAtOnce, len(list)); i++ {
					valid[i] = valid[i] && list[i].Holds(store)
				}
			}
		})
	}
	if workers.Wait() != nil {
		clear(valid) // a panic: nothing is known
	}
	return valid
}
