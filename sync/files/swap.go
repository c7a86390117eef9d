package files

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// put makes the new directory the one in use. If that is impossible, it moves its
// files to the one in use, one by one. An error means that neither worked.
func (s *staging) put(ctx context.Context) error {
	links, err := s.link(ctx)
	if err == nil {
		err = s.swap()
	}
	switch {
	case ctx.Err() != nil && !s.swapped:
		return context.Cause(ctx)
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT), errors.Is(err, unix.EROFS), errors.Is(err, unix.EIO):
		return err
	case err != nil:
		return s.move(ctx)
	}
	for _, j := range s.jobs {
		j.done = j.skipped == nil
	}
	// From here on the hidden directory is the old one, and may have the only copy of
	// what people change in it.
	root := int(s.root.Fd())
	if err := unix.Fsync(root); err != nil {
		return err
	}
	s.between("swapped")
	if err := unix.Unlinkat(s.fd, tempPrefix+s.token, 0); err != nil && !gone(err) {
		return err
	}
	old := &adoption{dir: s.dir, from: s.other, links: links, made: sync.OnceValue(s.byFile)}
	err = old.run(context.WithoutCancel(ctx), func() error {
		return unix.Unlinkat(root, s.hidden, unix.AT_REMOVEDIR)
	})
	s.rescued = old.rescued
	if err != nil {
		return fmt.Errorf("remove the former %s, %s: %w", kinds[s.kind].Dir(), s.hidden, err)
	}
	return unix.Fsync(root)
}

func (s *staging) byFile() map[string]*job {
	all := make(map[string]*job, len(s.jobs))
	for _, j := range s.jobs {
		all[j.file(j.name)] = j
	}
	return all
}

// link links every file of the directory in use into the new one and returns their
// inodes. If somebody has made a file with the name of a job since, that file gets
// the name and the job is skipped.
func (s *staging) link(ctx context.Context) (map[string]uint64, error) {
	s.between("link")
	links := map[string]uint64{}
	var made map[string]*job
	err := eachName(ctx, s.fd, func(name string) error {
		st, err := s.linkable(name)
		if gone(err) {
			return nil
		}
		if err != nil {
			return err
		}
		err = unix.Linkat(s.fd, name, s.other, name, 0)
		if errors.Is(err, unix.EEXIST) {
			if made == nil {
				made = s.byFile()
			}
			if made[name] == nil {
				return err
			}
			made[name].outcome = outcome{skipped: ErrEdited, overtaken: true}
			if err := unix.Unlinkat(s.other, name, 0); err != nil {
				return err
			}
			err = unix.Linkat(s.fd, name, s.other, name, 0)
		}
		if gone(err) {
			return nil
		}
		links[name] = st.Ino
		return err
	})
	return links, err
}

// swap exchanges the names of the directories. Afterwards s.fd is the new one and
// s.other the one it replaced.
func (s *staging) swap() error {
	if err := unix.Fsync(s.other); err != nil {
		return err
	}
	now, ok := fsNow(s.other)
	if ok {
		s.placed = now
	}
	s.between("swap")
	root, name := int(s.root.Fd()), kinds[s.kind].Dir()
	if err := s.renameat2(root, s.hidden, root, name, unix.RENAME_EXCHANGE); err != nil {
		return err
	}
	// Somebody may have replaced the directory in use after it was opened.
	former, err := openat(root, s.hidden, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return errors.Join(err, s.renameat2(root, s.hidden, root, name, unix.RENAME_EXCHANGE))
	}
	unix.Close(s.fd)
	s.dir.fd, s.other, s.swapped, s.dir.renewed = s.other, former, true, true
	return nil
}

// move moves the files of the new directory to the one in use.
func (s *staging) move(ctx context.Context) error {
	for _, j := range s.jobs {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if j.skipped != nil {
			continue
		}
		file := j.file(j.name)
		switch err := s.placeFrom(s.other, file, file); {
		case err == nil:
			j.done, j.staging = true, nil
		case errors.Is(err, unix.EEXIST):
			j.outcome = outcome{skipped: ErrEdited, overtaken: true}
		default:
			return fmt.Errorf("%s: %w", s.path(file), err)
		}
	}
	return nil
}
