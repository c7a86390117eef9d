package shell

import (
	"strings"
	"time"
)

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
}

// StandardInput is the file name that - is replaced by.
const StandardInput = "/dev/stdin"

// ReadDash replaces arguments that are a single dash by StandardInput, because the
// parser would drop them. Arguments after -- are unchanged.
func ReadDash(args []string) []string {
	out := make([]string, len(args))
	for i, arg := range args {
		if arg == "--" {
			copy(out[i:], args[i:])
			break
		}
		if arg == "-" {
			arg = StandardInput
		}
		if flag, ok := strings.CutSuffix(arg, "=-"); ok && strings.HasPrefix(arg, "--") {
			arg = flag + "=" + StandardInput
		}
		out[i] = arg
	}
	return out
}
