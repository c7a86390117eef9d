package durable

import (
	"errors"
	"slices"
	"syscall"
)

// machineErrors are the failures of this machine itself: its disk is full, read-only
// or broken, it denies access, or it has no more memory or open files.
var machineErrors = []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EACCES, syscall.EPERM, syscall.EIO,
	syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM}

// OfMachine reports a failure of this machine, as opposed to one of the data on it.
func OfMachine(err error) bool {
	return slices.ContainsFunc(machineErrors, func(kind syscall.Errno) bool { return errors.Is(err, kind) })
}
