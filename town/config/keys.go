package config

import (
	"fmt"
	"strings"
	"time"

	"gastown/town"
)

// Type says what values a setting takes.
type Type string

// The types of settings, by what people may write.
const (
	TypeInt      Type = "int"      // a whole number
	TypeDuration Type = "duration" // 90s, 5m, 1h30m
	TypeBytes    Type = "bytes"    // 512KB, 256MB, 4GB; 1 KB is 1024 bytes
	TypeBool     Type = "bool"     // true or false, yes or no, on or off
	TypeList     Type = "list"     // comma-separated words of Key.Words
	TypeWord     Type = "word"     // one of Key.Words
	TypeString   Type = "string"   // one line of text
	TypeBudget   Type = "budget"   // US dollars, of all time or of a period: 25, 40/day, 200/week, 500/month
)

// unitSeconds marks a duration that is written as a bare number of seconds.
const unitSeconds = "seconds"

// Key describes one setting.
type Key struct {
	Name    string
	Type    Type
	Default string // in normal form; empty means not set
	Min     int64  // smallest value: of an int itself, else in nanoseconds or bytes
	Max     int64  // largest value, likewise; of a string its length in bytes
	Unit    string // what a bare number counts; empty when it counts nothing
	Words   []string
	Env     string // environment variable that overrides the file
	Help    string // one line, without a full stop
	// Restart says that a running Deacon needs gt deacon restart to apply a change.
	Restart bool
}

const (
	second = int64(time.Second)
	minute = int64(time.Minute)
	hour   = int64(time.Hour)
	mega   = int64(1) << 20
	tera   = int64(1) << 40
	many   = 100_000
)

