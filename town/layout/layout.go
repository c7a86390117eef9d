// Package layout knows every path in a Town. Nothing else in the project joins
// a path below the Town's root by hand, so this file is the map:
//
//	<town>/
//	  config/town.yaml       identity and settings (0600)
//	  config/access.yaml     users, roles, permissions
//	  config/sharing.yaml    which records of the ledger leave (0600)
//	  config/trust.json      which other Towns a person trusts, and with which keys (0600)
//	  config/rigs.yaml       the projects
//	  config/agents.yaml     presets of agents that differ from the built-in ones
//	  config/prices.yaml     what models cost, where that differs from the built-in prices
//	  federation/            files people edit: roles/ formulas/ templates/
//	  deacon/schedule.yaml   when the Deacon's jobs run, where that differs from the default
//	  deacon/plugins.yaml    the Deacon's plugins
//	  deacon/rules.yaml      rules about the Town's figures, where they differ from the built-in ones
//	  rigs/                  clones of the projects, and the working trees of who works on them
//	  mayor/                 where the Mayor's session works
//	  .beads/                changes with the ledger, for programs that watch files; holds no data
//	  .gt/                   gt's own; never edited, never tracked; in a Git
//	                         repository a link to .git/gt (see GitPlace)
//	    data/<plane>/        one Dolt data directory per plane
//	    exchange/<name>/     records shared through a remote, a Dolt data directory
//	    remotes/<name>/      one federation remote: mirror/ objects.git/ state.json
//	    engine/              the database engine's own settings
//	    instance             which directory of the Town this is, of those that copies may have made (0600)
//	    keys                 what the Town signs with (0600)
//	    index                what the files in federation/ were when last written
//	    locks/               one lock file per thing that may have one owner
//	    retired/             databases that a join or a restore replaced
//	    backups/             what taking backups remembers, and what it makes meanwhile
//	    report.json          the figures of the last gt report, with which the next one compares
//	    joining              while a join replaces a store: the store it replaces
//	    touched/             the bead that each author last worked on
//	    forgotten            Towns that this one does not show any more
//	    reviews              the open reviews the operational plane was last told
//	    sessions/            locks and limits of agents' sessions
//	    refinery/<rig>/      logs of checks, and what a check needs
//	    tmux.sock            the Town's own tmux server
//	    hooks.log            what Git hooks led to; hooks.log.1 is the one before
//	    plugins/             files of the programs of plugins, while they run
//	    notify.secret        what a request to pull must be signed with (0600)
//	    notify.newest        the time of the newest such request that was accepted (0600)
//	    secrets.env          secrets that settings and plugins.yaml refer to (0600)
//	    series/              figures over time; series.aside/ is what could not be read of them
//	    deacon/              the Town's daemon: deacon.lock deacon.log sql.sock control.sock command.sock
package layout

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"gastown/town"
)

// Town is the layout of the Town whose root directory is Root (absolute).
type Town struct{ Root string }

// Names of the data planes, which are also the names of their databases.
const (
	Operational = "operational"
	Ledger      = "ledger"
	Federation  = "federation"
)

func (t Town) join(elem ...string) string {
	return filepath.Join(append([]string{t.Root}, elem...)...)
}

// Config is the Town's own configuration; its presence marks a directory as a Town.
func (t Town) Config() string { return t.join("config", "town.yaml") }

// Access is the access control file.
func (t Town) Access() string { return t.join("config", "access.yaml") }

// Trust holds what people decided about the keys of other Towns.
func (t Town) Trust() string { return t.join("config", "trust.json") }

// Sharing holds the rules by which records of the ledger leave the Town.
func (t Town) Sharing() string { return t.join("config", "sharing.yaml") }

// RigsConfig holds the settings of the rigs.
func (t Town) RigsConfig() string { return t.join("config", "rigs.yaml") }

