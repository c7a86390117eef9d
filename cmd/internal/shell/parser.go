package shell

import "time"

// defaultWait is how long a command waits for a lock of another process.
const defaultWait = 60 * time.Second

// Globals are the values of the flags that every command has.
type Globals struct {
	Town    string
	JSON    bool
	Quiet   bool
	NoColor bool
	Wait    time.Duration
	// ActorName replaces the author's name for changes of this call; "" keeps it.
	// Only programs that have a flag for it set it.
	ActorName string
	// Only programs that have flags for them set the following. Directory is where
	// the command runs instead of the working directory, and Database is a path in
	// the Town. ReadOnly refuses every command that may change something. Verbose
	// asks how long the steps took.
	Directory, Database string
	ReadOnly, Verbose   bool

	// reads says that this call may change nothing.
	reads bool
	// named says that --town was given.
	named bool
}

// StandardInput is a file name that means standard input, as a single dash does.
const StandardInput = "/dev/stdin"

// IsStandard reports whether the name of a file means standard input or output, as ""
// does.
func IsStandard(name string) bool { return name == "" || name == "-" || name == StandardInput }
