package shell

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kingpin/v2"
)

// manFlag prints the program's man page. The parser's own flag writes to the
// process's standard output, and its page has no examples.
const manFlag = "--help-man"

// writeMan writes the man page of a program, in the macros of man(7).
func (p *Program) writeMan(w io.Writer) {
	m := p.Model()
	name := m.Name
	summary, _, _ := strings.Cut(m.Help, "\n")
	help, summary := roff(m.Help), roff(summary)
	fmt.Fprintf(w, ".TH %s 1 \"\" \"%s %s\"\n", strings.ToUpper(name), name, p.call.Version())
	fmt.Fprintf(w, ".SH NAME\n%s \\- %s\n", name, strings.TrimSuffix(summary, "."))
	fmt.Fprintf(w, ".SH SYNOPSIS\n.B %s\n[\\fIflags\\fR] \\fIcommand\\fR [\\fIarguments\\fR]\n", name)
	fmt.Fprintf(w, ".SH DESCRIPTION\n%s\n", help)
	fmt.Fprint(w, ".SH OPTIONS\nEvery command has these.\n")
	manFlags(w, m.Flags)
	fmt.Fprint(w, ".SH COMMANDS\n")
	for _, c := range m.FlattenedCommands() {
		if c.Hidden {
			continue
		}
		fmt.Fprintf(w, ".SS %s\n%s\n", roff(strings.TrimSpace(c.FullCommand+" "+manArguments(c))), roff(c.Help))
		for _, a := range c.Args {
			if a.Help != "" && !a.Hidden {
				fmt.Fprintf(w, ".TP\n.I %s\n%s\n", roff(argumentName(a)), roff(a.Help))
			}
		}
		manFlags(w, c.Flags)
		if c.HelpLong != "" {
			fmt.Fprintf(w, ".PP\nExamples:\n.PP\n.nf\n%s\n.fi\n", roff(c.HelpLong))
		}
	}
	fmt.Fprint(w, ".SH EXIT STATUS\n")
	for code, meaning := range []string{
		"done", "failed", "wrong usage", "something awaits a person's review", "locked or busy: try again later", "refused by a rule",
	} {
		if p.call.exitCode(code) != code {
			continue
		}
		fmt.Fprintf(w, ".TP\n%d\n%s\n", code, meaning)
	}
	fmt.Fprintf(w, ".SH ENVIRONMENT\n.TP\nGT_ROOT\nThe Town's directory, unless \\-\\-town names one.\n"+
		".TP\nGT_ALONE\nIf set, the command runs in a process of its own, not in the Deacon.\n"+
		".SH SEE ALSO\n.B %s %s \\-\\-help\n", name, "\\fIcommand\\fR")
}

// argumentForm is an argument as the form of a command shows it: ID, or ID... for a list.
func argumentForm(a *kingpin.ArgModel) string {
	if cumulative(a.Value) {
		return argumentName(a) + "..."
	}
	return argumentName(a)
}

// manArguments lists a command's flags and arguments on one line.
func manArguments(c *kingpin.CmdModel) string {
	words := strings.Fields(c.FlagSummary())
	for _, a := range c.Args {
		if a.Hidden {
			continue
		}
		word := argumentForm(a)
		if !a.Required {
			word = "[" + word + "]"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func argumentName(a *kingpin.ArgModel) string {
	if a.PlaceHolder != "" {
		return a.PlaceHolder
	}
	return a.Name
}

func manFlags(w io.Writer, flags []*kingpin.FlagModel) {
	for _, f := range flags {
		if !f.Hidden {
			row := flagRows([]*kingpin.FlagModel{f})[0]
			fmt.Fprintf(w, ".TP\n.B %s\n%s\n", roff(strings.TrimSpace(row[0])), roff(row[1]))
		}
	}
}

// roff escapes text for a man page.
func roff(text string) string {
	lines := strings.Split(strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
