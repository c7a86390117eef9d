package cache

import "sync"

// defaultShare is which part of a budget one entry may take at most, an eighth:
// a single large answer does not push out everything else.
const defaultShare = 8

// Budget bounds the bytes of several caches together. A nil Budget bounds
// nothing.
type Budget struct {
	limit  int64
	mu     sync.Mutex
	caches []member
}

// member is a cache as its budget sees it.
type member interface {
	held() int64
	evict()
}

// NewBudget makes a budget of so many bytes. With 0 or less nothing is cached.
func NewBudget(bytes int64) *Budget { return &Budget{limit: max(bytes, 0)} }

// Limit is the number of bytes, Used how many of them are taken.
func (b *Budget) Limit() int64 { return b.limit }

// Most is how many bytes one entry may take at most.
func (b *Budget) Most() int64 { return b.limit / defaultShare }

// Used is how many bytes the entries of all caches take.
func (b *Budget) Used() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	used, _ := b.used()
	return used
}

func (b *Budget) used() (used int64, largest member) {
	most := int64(-1)
	for _, c := range b.caches {
		held := c.held()
		used += held
		if held > most {
			most, largest = held, c
		}
	}
	return used, largest
}

func (b *Budget) join(c member) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.caches = append(b.caches, c)
}

// fits reports whether one entry is small enough to be cached.
func (b *Budget) fits(bytes int64) bool { return b == nil || bytes <= b.Most() }

// trim makes room. The cache that holds most loses entries first.
func (b *Budget) trim() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		used, largest := b.used()
		if used <= b.limit || largest == nil {
			return
		}
		largest.evict()
	}
}
