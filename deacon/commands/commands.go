package commands

import (
	"context"
	"io"
	"time"

	"github.com/sirupsen/logrus"

	"gastown/deacon/invocation"
)

const (
	// defaultGrace is how long a command has to end after its context did.
	defaultGrace = 10 * time.Second
	// defaultMemory is how much the process may hold while commands run, in bytes.
	defaultMemory = 1 << 30
	// receiveTime bounds how long a front takes to send its request, and to say
	// Go after the answer.
	receiveTime = 10 * time.Second
	// maxConnections bounds the fronts that are connected at once. One beyond it gets
	// the place of a front that has sent no request, or runs its command itself.
	maxConnections = 1024
	// maxForeign bounds those of other users, so that they take no place of the owner's.
	maxForeign = 64
)

// Call is one invocation, as the code of a command gets it.
type Call struct {
	invocation.Request
	// Stdin, Stdout and Stderr are the caller's; before Command.Run they cannot be
	// used. They offer Fd, for questions about a terminal; nobody may close that
	// descriptor or change its modes.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// User and Process are the caller's on this machine, as the kernel says.
	User, Process int
	// Foreign says that the caller is neither the Town's owner nor root.
	Foreign bool
	// Files are what Command.Files asked the front for.
	Files *Files
}

// Command is a call whose arguments were understood. Nothing has run yet and
// nothing was printed.
type Command struct {
	// Name is the command without its arguments, such as "gt federation push".
	Name string
	// Town is the root of the Town the command is for; "" if it needs none.
	Town string
	// Class chooses the limit the command counts against; one without a limit may
	// run as often as there are connections.
	Class string
	// Alone says that it must have a process of its own.
	Alone bool
	// Writes says that it may change something; Repeatable that running it again
	// after it was cut off does no harm.
	Writes, Repeatable bool
	// Files are what the front of another user opens for it, at most invocation.MaxFiles.
	Files []invocation.File
	// Wait is how long it waits for a place among the commands that run.
	Wait time.Duration
	// Waiting tells its user what it waits for. May be nil.
	Waiting func(what string)
	// Run does it and returns the exit code.
	Run func(context.Context) int
	// Fail prints an error as the command would, and returns the exit code.
	Fail func(error) int
}

// Limits bound what runs at once.
type Limits struct {
	// Concurrent is how many commands of a class run at once; one that is not
	// named has no bound but the connections'.
	Concurrent map[string]int
	// Rate is how many commands begin in a second, Burst how many of them at once.
	Rate, Burst int
}

// Options describe a Server.
type Options struct {
	// Root is the Town's directory, and Engine what the Deacon's own program is:
	// a front with another engine runs its commands itself.
	Root   string
	Engine invocation.Identity
	// Prepare understands a call. It is called from many goroutines.
	Prepare func(Call) Command
	Log     logrus.FieldLogger
	// Limits are those at the start; SetLimits replaces them.
	Limits Limits
	// Done is told of each command that ended: its name, exit code, how long it
	// waited for its place and how long it ran; 0 for one of no Class. May be nil.
	Done func(name string, code int, waited, took time.Duration)
	// Refused is told, by reason, of each connection that was not served. May be nil.
	Refused func(reason string)
	// Foreign accepts processes of other users: Prepare decides what they may do.
	Foreign bool
	// Grace and Memory are the bounds of the package's documentation; 0 means
	// 10 s and 1 GiB.
	Grace  time.Duration
	Memory uint64

	// used says how much the process holds, in bytes; tests replace it.
	used func() uint64
}

func (o *Options) defaults() {
	if o.Grace == 0 {
		o.Grace = defaultGrace
	}
	if o.Memory == 0 {
		o.Memory = defaultMemory
	}
	if o.used == nil {
		o.used = heap
	}
	if o.Done == nil {
		o.Done = func(string, int, time.Duration, time.Duration) {}
	}
	if o.Refused == nil {
		o.Refused = func(string) {}
	}
}
