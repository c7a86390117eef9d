package shell

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/version"
	"gastown/town/layout"
)

// Command is one entry in a program's table.
type Command struct {
	Name, Help string
	// Examples are shown below the help, one a line.
	Examples []string
	// Alias is another name for the command; "" for none.
	Alias  string
	Hidden bool
	// Default says that the command runs when its group is named without a command.
	Default bool
	// Alone says that the command always has its own process and never runs inside
	// the Deacon, because it replaces planes, starts an editor, or may need any
	// amount of memory. AloneWith lists flags that have the same effect.
	Alone     bool
	AloneWith []string
	// EndlessWith lists flags with which the command goes on until a person
	// interrupts it. It then takes no place among the commands that run at once.
	EndlessWith []string
	// Planes lists the planes that the command uses.
	Planes []string
	// Permission is what the user must be allowed to do, as AREA:ACTION.
	Permission string
	// Writes says that the command may change something. WritesWith lists flags and
	// arguments with which a command that otherwise reads may. Repeatable says that
	// it may be run again after an interruption: it continues where it stopped.
	Writes, Repeatable bool
	WritesWith         []string
	// WritePermission replaces Permission with a flag or argument of WritesWith.
	WritePermission string
	// DryWith lists flags with which a command that writes only shows what it would
	// do. --readonly lets those pass.
	DryWith []string
	// MayBeEmpty lists the flags and arguments that mean something when their value is
	// empty; see Program.refuseEmpty.
	MayBeEmpty []string
	// Paths lists the flags and arguments that may name a path although what stands for
	// their value in the help does not say so (see pathWords). Another user than the Town's
	// owner may not use them.
	Paths []string
	// Reads lists the flags and arguments that name a file which the command only reads, and
	// only by Invocation.Open; "@FILE" as a value counts. Rewrites lists those that name a
	// file which it only writes, and only by Invocation.WriteFile. The front of another user
	// opens the files of both.
	Reads, Rewrites []string
	// Bounded says that another user's command runs inside the Deacon although it is Alone:
	// its process could not read the Town's files. The command bounds what it holds then.
	Bounded bool
	// NoTown says that the command needs no Town.
	NoTown bool
	// Define describes the command's flags and arguments, and returns its action.
	// It is called for each invocation, so no two invocations share options. The
	// call's flags have their values when the action or a completion hint runs.
	Define func(*Call, *kingpin.CmdClause) Action
}

// Group is what commands are added to: the program or another command.
type Group interface {
	Command(name, help string) *kingpin.CmdClause
}

// Action does the work of a command.
type Action func(context.Context) error

// Program is the parser of one invocation, with its table of commands.
type Program struct {
	*kingpin.Application
	call     *Call
	args     []string // after Traits.Rewrite, then in the parser's one form
	commands map[string]entry
	// words are the arguments; nil when every command must be fully described.
	words   map[string]bool
	ended   int          // the exit code with which the parser ended the run; -1 while it has not
	endedAt int          // how much was printed by then; the parser prints more afterwards
	printed bytes.Buffer // the parser's output
}

type entry struct {
	Command
	clause *kingpin.CmdClause
	action Action
}

// Traits are the differences between programs.
type Traits struct {
	Name, Help, Version string
	// Rewrite changes arguments before they are parsed. May be nil.
	Rewrite func([]string) []string
	// Footer is the last line of the main help; "" for none.
	Footer string
	// Ignored are the names of flags that the program accepts without effect, where a
	// command has none of that name. The value says whether the flag has a value.
	Ignored map[string]bool
	// UsageExit is the exit code for wrong usage; 0 is ExitUsage.
	UsageExit int
	// ErrorsOnStdout says that --json prints errors on standard output, too.
	ErrorsOnStdout bool
	// Schema, if not 0, is the schema_version of every JSON object that is printed.
	Schema int
	// EnvTown returns the directory of the Town that the environment names; "" if it
	// names none. nil is GT_ROOT.
	EnvTown func(*Invocation) string
	// Advice is the next step for errors that the program knows. May be nil.
	Advice func(error) string
	// QuietReview says that --quiet omits the message about open reviews.
	QuietReview bool
}

var parserSettings sync.Once

