package shell

import (
	"io"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
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

// NewParser describes a program and the flags of every command. ended is the
// exit code of a parse that was the whole run (--help, --version), and negative
// otherwise. More global flags are described before UsageFuncs are.
func NewParser(name, help, version string, stdout, stderr io.Writer, g *Globals) (p *kingpin.Application, ended *int) {
	// An argument such as @x is a name here, not a file of arguments.
	kingpin.EnableFileExpansion = false
	code := -1
	p = kingpin.New(name, help)
	p.Terminate(func(status int) {
		if code < 0 {
			code = status
		}
	})
	p.UsageWriter(stdout)
	p.ErrorWriter(stderr)
	p.UsageTemplate(UsageTemplate)
	VersionFlag(p, name+" "+version, stdout, &code)
	p.HelpFlag.Short('h')
	p.Flag("town", "The Town's directory (default: the nearest Town at or above the working directory).").
		PlaceHolder("DIR").Envar("GT_ROOT").StringVar(&g.Town)
	p.Flag("json", "Print results as JSON.").BoolVar(&g.JSON)
	p.Flag("quiet", "Print no summaries; errors and what was asked for are still printed.").Short('q').BoolVar(&g.Quiet)
	p.Flag("no-color", "Never use colours (so does NO_COLOR).").BoolVar(&g.NoColor)
	p.Flag("wait", "How long to wait while another process has the Town.").
		Default(defaultWait.String()).PlaceHolder("DURATION").DurationVar(&g.Wait)
	return p, &code
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
