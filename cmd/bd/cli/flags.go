package cli

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"gastown/cmd/internal/shell"
)

// Variables beside flags: the author, and where the Town is.
const (
	actorEnv       = "BEADS_ACTOR"
	formerActorEnv = "BD_ACTOR"
	beadsDirEnv    = "BEADS_DIR"
	beadsDBEnv     = "BEADS_DB"
)

// usageExit is the exit code for wrong usage. Scripts for the public bd test for 1.
const usageExit = 1

// schema is the version of the JSON that bd prints, as the public bd counts it.
const schema = 1

// ignored are flags of the public bd that have no meaning here: nothing pages, there
// is one format of lists, and the ledger needs neither flushing nor importing. The
// value says whether the flag has a value.
var ignored = map[string]bool{
	"sandbox": false, "no-pager": false, "flat": false, "pretty": false, "no-auto-flush": false, "no-auto-import": false,
	"allow-stale": false, "no-daemon": false, "no-db": false, "no-push": false, "no-git-ops": false, "profile": false,
	"global": false, "lock-timeout": true, "dolt-auto-commit": true,
}

// help is what bd --help says first.
func help() string {
	names := slices.Sorted(maps.Keys(ignored))
	return "The ledger of a Town's work: make, find, change and link beads.\n\n" +
		"Flags of the public bd that are accepted without effect: --" + strings.Join(names, ", --") + "."
}

// programFlags are the flags that every command of bd has.
func programFlags(p *shell.Program, i *shell.Invocation) {
	g := &p.Call().Globals
	p.Flag("actor", "Who does this (default: BEADS_ACTOR, BD_ACTOR, git's author, the Town's configuration, the login).").
		PlaceHolder("NAME").Default(cmp.Or(i.Getenv(actorEnv), i.Getenv(formerActorEnv))).StringVar(&g.ActorName)
	p.Flag("directory", "Run in this directory.").Short('C').PlaceHolder("DIR").StringVar(&g.Directory)
	p.Flag("db", "A path in the Town, instead of --town.").PlaceHolder("PATH").StringVar(&g.Database)
	p.Flag("readonly", "Refuse every command that may change something.").BoolVar(&g.ReadOnly)
	p.Flag("verbose", "Say on standard error how long opening the ledger and the work took.").Short('v').BoolVar(&g.Verbose)
}

// envTown is the Town that the environment names: GT_ROOT, or BEADS_DIR or BEADS_DB,
// which may be a Town's directory or any path in it.
func envTown(i *shell.Invocation) string {
	root, beads := i.Getenv(shell.RootEnv), cmp.Or(i.Getenv(beadsDirEnv), i.Getenv(beadsDBEnv))
	if root != "" || beads == "" {
		return root
	}
	if found, err := shell.TownOf(i.Abs(beads)); err == nil {
		return found
	}
	return i.Abs(beads)
}
