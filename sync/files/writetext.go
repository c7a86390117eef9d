package files

import (
	"errors"

	"golang.org/x/sys/unix"
)

// fileMode is the mode of new files, before the umask.
const fileMode = 0o644

// defaultFlushEvery is after how many texts the disk is asked to begin.
const defaultFlushEvery = 20_000

// writeTemp writes the text to a hidden file with the mode of the file it will
// replace, or the usual one.
func (a *apply) writeTemp(j *job, mode uint32) (err error) {
	temp := tempName()
	fd, err := openat(j.fd, temp, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	j.temp = temp
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	if j.written, err = fill(fd, j.text); err != nil {
		return err
	}
	if mode != 0 {
		if err := unix.Fchmod(fd, mode); err != nil {
			return err
		}
	}
	if !a.bulk {
		return unix.Fsync(fd)
	}
	return nil
}

// fill writes a text to a new file and returns what the file then is.
func fill(fd int, text string) (stamp, error) {
	for b := []byte(text); len(b) > 0; {
		n := 0
		if err := retryInterrupted(func() (err error) { n, err = unix.Write(fd, b); return err }); err != nil {
			return stamp{}, err
		}
		b = b[n:]
	}
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	return stampOf(&st), err
}

// flushSome lets the disk begin while more is being written. Whether all got
// there is for flush to find out.
func (a *apply) flushSome() error {
	_ = unix.Syncfs(int(a.root.Fd()))
	return nil
}