// NewProgram describes a program for one invocation, with the flags that every
// command has. Add the program's own flags before Begin, and commands after it.
func NewProgram(t Traits, i *Invocation) *Program {
	// An argument such as @x is a name here, not a file of arguments. The library
	// has one such setting for all parsers.
	parserSettings.Do(func() { kingpin.EnableFileExpansion = false })
	args := i.Args
	if t.Rewrite != nil {
		args = t.Rewrite(args)
	}
	p := &Program{
		Application: kingpin.New(t.Name, t.Help), commands: map[string]entry{}, ended: -1, args: args, words: named(args),
	}
	p.call = &Call{Invocation: i, traits: t, Name: t.Name}
	g := &p.call.Globals
	g.Wait = defaultWait // also when the arguments cannot be parsed
	p.Terminate(func(status int) {
		if p.ended < 0 {
			p.ended, p.endedAt = status, p.printed.Len()
		}
	})
	p.UsageWriter(&p.printed)
	p.ErrorWriter(&p.printed)
	p.UsageTemplate(UsageTemplate + footer(t.Footer))
	VersionFlag(p.Application, version.Line(t.Name), &p.printed, &p.ended)
	p.HelpFlag.Short('h')
	// Variables come from the caller's environment, so the parser may not read the
	// process's.
	p.Flag("town", "The Town's directory (default: GT_ROOT, or the nearest Town at or above the working directory).").
		PlaceHolder("DIR").StringVar(&g.Town)
	p.Flag("json", "Print results as JSON.").BoolVar(&g.JSON)
	p.Flag("quiet", "Print no summaries; errors and what was asked for are still printed.").Short('q').BoolVar(&g.Quiet)
	p.Flag("no-color", "Never use colours (so does NO_COLOR).").BoolVar(&g.NoColor)
	p.Flag("wait", "How long to wait while another process has the Town.").
		Default(defaultWait.String()).PlaceHolder("DURATION").DurationVar(&g.Wait)
	return p
}

// Begin ends the description of the program's own flags.
func (p *Program) Begin() { p.UsageFuncs(UsageFuncs(p.Application)) }

// Call is the invocation with its flags, which the commands get.
func (p *Program) Call() *Call { return p.call }

// Add adds a command to the table, below the program or a group of commands.
func (p *Program) Add(g Group, c Command) {
	clause := g.Command(c.Name, c.Help).HelpLong(Examples(c.Examples...))
	if c.Alias != "" {
		clause.Alias(c.Alias)
	}
	if c.Hidden {
		clause.Hidden()
	}
	if c.Default {
		clause.Default()
	}
	e := entry{Command: c, clause: clause}
	if p.words == nil || c.Default || p.words[c.Name] || p.words[c.Alias] {
		e.action = c.Define(p.call, clause)
	}
	p.commands[clause.FullCommand()] = e
}

// Named reports whether the arguments may name a command. A command that few callers
// need is added only then. It is true for help and completion, which need every command.
func (p *Program) Named(word string) bool { return p.words == nil || p.words[word] }

// named returns the arguments that may name commands. Most runs need the flags of
// one command, and describing all of them takes longer than parsing. nil means that
// every command is needed: for help, for completion, and when no command is named.
func named(args []string) map[string]bool {
	words := map[string]bool{}
	for _, arg := range args {
		switch {
		case arg == "help" || strings.HasPrefix(arg, "-") && strings.Contains(arg, "h"):
			return nil // -h, --help and its variants, --completion-bash, or a combination of short flags with an h
		case arg != "" && !strings.HasPrefix(arg, "-"):
			words[arg] = true
		}
	}
	if len(words) == 0 {
		return nil
	}
	return words
}

// Table lists the commands by full name, for documentation and checks.
func (p *Program) Table() map[string]Command {
	all := map[string]Command{}
	for name, e := range p.commands {
		all[name] = e.Command
	}
	return all
}

// FindTown is the Town of --town or of the environment, otherwise the nearest one.
func (c *Call) FindTown() (layout.Town, error) {
	named := c.Town
	if named == "" && c.Directory == "" {
		named = c.EnvTown()
	}
	return FindTown(c.Dir, named)
}

// errShown is an error that was printed completely before.
var errShown = errors.New("see the findings")

// Shown is an error that only sets the exit code, because everything was printed
// before.
func Shown(kind error) error {
	if kind == nil {
		return errShown
	}
	return errors.Join(errShown, kind)
}
