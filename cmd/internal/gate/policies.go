package gate

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"syscall"

	"gastown/town"
	"gastown/town/access"
	"gastown/town/layout"
	"gastown/town/strict"
)

// policies reads config/access.yaml of Towns when it has changed, and remembers the last
// one that was right. Its methods may be called from many goroutines.
type policies struct {
	// say is told of each file that does not count, once. May be nil.
	say func(error)

	mu    sync.Mutex
	known map[string]*known // by the Town's root
}

// known is what was read last.
type known struct {
	stamp  stamp
	policy *access.Policy
	good   bool // policy was read from a file
	err    error
}

// stamp distinguishes states of a file.
type stamp struct {
	exists                bool
	device, inode         uint64
	size, changed, modify int64
	mode                  fs.FileMode
}

func stampOf(path string) (stamp, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return stamp{}, nil
	}
	if err != nil {
		return stamp{}, err
	}
	s := stamp{exists: true, size: info.Size(), modify: info.ModTime().UnixNano(), mode: info.Mode()}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.device, s.inode, s.changed = uint64(sys.Dev), sys.Ino, sys.Ctim.Nano()
	}
	return s, nil
}

// of is shell.Gate's Policy. It costs one stat call while the file does not change.
func (p *policies) of(t layout.Town) (*access.Policy, error) {
	now, err := stampOf(t.Access())
	p.mu.Lock()
	defer p.mu.Unlock()
	k := p.known[t.Root]
	if k != nil && err == nil && k.stamp == now {
		return k.policy, k.err
	}
	if k == nil {
		k = &known{}
		if p.known == nil {
			p.known = map[string]*known{}
		}
		p.known[t.Root] = k
	}
	k.read(t, now, err)
	if k.err != nil && p.say != nil {
		p.say(k.err)
	}
	return k.policy, k.err
}

// read takes what the file says now. A file that is wrong, or gone, leaves the former
// policy in force.
func (k *known) read(t layout.Town, now stamp, err error) {
	k.stamp = now
	if err == nil && !now.exists {
		if !k.good {
			k.policy, k.err = access.Absent(), nil
			return
		}
		err = fault("it is gone: restore it, or restart the Deacon to do without it")
	}
	if err == nil {
		var policy *access.Policy
		if policy, err = load(t); err == nil {
			k.policy, k.good, k.err = policy, true, nil
			return
		}
	}
	if k.err = err; !k.good {
		k.policy = access.Broken(err)
	}
}

func fault(format string, args ...any) error {
	return town.Fail("read config/access.yaml", "gt access list says whether it is in force", format, args...)
}

// load reads the file. One that others may write decides nothing.
func load(t layout.Town) (*access.Policy, error) {
	info, err := os.Stat(t.Access())
	if err != nil {
		return nil, fault("%w", err)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return nil, town.Fail("read config/access.yaml", "chmod 600 "+t.Access(), "others may write it (mode %04o)", info.Mode().Perm())
	}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok && !owns(t, int(sys.Uid)) {
		return nil, town.Fail("read config/access.yaml", "as root: chown of it to the Town's owner", "it belongs to user %d, who does not own the Town", sys.Uid)
	}
	data, err := strict.ReadFile(t.Access(), access.MaxFile)
	if err != nil {
		return nil, fault("%w", err)
	}
	return access.Parse(data)
}

// owns reports whether a Town is a user's, or the user is root, who can do anything anyway.
func owns(t layout.Town, user int) bool {
	if user == 0 {
		return true
	}
	info, err := os.Stat(t.Root)
	if err != nil {
		return false
	}
	sys, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(sys.Uid) == user
}