// keys is every setting there is, in the order people are shown them.
var keys = []Key{
	{Name: "dolt.max_open_conns", Type: TypeInt, Default: "25", Min: 1, Max: many, Unit: "connections",
		Help: "Connections to the database open at once"},
	{Name: "dolt.max_idle_conns", Type: TypeInt, Default: "5", Min: 0, Max: many, Unit: "connections",
		Help: "Idle connections to the database that stay open"},
	{Name: "dolt.conn_max_lifetime", Type: TypeDuration, Default: "1h", Min: 0, Max: 720 * hour,
		Help: "Age at which a connection is replaced; 0s means never"},
	{Name: "dolt.conn_max_idle_time", Type: TypeDuration, Default: "10m", Min: 0, Max: 720 * hour,
		Help: "Idle time after which a connection is closed; 0s means never"},
	{Name: "dolt.host", Type: TypeString, Default: "", Max: 255,
		Restart: true, Help: "Existing Dolt SQL server that has the Town's planes; empty for the Town's own data directory"},
	{Name: "dolt.port", Type: TypeInt, Default: "3306", Min: 1, Max: 65535,
		Restart: true, Help: "Port of that server"},
	{Name: "dolt.user", Type: TypeString, Default: "root", Max: 64,
		Restart: true, Help: "User of that server; with dolt.listen, the user who may connect"},
	{Name: "dolt.password_env", Type: TypeString, Default: "", Max: 255,
		Restart: true, Help: "Environment variable that holds that user's password"},
	{Name: "dolt.listen", Type: TypeString, Default: "", Max: 255,
		Restart: true, Help: "Address, such as 127.0.0.1:3307, on which the Deacon also serves the planes; empty for none"},
	{Name: "polecat.max_concurrent", Type: TypeInt, Default: "10", Min: 1, Max: many, Unit: "workers",
		Help: "Polecats at work in the Town at once"},
	{Name: "polecat.max_per_rig", Type: TypeInt, Default: "20", Min: 1, Max: many, Unit: "workers",
		Help: "Polecats of one rig at work at once"},
	{Name: "polecat.max_memory", Type: TypeBytes, Default: "4GB", Min: 16 * mega, Max: 64 * tera,
		Help: "Memory one polecat may use"},
	{Name: "polecat.max_cpu", Type: TypeInt, Default: "2", Min: 1, Max: many, Unit: "cores",
		Help: "Processor cores one polecat may use"},
	{Name: "polecat.max_processes", Type: TypeInt, Default: "2048", Min: 32, Max: many, Unit: "processes",
		Help: "Processes and threads one polecat may have at once"},
	{Name: "bd.max_concurrent", Type: TypeInt, Default: "10", Min: 1, Max: many, Unit: "processes", Env: "GT_MAX_CONCURRENT_BD",
		Help: "bd processes that run at once; GT_MAX_CONCURRENT_BD overrides it"},
	{Name: "bd.prefix", Type: TypeString, Default: "bd", Max: 32,
		Help: "Prefix of the ids of new beads whose rig has no prefix"},
	{Name: "sling.max_concurrent", Type: TypeInt, Default: "5", Min: 1, Max: many, Unit: "slings",
		Help: "Sessions that start at once"},
	{Name: "sling.parallelism", Type: TypeInt, Default: "3", Min: 1, Max: many, Unit: "slings",
		Help: "Sessions of parallel slings that start side by side"},
	{Name: "sling.queue_size", Type: TypeInt, Default: "100", Min: 1, Max: 100 * many, Unit: "slings",
		Help: "Beads that may wait for a polecat"},
	{Name: "machine.check", Type: TypeBool, Default: "true", Env: "GT_MACHINE_CHECK",
		Help: "Whether sessions start only while the machine carries them; GT_MACHINE_CHECK overrides it"},
	{Name: "machine.free_memory", Type: TypeBytes, Default: "512MB", Min: 0, Max: 64 * tera,
		Help: "Memory that stays free when sessions start; 0 for no bound"},
	{Name: "machine.session_memory", Type: TypeBytes, Default: "512MB", Min: 0, Max: 64 * tera,
		Help: "Memory that a session which starts is expected to take"},
	{Name: "machine.free_disk", Type: TypeBytes, Default: "512MB", Min: 0, Max: 64 * tera,
		Help: "Space on the disk of the rigs that stays free when sessions start; 0 for no bound"},
	{Name: "machine.max_load", Type: TypeInt, Default: "8", Min: 0, Max: many, Unit: "processes per core",
		Help: "Load of each core from which on no session starts; 0 for no bound"},
	{Name: "work.keep", Type: TypeDuration, Default: "720h", Min: hour, Max: 87600 * hour,
		Help: "Time for which assignments, recoveries, merge requests, results of checks and nudges that ended are kept"},
	{Name: "witness.interval", Type: TypeDuration, Default: "30s", Min: second, Max: hour,
		Help: "Time between two patrols of the Deacon"},
	{Name: "witness.start", Type: TypeDuration, Default: "3m", Min: second, Max: 24 * hour,
		Help: "Time a session may take until its agent has its work"},
	{Name: "witness.quiet", Type: TypeDuration, Default: "1m", Min: second, Max: 24 * hour,
		Help: "Time without output after which a patrol looks at a session's screen"},
	{Name: "witness.idle", Type: TypeDuration, Default: "3m", Min: second, Max: 24 * hour,
		Help: "Time an agent may wait at its prompt with its work in hand"},
	{Name: "witness.silent", Type: TypeDuration, Default: "15m", Min: second, Max: 240 * hour,
		Help: "Time without output, heartbeat or change in the sandbox after which a polecat is stalled"},
	{Name: "witness.computing", Type: TypeDuration, Default: "1h", Min: second, Max: 240 * hour,
		Help: "The same for a polecat whose processes compute"},
	{Name: "witness.progress", Type: TypeDuration, Default: "2h", Min: second, Max: 2400 * hour,
		Help: "Time with output and without a change in the sandbox after which a polecat is stalled"},
	{Name: "witness.nudges", Type: TypeInt, Default: "2", Min: 0, Max: 100, Unit: "nudges",
		Help: "Nudges a polecat gets before its work is taken away"},
	{Name: "witness.nudge_interval", Type: TypeDuration, Default: "5m", Min: second, Max: 24 * hour,
		Help: "Time between two nudges, and from the last one to the end"},
	{Name: "witness.waiting", Type: TypeDuration, Default: "24h", Min: second, Max: 2400 * hour,
		Help: "Time a polecat may wait for a person before its work is taken away"},
	{Name: "witness.recoveries", Type: TypeInt, Default: "2", Min: 1, Max: 100, Unit: "workers",
		Help: "Workers that may be lost on a bead; with the last one it is blocked"},
	{Name: "witness.many", Type: TypeInt, Default: "3", Min: 1, Max: many, Unit: "polecats",
		Help: "Stuck polecats of a rig above which they are one trouble"},
	{Name: "witness.hold", Type: TypeDuration, Default: "30m", Min: 0, Max: 240 * hour,
		Help: "Time for which nothing is taken away longer than usual while so many are stuck"},
	{Name: "refinery.queue_size", Type: TypeInt, Default: "20", Min: 1, Max: 100 * many, Unit: "merge requests",
		Help: "Merge requests of a rig that one pass of its refinery looks at; the others wait behind them"},
	{Name: "refinery.parallelism", Type: TypeInt, Default: "3", Min: 1, Max: 64, Unit: "batches",
		Help: "Batches of a rig that its refinery tests at once"},
	{Name: "refinery.batch_size", Type: TypeInt, Default: "8", Min: 1, Max: 200, Unit: "merge requests",
		Help: "Merge requests that a refinery tests together"},
	{Name: "rate.requests_per_second", Type: TypeInt, Default: "100", Min: 1, Max: 10 * many, Unit: "requests per second",
		Help: "Requests the Deacon takes per second, on each of its listeners"},
	{Name: "rate.burst_size", Type: TypeInt, Default: "50", Min: 1, Max: 10 * many, Unit: "requests",
		Help: "Requests the Deacon takes at once above that rate"},
	{Name: "cache.enabled", Type: TypeBool, Default: "true",
		Help: "Whether the Deacon answers reads of the ledger from memory"},
	{Name: "cache.memory_size", Type: TypeBytes, Default: "256MB", Min: mega, Max: tera,
		Help: "Memory all caches of the Deacon may use together"},
	{Name: "cache.ttl", Type: TypeDuration, Default: "300", Min: second, Max: 720 * hour, Unit: unitSeconds,
		Help: "Time a bead stays in the cache; results of queries stay three times as long"},
	{Name: "tmux.max_sessions", Type: TypeInt, Default: "50", Min: 1, Max: many, Unit: "sessions",
		Help: "tmux sessions of the Town at once"},
	{Name: "rig.memory", Type: TypeBytes, Default: "16GB", Min: 16 * mega, Max: 64 * tera,
		Help: "Memory all polecats of a rig may use together"},
	{Name: "rig.cpu", Type: TypeInt, Default: "8", Min: 1, Max: many, Unit: "cores",
		Help: "Processor cores all polecats of a rig may use together"},
	{Name: "budget.bead", Type: TypeBudget, Default: "none",
		Help: "US dollars that agents may spend on one bead, such as 25 or 10/day; no new work starts beyond it"},
	{Name: "budget.rig", Type: TypeBudget, Default: "none",
		Help: "US dollars that the agents of one rig may spend, such as 100/day"},
	{Name: "budget.town", Type: TypeBudget, Default: "none",
		Help: "US dollars that all agents may spend, such as 500/week"},
	{Name: "autotune.enabled", Type: TypeBool, Default: "false",
		Help: "Whether the Deacon adjusts settings that nobody set: gt autotune enable|disable"},
	{Name: "autotune.interval", Type: TypeDuration, Default: "1h", Min: minute, Max: 720 * hour,
		Help: "Time for which a change is tried, and between two adjustments"},
	{Name: "autotune.scope", Type: TypeList, Default: "dolt,cache,concurrency", Words: []string{"dolt", "cache", "concurrency"},
		Help: "What may be adjusted"},
	{Name: "federation.interval", Type: TypeDuration, Default: "5m", Min: 10 * second, Max: 720 * hour,
		Help: "Time between two syncs in the background"},
	{Name: "federation.unsigned", Type: TypeWord, Default: "review", Words: []string{"accept", "review", "refuse"},
		Help: "What becomes of documents that arrive without a valid signature: they are taken, wait for a review, or are refused"},
	{Name: "remote.deadline", Type: TypeDuration, Default: "30m", Min: 10 * second, Max: 720 * hour,
		Help: "Time one fetch or push may take"},
	{Name: "remote.idle", Type: TypeDuration, Default: "1m", Min: second, Max: 720 * hour,
		Help: "Time a remote may send nothing during a fetch or push"},
	{Name: "secrets.backend", Type: TypeList, Default: "env,file", Words: []string{"vault", "env", "file"}, Env: "GT_SECRETS_BACKEND",
		Help: "Where secrets are looked for, in this order; GT_SECRETS_BACKEND overrides it"},
	{Name: "secrets.vault_addr", Type: TypeString, Default: "", Max: 255, Env: "GT_VAULT_ADDR",
		Help: "URL of Vault; GT_VAULT_ADDR overrides it"},
	{Name: "secrets.vault_namespace", Type: TypeString, Default: "", Max: 255, Env: "GT_VAULT_NAMESPACE",
		Help: "Namespace in Vault; GT_VAULT_NAMESPACE overrides it"},
	{Name: "secrets.vault_path", Type: TypeString, Default: "secret/gastown", Max: 255, Env: "GT_VAULT_PATH",
		Help: "The secret in Vault whose fields are the Town's secrets, with the mount of its engine; GT_VAULT_PATH overrides it"},
	{Name: "secrets.vault_kv", Type: TypeInt, Default: "0", Min: 0, Max: 2, Env: "GT_VAULT_KV",
		Help: "Version of that KV engine, 1 or 2; 0 asks Vault; GT_VAULT_KV overrides it"},
	{Name: "secrets.vault_leased", Type: TypeString, Default: "", Max: 1024, Env: "GT_VAULT_LEASED",
		Help: "Credentials that Vault makes, as PREFIX=PATH with commas; GT_VAULT_LEASED overrides it"},
	{Name: "secrets.vault_login", Type: TypeString, Default: "token", Max: 32, Env: "GT_VAULT_LOGIN",
		Help: "How to log in to Vault: token, approle or kubernetes; GT_VAULT_LOGIN overrides it"},
	{Name: "secrets.vault_login_path", Type: TypeString, Default: "", Max: 255, Env: "GT_VAULT_LOGIN_PATH",
		Help: "Where Vault has that way to log in; empty for its own name; GT_VAULT_LOGIN_PATH overrides it"},
	{Name: "secrets.vault_role", Type: TypeString, Default: "", Max: 255, Env: "GT_VAULT_ROLE",
		Help: "Role id of AppRole, or role of Kubernetes; GT_VAULT_ROLE overrides it"},
	{Name: "secrets.vault_credential_file", Type: TypeString, Default: "", Max: 4096, Env: "GT_VAULT_CREDENTIAL_FILE",
		Help: "File with the token, the secret id or the pod's token; GT_VAULT_CREDENTIAL_FILE overrides it"},
	{Name: "secrets.vault_ca_file", Type: TypeString, Default: "", Max: 4096, Env: "GT_VAULT_CA_FILE",
		Help: "PEM file of the certificates that sign Vault's; empty for those of the system; GT_VAULT_CA_FILE overrides it"},
	{Name: "secrets.vault_interval", Type: TypeDuration, Default: "5m", Min: second, Max: 24 * hour,
		Help: "Time after which secrets without a lease are read from Vault again"},
	{Name: "deacon.http_address", Type: TypeString, Default: "localhost:8080", Max: 255,
		Restart: true, Help: "Address on which the Deacon answers the dashboard, /health, /metrics and /notify; none for nowhere"},
	{Name: "deacon.dashboard_token", Type: TypeString, Default: "", Max: 255,
		Help: "Secret, such as ${DASHBOARD_TOKEN}, that opens the dashboard; empty for this machine only, without a secret"},
	{Name: "deacon.group", Type: TypeString, Default: "", Max: 64,
		Restart: true, Help: "Group of this machine whose users may use the Town, as config/access.yaml says; empty for its owner alone"},
	{Name: "deacon.disk_warning", Type: TypeInt, Default: "80", Min: 1, Max: 100, Unit: "percent",
		Help: "Use of the Town's disk at which a health check warns"},
	{Name: "deacon.disk_critical", Type: TypeInt, Default: "95", Min: 1, Max: 100, Unit: "percent",
		Help: "Use of the Town's disk at which a health check is critical"},
	{Name: "deacon.latency_warning", Type: TypeInt, Default: "10", Min: 1, Max: many, Unit: "milliseconds",
		Help: "Time of a database query at which a health check warns"},
	{Name: "deacon.latency_critical", Type: TypeInt, Default: "50", Min: 1, Max: many, Unit: "milliseconds",
		Help: "Time of a database query at which a health check is critical"},
	{Name: "deacon.data_warning", Type: TypeBytes, Default: "10GB", Min: mega, Max: 64 * tera,
		Help: "Size of all planes together at which a health check warns"},
	{Name: "deacon.sync_warning", Type: TypeDuration, Default: "1h", Min: minute, Max: 720 * hour,
		Help: "Time since a remote was last in step at which a health check warns"},
	{Name: "deacon.sync_critical", Type: TypeDuration, Default: "24h", Min: minute, Max: 8760 * hour,
		Help: "Time since a remote was last in step at which a health check is critical"},
	{Name: "deacon.log_size", Type: TypeBytes, Default: "10MB", Min: mega, Max: tera,
		Restart: true, Help: "Size at which the Deacon begins a new log file"},
	{Name: "deacon.log_files", Type: TypeInt, Default: "5", Min: 1, Max: 1000, Unit: "files",
		Restart: true, Help: "Former log files that are retained"},
	{Name: "monitor.performance", Type: TypeBool, Default: "true",
		Help: "Record the Town's metrics and evaluate rules on them: gt monitor enable|disable"},
	{Name: "monitor.interval", Type: TypeDuration, Default: "15s", Min: 5 * second, Max: minute,
		Help: "How often metrics are recorded"},
	{Name: "monitor.keep", Type: TypeDuration, Default: "360h", Min: 24 * hour, Max: 8760 * hour,
		Help: "How long metrics are kept"},
	{Name: "monitor.size", Type: TypeBytes, Default: "512MB", Min: 32 * mega, Max: tera,
		Help: "How much room they may take; the oldest are removed first"},
	{Name: "deacon.log_age", Type: TypeDuration, Default: "720h", Min: hour, Max: 8760 * hour,
		Help: "Age at which former log files and records of events are removed"},
	{Name: "backup.to", Type: TypeString, Default: "", Max: 4096,
		Help: "Where backups go, separated by spaces: directories, HOST:PATH, rsync://HOST/MODULE/PATH, git+URL or s3://BUCKET/PREFIX?endpoint=URL&region=REGION, each with a name before it if you like (NAME=/mnt/disk); empty for nowhere"},
	{Name: "backup.key", Type: TypeString, Default: "", Max: 4096,
		Help: "File with the key that backups are encrypted with, as gt backup key or age-keygen makes it; a relative path counts from the Town's directory; empty for no encryption"},
	{Name: "backup.interval", Type: TypeDuration, Default: "1h", Min: minute, Max: 24 * hour,
		Help: "Time between two backups of the databases"},
	{Name: "backup.keep", Type: TypeDuration, Default: "720h", Min: hour, Max: 87600 * hour,
		Help: "Time for which backups of the databases are retained"},
	{Name: "backup.files_interval", Type: TypeDuration, Default: "24h", Min: minute, Max: 240 * hour,
		Help: "Time between two backups of configuration and files"},
	{Name: "backup.files_keep", Type: TypeDuration, Default: "2160h", Min: hour, Max: 87600 * hour,
		Help: "Time for which backups of configuration and files are retained"},
	{Name: "backup.proof_interval", Type: TypeDuration, Default: "168h", Min: hour, Max: 2400 * hour,
		Help: "Time between two tests of a restore"},
	{Name: "agent.command", Type: TypeString, Default: "", Max: 4096,
		Help: "Agent program of rigs that choose none: a preset, which arguments may follow, or a command; empty for claude"},
}

// Keys returns every setting in the order people are shown them.
func Keys() []Key {
	all := make([]Key, len(keys))
	for i, k := range keys {
		k.Words = append([]string(nil), k.Words...)
		all[i] = k
	}
	return all
}

// Lookup describes one setting. An unknown name is town.ErrUsage, with the
// names nearest to it.
func Lookup(name string) (Key, error) {
	k, err := find(name)
	if err != nil {
		return Key{}, town.Fail("look up a setting", "gt config list shows every setting", "%w: %w", town.ErrUsage, err)
	}
	k.Words = append([]string(nil), k.Words...)
	return k, nil
}

func find(name string) (Key, error) {
	for _, k := range keys {
		if k.Name == name {
			return k, nil
		}
	}
	why := fmt.Errorf("there is no setting %q", town.Clip(name, 64))
	if near := nearest(name); len(near) > 0 {
		return Key{}, fmt.Errorf("%w: did you mean %s?", why, strings.Join(near, " or "))
	}
	return Key{}, why
}

// limits words the range of a key for a message.
func (k Key) limits() string {
	return "from " + k.format(k.Min) + " to " + k.format(k.Max)
}
