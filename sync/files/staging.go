package files

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// staging is a directory that will take the place of one in use.
//
// Otherwise a hundred thousand new files would get hidden names first and would then
// have to be renamed one by one, in a directory that people see filling up. Instead
// the files get their own names at once, in a hidden directory beside the one in
// use. The files that are there already are linked into it, and then the two
// directories exchange their names. swap.go deals with what people do meanwhile,
// and adopt.go with the old directory.
//
// The hidden directory is called .gt-renew-DIR-TOKEN. While it is the new one, it has
// a file called .gt-tmp-TOKEN, and everything in it may be deleted. Without that
// file it is the old one, and its files are put back where they belong.
type staging struct {
	*dir          // the directory in use; after the swap, the new one
	hidden, token string
	other         int // descriptor of the new directory; after the swap, of the old

	taken  map[string]struct{} // names in use; their jobs are written one by one
	jobs   []*job
	create sync.Mutex

	placed  int64 // the file system's time just before the swap
	swapped bool
	rescued []Rescue
}

const renewPrefix = hiddenPrefix + "renew-"

// errNotRenewable reports a directory with something that a new one would not have.
var errNotRenewable = errors.New("the directory cannot be renewed")

// taken returns the names in the directory. It stops at enough names: then there is
// no point in a new directory.
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

// stage makes a new directory. It returns nil if the one in use must stay.
func (d *dir) stage(taken map[string]struct{}) (*staging, error) {
	for name := range taken {
		if _, err := d.linkable(name); err != nil {
			return nil, nil
		}
	}
	if !d.sameMount(int(d.root.Fd())) {
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
	if errors.Is(err, errNotRenewable) {
		return nil, nil
	}
	return nil, fmt.Errorf("make %s beside %s: %w", s.hidden, kinds[d.kind].Dir(), err)
}

// begin makes the directory and marks it as the new one before it has any files.
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
	return s.copyAttributes()
}

// copyAttributes gives the new directory the owner and mode of the old one, so that
// new files get the same owner and group as they would get there.
func (s *staging) copyAttributes() error {
	var old, now unix.Stat_t
	if err := errors.Join(unix.Fstat(s.fd, &old), unix.Fstat(s.other, &now)); err != nil {
		return err
	}
	if old.Uid != now.Uid || old.Gid != now.Gid {
		if err := unix.Fchown(s.other, int(old.Uid), int(old.Gid)); err != nil {
			return errNotRenewable
		}
	}
	if err := unix.Fchmod(s.other, old.Mode&0o7777); err != nil {
		return err
	}
	had, err1 := attributes(s.fd)
	has, err2 := attributes(s.other)
	if err1 != nil || err2 != nil || had != has {
		return errNotRenewable // access lists and labels
	}
	return nil
}

// attributes returns the extended attributes of an open file as one text.
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

// sameMount reports whether other is on the same mount as the directory.
func (d *dir) sameMount(other int) bool {
	var a, b unix.Statx_t
	const mask = unix.STATX_BASIC_STATS | unix.STATX_MNT_ID
	if unix.Statx(d.fd, "", unix.AT_EMPTY_PATH, mask, &a) != nil || unix.Statx(other, "", unix.AT_EMPTY_PATH, mask, &b) != nil {
		return false
	}
	return a.Mnt_id == b.Mnt_id && a.Dev_major == b.Dev_major && a.Dev_minor == b.Dev_minor
}

// linkable returns the state of a file. It fails with errNotRenewable if the file
// cannot have a second name.
func (d *dir) linkable(name string) (unix.Stat_t, error) {
	st, err := lstat(d.fd, name)
	if err == nil && !regular(&st) && st.Mode&unix.S_IFMT != unix.S_IFLNK {
		err = errNotRenewable
	}
	return st, err
}

// write writes the file of a job into the new directory.
func (s *staging) write(j *job) (err error) {
	// The kernel creates the files of one directory one at a time, and other
	// processors spin while they wait. With this lock they write texts meanwhile.
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

// abandon removes a new directory that was not put in place, if there is one. It
// removes no file of a directory that is not marked as new.
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
		return unix.Unlinkat(root, s.hidden, unix.AT_REMOVEDIR) // it has no files yet
	} else if err != nil {
		return err
	}
	err = eachName(ctx, fd, func(name string) error {
		if name == mark {
			return nil // removed last, because it says that the rest may be removed
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
