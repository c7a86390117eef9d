// Package elsewhere answers for words of the public bd that are no commands here: it
// says in one line what does it in a Town, or that nothing does yet.
package elsewhere

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
)

// answers are the lines by word. A word leaves this table when it becomes a command.
var answers = map[string]string{
	// Done by other commands.
	"hooks":       "the Git hooks of a Town are those of gt: gt hooks install, gt hooks list",
	"federation":  "the exchange with other Towns is a command of gt: gt federation status, gt federation sync",
	"backup":      "backups of the whole Town are a command of gt: gt backup status, gt backup run; bd export -o FILE writes every bead",
	"vc":          "every change of a bead is a commit already: bd history ID shows those of one bead",
	"branch":      "the ledger of a Town has one branch; every Town has a ledger of its own",
	"diff":        "bd history ID shows what changed in a bead, gt feed what changed in the Town",
	"sql":         "bd list --json and bd stats read the ledger; while a Deacon runs, any MySQL client can use .gt/deacon/sql.sock",
	"gc":          "the Deacon collects the garbage of the databases by itself: gt deacon status",
	"compact":     "nothing is compacted: the Deacon keeps the databases small, and every text stays in bd history ID",
	"flatten":     "the history of beads stays whole; the Deacon keeps the databases small",
	"admin":       "settings are bd config list, checks are bd doctor and gt doctor, and the Deacon cleans up by itself",
	"cleanup":     "closed beads stay, and lists leave them out; bd delete ID archives one",
	"purge":       "nothing is ever lost here: bd delete ID archives a bead, bd restore ID brings it back",
	"prune":       "nothing is ever lost here: bd delete ID archives a bead, bd restore ID brings it back",
	"reset":       "nothing removes a Town; gt install DIR makes another one",
	"migrate":     "the databases migrate by themselves when a new version opens them; bd import FILE takes beads of the public bd",
	"bootstrap":   "gt install DIR makes a Town, gt federation join URL makes it one of a federation, bd import FILE takes beads",
	"daemon":      "the daemon of a Town is the Deacon: gt deacon start, gt deacon status",
	"repair-deps": "bd doctor finds links that lead nowhere, and bd dep remove takes them out",
	"upgrade":     "a new version is installed with make install, and opens what an older one made",
	"audit":       "bd history ID shows who changed what; gt feed shows the whole Town",
	"activity":    "gt feed shows what happens in the Town, gt feed --follow as it happens",
	"telemetry":   "nothing is sent to anybody; gt report and gt analyze show what the Town measures of itself",
	"metrics":     "the metrics of a Town are a command of gt: gt report, gt analyze; nothing is sent to anybody",
	"worktree":    "a polecat gets its working tree by gt sling ID RIG, a person by gt crew add NAME; gt worktree pool create keeps some ready",
	"mail":        "mail between agents is a command of gt: gt mail send, gt mail inbox, gt mail read ID",
	"mol":         "gt sling ID RIG --formula F gives a bead its steps as children; gt hook shows an agent those of its bead",
	"formula":     "formulas are files in federation/formulas; gt sling ID RIG --formula F runs one, gt federation push shares it",
	"cook":        "formulas are files in federation/formulas; gt sling ID RIG --formula F makes the steps of one",
	"pour":        "formulas are files in federation/formulas; gt sling ID RIG --formula F makes the steps of one",
	"wisp":        "steps are beads: gt sling ID RIG --formula F makes them, bd create --ephemeral a bead for a short time",
	"swarm":       "gt sling ID ID --rig=RIG --parallel gives several beads to polecats at once; bd ready lists what can be taken up",
	"merge-slot":  "changes are merged one after the other without a slot: gt done hands in, gt status shows what waits",
	"slot":        "what an agent has in hand is an assignment: gt hook shows one's own, gt polecat show RIG/NAME another's",
	"heartbeat":   "an agent says that it lives with gt heartbeat; a claim ends with bd close ID or bd unclaim ID, never by itself",
	"hb":          "an agent says that it lives with gt heartbeat; a claim ends with bd close ID or bd unclaim ID, never by itself",
	"agent":       "agents are commands of gt: gt agents list, gt polecat show RIG/NAME says what one does and why",
	"jira":        "beads are mirrored to Jira and issues imported by a plugin of the Deacon: gt plugin list; see docs/trackers.md",
	"github":      "beads are mirrored to GitHub issues and issues imported by a plugin of the Deacon: gt plugin list; see docs/trackers.md",
	"linear":      "beads are mirrored to Linear and issues imported by a plugin of the Deacon: gt plugin list; see docs/trackers.md",

	// Not here yet.
	"repo":              "a Town has one ledger; beads that others share arrive by gt federation pull and are read with bd list --town NAME",
	"gitlab":            "the exchange with GitLab is not here yet; bd import takes JSON lines, and external_ref stays on each bead",
	"ado":               "the exchange with Azure DevOps is not here yet; bd import takes JSON lines, and external_ref stays on each bead",
	"notion":            "the exchange with Notion is not here yet; bd import takes JSON lines, and external_ref stays on each bead",
	"gate":              "gates are not here yet: beads of the type gate are kept, and are no ready work",
	"lease":             "claims have no lease here: bd stale -s in_progress lists those that nobody works on",
	"reclaim":           "no claim runs out here: bd stale -s in_progress finds it, bd unclaim ID --force frees it",
	"promote":           "bd update ID --persistent keeps a short-lived bead",
	"rename":            "a bead keeps its id; bd rename-prefix NEW renames all of them",
	"ship":              "capabilities are not published here; bd close ID --reason TEXT ends the work",
	"create-form":       "bd create -f FILE.md makes beads from a file, bd edit ID opens one in an editor",
	"rules":             "rules for agents are files of the Town: templates/prime.md and the roles in federation/; bd prime shows them",
	"recompute-blocked": "nothing has to be computed again: bd ready and bd blocked read the links as they are",
	"move":              "a Town has one ledger: bd update ID --parent OTHER moves a bead in it",
	"refile":            "a Town has one ledger: bd update ID --parent OTHER moves a bead in it",
}