// Rigs is the directory of the rigs' clones and sandboxes; see town/rig.
func (t Town) Rigs() string { return t.join("rigs") }

// Mayor is the directory in which the Mayor's session works.
func (t Town) Mayor() string { return t.join("mayor") }

// Agents holds presets of agents.
func (t Town) Agents() string { return t.join("config", "agents.yaml") }

// Prices holds what models cost.
func (t Town) Prices() string { return t.join("config", "prices.yaml") }

// PricesKept are the prices that could be read last, for while the present ones cannot.
func (t Town) PricesKept() string { return t.join(".gt", "deacon", "prices.yaml") }

// Sessions is the directory of gt's files about agents' sessions.
func (t Town) Sessions() string { return t.join(".gt", "sessions") }

// Refinery is where the refinery of a rig has its logs and what a check needs.
func (t Town) Refinery(rig string) string { return t.join(".gt", "refinery", rig) }

// Files is the directory of the files people edit.
func (t Town) Files() string { return t.join("federation") }

// Private is the directory of gt's own files.
func (t Town) Private() string { return t.join(".gt") }

// Data is the Dolt data directory of one plane. The database inside it, a
// directory of the plane's name, is opened by planes/doltdb alone.
func (t Town) Data(plane string) string { return t.join(".gt", "data", plane) }

// Exchange is the database of the ledger's records that are shared through one
// remote. It does not lie beside the planes, because their server would open it
// too. What is in it can be derived again.
func (t Town) Exchange(remote string) string { return t.join(".gt", "exchange", remote, "exchange") }

// Engine is where the database engine keeps settings of its own.
func (t Town) Engine() string { return t.join(".gt", "engine") }

// Instance says which directory of the Town this is; see town/instance.
func (t Town) Instance() string { return t.join(".gt", "instance") }

// Keys are what the Town signs with; see sync/sign. They leave the machine only in an
// encrypted backup.
func (t Town) Keys() string { return t.join(".gt", "keys") }

// Index records the state of the files in Files when gt last wrote or read them.
func (t Town) Index() string { return t.join(".gt", "index") }

// Lock is the lock file of the named resource.
func (t Town) Lock(name string) string { return t.join(".gt", "locks", name+".lock") }

// Slots is the directory of the locks that limit how many processes do the named
// thing at once.
func (t Town) Slots(name string) string { return t.join(".gt", "locks", name) }

// Remote is the directory of what this machine knows about one federation remote.
func (t Town) Remote(name string) string { return t.join(".gt", "remotes", name) }

// Touched holds the bead that each author last worked on, for commands that name
// none.
func (t Town) Touched() string { return t.join(".gt", "touched") }

// Backups is for what taking backups remembers. The backups are elsewhere.
func (t Town) Backups() string { return t.join(".gt", "backups") }

// Retired is the directory of databases that a join or a restore replaced.
func (t Town) Retired() string { return t.join(".gt", "retired") }

// Joining names, while a join is under way, the store it replaces.
func (t Town) Joining() string { return t.join(".gt", "joining") }

// Reviews lists the open reviews the operational plane was last told.
func (t Town) Reviews() string { return t.join(".gt", "reviews") }

// Forgotten lists the Towns that this one does not show any more.
func (t Town) Forgotten() string { return t.join(".gt", "forgotten") }

// HooksLog is the log of the Git hooks of the Town's repository.
func (t Town) HooksLog() string { return t.join(".gt", "hooks.log") }

// NotifySecret is the secret that signs requests to this Town to pull.
func (t Town) NotifySecret() string { return t.join(".gt", "notify.secret") }

// NotifyNewest records when the newest accepted request was signed.
func (t Town) NotifyNewest() string { return t.join(".gt", "notify.newest") }

// Rules is the file of a person's rules about figures, for the Deacon.
func (t Town) Rules() string { return t.join("deacon", "rules.yaml") }

