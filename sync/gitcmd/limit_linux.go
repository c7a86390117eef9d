package gitcmd

import (
	"syscall"
	"unsafe"
)

// limitFiles bounds the size of any file the process and its children write.
// It takes effect within the first moments of the process, long before git
// has a connection. Failure leaves the process unbounded, as on systems
// without the call; the sizes of objects are checked again when they are read.
func limitFiles(pid int, bytes int64) {
	lim := syscall.Rlimit{Cur: uint64(bytes), Max: uint64(bytes)}
	_, _, _ = syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), syscall.RLIMIT_FSIZE,
		uintptr(unsafe.Pointer(&lim)), 0, 0, 0)
}
