package durable

import (
	"errors"
	"slices"
	"strings"
	"syscall"
)

// machineErrors are the failures of this machine itself: its disk is full, read-only
// or broken, it denies access, or it has no more memory or open files. A text that
// contains another one stands before that one.
var machineErrors = []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EACCES, syscall.EPERM, syscall.EIO,
	syscall.ENFILE, syscall.EMFILE, syscall.ENOMEM}

// OfMachine reports a failure of this machine, as opposed to one of the data on it.
func OfMachine(err error) bool {
	return slices.ContainsFunc(machineErrors, func(kind syscall.Errno) bool { return errors.Is(err, kind) })
}

// Told finds the failure of this machine that a text describes. It is for libraries
// whose errors have nothing but a text.
func Told(text string) (kind syscall.Errno, ok bool) {
	for _, kind := range machineErrors {
		if strings.Contains(text, kind.Error()) {
			return kind, true
		}
	}
	return 0, false
}

// Advice is what a person can do about a failure of this machine; "" for other errors.
func Advice(err error) string {
	is := func(kinds ...syscall.Errno) bool {
		return slices.ContainsFunc(kinds, func(kind syscall.Errno) bool { return errors.Is(err, kind) })
	}
	switch {
	case is(syscall.ENOSPC, syscall.EDQUOT):
		return "free some space on this machine, then run it again: nothing was lost"
	case is(syscall.EIO):
		return "this machine's disk reports errors: copy the Town to another disk"
	case is(syscall.EMFILE, syscall.ENFILE):
		return "allow more open files, for instance with ulimit -n 4096, then run it again"
	case is(syscall.ENOMEM):
		return "free some memory on this machine, then run it again: nothing was lost"
	case is(syscall.EROFS, syscall.EACCES, syscall.EPERM):
		return "make the Town's directory writable for you, then run it again"
	}
	return ""
}
