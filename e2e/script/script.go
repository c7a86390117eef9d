// Package script writes programs that a test has other programs run.
package script

import (
	"os"
	"syscall"
)

// Write writes a file that its owner may run. While the file is open no process of this
// program is forked. One that is has the file open for writing until it runs its own
// program, and until then the kernel runs the file for nobody ("text file busy"). A test
// beside which others start processes needs that.
func Write(path, text string) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return os.WriteFile(path, []byte(text), 0o700)
}