// Words are the words with an answer, in order.
func Words() []string { return slices.Sorted(maps.Keys(answers)) }

// Answer is the line for a word; "" for one that has none.
func Answer(word string) string { return answers[word] }

// Footer is the line of the main help that lists them.
func Footer() string {
	return "These words of the public bd say what does it here: " + strings.Join(Words(), ", ") + "."
}

// Commands adds to a program the words that its arguments may name.
func Commands(p *shell.Program) {
	for _, word := range Words() {
		if !p.Named(word) {
			continue
		}
		p.Add(p, shell.Command{
			Name: word, Help: "No command here: " + answers[word] + ".", Hidden: true, Examples: []string{"bd " + word},
			Permission: shell.MayReadProgram, NoTown: true, Repeatable: true,
			Define: func(*shell.Call, *kingpin.CmdClause) shell.Action {
				return func(context.Context) error { return errors.New("no " + word + " here: " + answers[word]) }
			},
		})
	}
}

// globals are the flags before a command that take a value.
var globals = []string{"--town", "--actor", "--wait", "--db", "--directory", "-C"}

// Command is the index of the argument that names the command; len(args) if none does.
func Command(args []string) int {
	for i := 0; i < len(args); i++ {
		switch {
		case slices.Contains(globals, args[i]):
			i++
		case !strings.HasPrefix(args[i], "-"):
			return i
		}
	}
	return len(args)
}

// Rewrite leaves out the arguments of a word with an answer, as none of its flags are
// known here. What concerns the answer itself stays.
func Rewrite(args []string) []string {
	i := Command(args)
	if i == len(args) || answers[args[i]] == "" {
		return args
	}
	kept := slices.Clone(args[:i+1])
	for _, a := range args[i+1:] {
		if a == "--json" || a == "--help" || a == "-h" {
			kept = append(kept, a)
		}
	}
	return kept
}
