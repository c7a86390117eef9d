package files

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// staging is a directory that is going to take the place of one in use.
//
// A hundred thousand new files under hidden names would all have to be renamed,
// one by one, in a directory that people see filling up. Instead they get their
// own names at once, in a hidden directory beside the one in use. What is there
// already is linked into it, and then the two directories change places. See
// swap.go for what a person does meanwhile, adopt.go for what becomes of the
// old one.
//
// The hidden directory is called .gt-renew-DIR-TOKEN. As long as it is the new
// one it has a file called .gt-tmp-TOKEN, and nobody misses it; without such a
// file it is the old one, and what is in it is put back where it belongs.
type staging struct {
	*dir          // the one in use; its descriptor changes with the directories
	hidden, token string
	other         int // descriptor of the new directory; after the swap, of the old

	taken  map[string]struct{} // names in use, whose jobs go the ordinary way
	jobs   []*job
	create sync.Mutex

	placed  int64 // by the file system's clock, when the names were not yet seen
	swapped bool
	rescued []Rescue
}

const renewPrefix = hiddenPrefix + "renew-"

// errKeep reports a directory that has something a new one would not.
var errKeep = errors.New("the directory cannot be renewed")

// taken returns the names in the directory, or so many of them as make it
// pointless to renew it.
func (d *dir) taken(ctx context.Context, enough int) (map[string]struct{}, error) {
	names := map[string]struct{}{}
	err := eachName(ctx, d.fd, func(name string) error {
		if names[name] = struct{}{}; len(names) >= enough {
			return errStop
		}
		return nil
	})
	if errors.Is(err, errStop) {
		err = nil
	}
	return names, err
}

var errStop = errors.New("stop")

// stage begins a new directory, nil if the one in use has to stay.
func (d *dir) stage(taken map[string]struct{}) (*staging, error) {
	for name := range taken {
		if _, err := d.linkable(name); err != nil {
			return nil, nil
		}
	}
	if !d.alike(int(d.root.Fd())) {
		return nil, nil // something is mounted there
	}
	s := &staging{dir: d, token: rand.Text(), other: -1, taken: taken}
	s.hidden = renewPrefix + kinds[d.kind].Dir() + "-" + s.token
	err := s.begin()
	if err == nil {
		return s, nil
	}
	if err := s.abandon(context.Background()); err != nil {
		return nil, err
	}
	if errors.Is(err, errKeep) {
		return nil, nil
	}
	return nil, fmt.Errorf("make %s beside %s: %w", s.hidden, kinds[d.kind].Dir(), err)
}

// begin makes the directory, and makes it known as the new one before anything
// is in it.
func (s *staging) begin() error {
	root := int(s.root.Fd())
	if err := unix.Mkdirat(root, s.hidden, 0o700); err != nil {
		return err
	}
	fd, err := openat(root, s.hidden, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	s.other = fd
	mark, err := openat(fd, tempPrefix+s.token, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(unix.Fsync(mark), unix.Close(mark), unix.Fsync(fd), unix.Fsync(root)); err != nil {
		return err
	}
	return s.imitate()
}

// imitate gives the new directory the owner and mode of the old one, so that
// files in it become what they would have become there.
func (s *staging) imitate() error {
	var old, now unix.Stat_t
	if err := errors.Join(unix.Fstat(s.fd, &old), unix.Fstat(s.other, &now)); err != nil {
		return err
	}
	if old.Uid != now.Uid || old.Gid != now.Gid {
		if err := unix.Fchown(s.other, int(old.Uid), int(old.Gid)); err != nil {
			return errKeep
		}
	}
	if err := unix.Fchmod(s.other, old.Mode&0o7777); err != nil {
		return err
	}
	had, err1 := attributes(s.fd)
	has, err2 := attributes(s.other)
	if err1 != nil || err2 != nil || had != has {
		return errKeep // access lists and labels
	}
	return nil
}

// attributes spells the extended attributes of an open file.
func attributes(fd int) (string, error) {
	list := make([]byte, 4096)
	n, err := unix.Flistxattr(fd, list)
	if unsupported(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	all := string(list[:n])
	for i, start := 0, 0; i < n; i++ {
		if list[i] != 0 {
			continue
		}
		value := make([]byte, 4096)
		size, err := unix.Fgetxattr(fd, string(list[start:i]), value)
		if err != nil {
			return "", err
		}
		all += fmt.Sprintf("%q", value[:size])
		start = i + 1
	}
	return all, nil
}

// alike reports that other lies on the same mount as the directory.
func (d *dir) alike(other int) bool {
	var a, b unix.Statx_t
	const mask = unix.STATX_BASIC_STATS | unix.STATX_MNT_ID
	if unix.Statx(d.fd, "", unix.AT_EMPTY_PATH, mask, &a) != nil || unix.Statx(other, "", unix.AT_EMPTY_PATH, mask, &b) != nil {
		return false
	}
	return a.Mnt_id == b.Mnt_id && a.Dev_major == b.Dev_major && a.Dev_minor == b.Dev_minor
}

// linkable reports errKeep for what cannot have a second name.
func (d *dir) linkable(name string) (unix.Stat_t, error) {
	st, err := lstat(d.fd, name)
	if err == nil && !regular(&st) && st.Mode&unix.S_IFMT != unix.S_IFLNK {
		err = errKeep
	}
	return st, err
}

// write makes the file of a job in the new directory.
func (s *staging) write(j *job) (err error) {
	// The kernel makes files of one directory one at a time in any case, and
	// lets other processors wait in circles; here they fill files meanwhile.
	s.create.Lock()
	fd, err := openat(s.other, j.file(j.name), unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, fileMode)
	s.create.Unlock()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	j.written, err = fill(fd, j.text)
	return err
}

// abandon removes a new directory that was not put in place, if there is one.
// It touches nothing in a directory that does not say it is new.
func (s *staging) abandon(ctx context.Context) error {
	root := int(s.root.Fd())
	fd, err := openat(root, s.hidden, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	mark := tempPrefix + s.token
	if _, err := lstat(fd, mark); gone(err) {
		return unix.Unlinkat(root, s.hidden, unix.AT_REMOVEDIR) // nothing was made in it yet
	} else if err != nil {
		return err
	}
	err = eachName(ctx, fd, func(name string) error {
		if name == mark {
			return nil // last, for it says that the rest may be removed
		}
		return unix.Unlinkat(fd, name, 0)
	})
	if err != nil {
		return err
	}
	if err := unix.Fsync(fd); err != nil {
		return err
	}
	if err := unix.Unlinkat(fd, mark, 0); err != nil {
		return err
	}
	return unix.Unlinkat(root, s.hidden, unix.AT_REMOVEDIR)
}