// RulesKept are the rules that were last in force, for a start at which the present ones
// cannot be used.
func (t Town) RulesKept() string { return t.join(".gt", "deacon", "rules.yaml") }

// Series is the directory of figures over time. What could not be read is beside it.
func (t Town) Series() string { return t.join(".gt", "series") }

// Schedule is the file that says when the Deacon's jobs run, where a person
// changed that.
func (t Town) Schedule() string { return t.join("deacon", "schedule.yaml") }

// Plugins is the file that lists the Deacon's plugins.
func (t Town) Plugins() string { return t.join("deacon", "plugins.yaml") }

// PluginsKept is the list of plugins that was last in force, for a start at which the
// present one cannot be used.
func (t Town) PluginsKept() string { return t.join(".gt", "deacon", "plugins.yaml") }

// AlertsTold keeps what each channel was told of alerts.
func (t Town) AlertsTold() string { return t.join(".gt", "deacon", "alerts.told") }

// PluginRuns is for what runs of plugins' programs need.
func (t Town) PluginRuns() string { return t.join(".gt", "plugins") }

// Secrets is a person's file of secrets. Nothing but gt's own directory is sure never
// to be tracked.
func (t Town) Secrets() string { return t.join(".gt", "secrets.env") }

// Deacon is the directory of the Town's daemon. Only the Town's owner can use the
// sockets in it.
func (t Town) Deacon() string { return t.join(".gt", "deacon") }

// DeaconLock is held by the daemon for as long as it lives.
func (t Town) DeaconLock() string { return t.join(".gt", "deacon", "deacon.lock") }

// DeaconLog is the daemon's log; rotated ones stand beside it.
func (t Town) DeaconLog() string { return t.join(".gt", "deacon", "deacon.log") }

// SQLSocket is where the daemon serves the planes to gt's commands.
func (t Town) SQLSocket() string { return t.join(".gt", "deacon", "sql.sock") }

// CommandSocket is where the daemon runs commands for fronts.
func (t Town) CommandSocket() string { return t.join(".gt", "deacon", "command.sock") }

// ControlSocket is where the daemon takes requests of gt's commands.
func (t Town) ControlSocket() string { return t.join(".gt", "deacon", "control.sock") }

// LastReport is what the last gt report left for the next one to compare with.
func (t Town) LastReport() string { return t.join(".gt", "report.json") }

// Marker is a directory that shows each change of the ledger to programs that watch
// files, such as clients of the public bd. It holds no data.
func (t Town) Marker() string { return t.join(".beads") }

// Tmux is the socket of the Town's own tmux server.
func (t Town) Tmux() string { return t.join(".gt", "tmux.sock") }

// Unreadable is the error for a directory that this user may not read, so that nobody
// knows whether it is a Town.
func Unreadable(dir string) error {
	return town.Fail("use the Town "+dir, "let this user read it, or use another: ls -ld "+dir, "%w", os.ErrPermission)
}

// Find returns the Town at or above dir, an absolute path. It reports
// town.ErrUsage when there is none.
func Find(dir string) (Town, error) {
	if !filepath.IsAbs(dir) {
		return Town{}, fmt.Errorf("find a Town: %q is not an absolute path", town.Clip(dir, 200))
	}
	dir = filepath.Clean(dir)
	var denied error
	for d := dir; ; d = filepath.Dir(d) {
		t := Town{Root: d}
		_, err := os.Stat(t.Config())
		if err == nil {
			_ = t.Link() // what needs the link says that it is missing
			return t, t.Claim()
		}
		if denied == nil && errors.Is(err, os.ErrPermission) {
			denied = Unreadable(d)
		}
		if d == filepath.Dir(d) {
			if denied != nil {
				return Town{}, denied
			}
			return Town{}, town.Fail("find a Town at or above "+dir,
				"name it with --town DIR or GT_ROOT, or make one: gt install DIR",
				"%w: no config/town.yaml here or in any parent directory", town.ErrUsage)
		}
	}
}
