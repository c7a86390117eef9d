// Package terminal makes pseudo-terminals for tests.
package terminal

import (
	"fmt"
	"os"
	"regexp"
	"testing"

	"golang.org/x/sys/unix"
)

// Open makes a pseudo-terminal: what is written to person is read from program, and
// the other way round. Both are closed at the end of the test.
func Open(t testing.TB) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = program.Close() })
	return person, program
}

// ReadUntil reads what a program shows until want is there, and returns all of it.
func ReadUntil(t testing.TB, person *os.File, want string) (screen string) {
	t.Helper()
	return ReadUntilMatch(t, person, regexp.MustCompile(regexp.QuoteMeta(want)))
}

// ReadUntilMatch reads what a program shows until something matches, and returns all of it.
func ReadUntilMatch(t testing.TB, person *os.File, want *regexp.Regexp) (screen string) {
	t.Helper()
	buf := make([]byte, 4096)
	for !want.MatchString(screen) {
		n, err := person.Read(buf)
		if err != nil {
			t.Fatalf("waiting for %q: %v; shown so far: %q", want, err, screen)
		}
		screen += string(buf[:n])
	}
	return screen
}
