package shell

import (
	"strings"
	"time"
)

// defaultWait is how long a command waits for what another process holds.
const defaultWait = 60 * time.Second

// Globals is what the flags of every command say.
type Globals struct {
	Town    string
	JSON    bool
	Quiet   bool
	NoColor bool
	Wait    time.Duration
	// ActorName replaces the author's name in what the call changes; "" leaves it.
	// Only programs with a flag for it set it.
	ActorName string
}

// StandardInput is the file that - stands for.
const StandardInput = "/dev/stdin"

// ReadDash replaces arguments that are a dash, which the parser would take for
// none, by the file they stand for. What comes after -- stays.
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
