package config

import (
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"gastown/town"
)

func TestKeyTable(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range Keys() {
		if seen[k.Name] {
			t.Errorf("%s stands twice", k.Name)
		}
		seen[k.Name] = true
		if section, last, ok := strings.Cut(k.Name, "."); !ok || section == "" || last == "" {
			t.Errorf("%q is not SECTION.NAME", k.Name)
		}
		if k.Help == "" || strings.HasSuffix(k.Help, ".") || strings.Contains(k.Help, "\n") {
			t.Errorf("%s: help %q", k.Name, k.Help)
		}
		if got, err := normal(k.Name, k.Default); err != nil || got != k.Default {
			t.Errorf("%s: the default %q is %q in normal form, %v", k.Name, k.Default, got, err)
		}
	}
	// The documented defaults.
	want := map[string]string{
		"dolt.max_open_conns": "25", "dolt.max_idle_conns": "5", "dolt.conn_max_lifetime": "1h",
		"dolt.conn_max_idle_time": "10m", "dolt.host": "", "dolt.port": "3306", "dolt.user": "root",
		"dolt.password_env": "", "dolt.listen": "", "polecat.max_concurrent": "10", "polecat.max_per_rig": "20",
		"polecat.max_memory": "4GB", "polecat.max_cpu": "2", "polecat.max_processes": "2048", "bd.max_concurrent": "10", "bd.prefix": "bd", "sling.max_concurrent": "5",
		"sling.parallelism": "3", "sling.queue_size": "100", "work.keep": "720h", "machine.check": "true", "machine.free_memory": "512MB", "machine.session_memory": "512MB", "machine.free_disk": "512MB", "machine.max_load": "8",
		"witness.interval": "30s", "witness.start": "3m", "witness.quiet": "1m", "witness.idle": "3m", "witness.silent": "15m",
		"witness.computing": "1h", "witness.progress": "2h", "witness.nudges": "2", "witness.nudge_interval": "5m", "witness.waiting": "24h",
		"witness.recoveries": "2", "witness.many": "3", "witness.hold": "30m", "refinery.queue_size": "20", "refinery.parallelism": "3", "refinery.batch_size": "8", "rate.requests_per_second": "100", "rate.burst_size": "50",
		"cache.enabled": "true", "cache.memory_size": "256MB", "cache.ttl": "300", "tmux.max_sessions": "50",
		"rig.memory": "16GB", "rig.cpu": "8", "budget.bead": "none", "budget.rig": "none", "budget.town": "none", "autotune.enabled": "false", "autotune.interval": "1h", "autotune.scope": "dolt,cache,concurrency",
		"federation.interval": "5m", "federation.unsigned": "review", "agent.command": "", "remote.deadline": "30m", "remote.idle": "1m",
		"secrets.backend": "env,file", "secrets.vault_addr": "", "secrets.vault_namespace": "", "secrets.vault_path": "secret/gastown",
		"secrets.vault_kv": "0", "secrets.vault_leased": "", "secrets.vault_login": "token", "secrets.vault_login_path": "", "secrets.vault_role": "",
		"secrets.vault_credential_file": "", "secrets.vault_ca_file": "", "secrets.vault_interval": "5m",
		"deacon.http_address": "localhost:8080", "deacon.dashboard_token": "", "deacon.group": "", "deacon.disk_warning": "80", "deacon.disk_critical": "95",
		"deacon.latency_warning": "10", "deacon.latency_critical": "50", "deacon.data_warning": "10GB",
		"deacon.sync_warning": "1h", "deacon.sync_critical": "24h",
		"monitor.performance": "true", "monitor.interval": "15s", "monitor.keep": "360h", "monitor.size": "512MB",
		"backup.to": "", "backup.key": "", "backup.interval": "1h", "backup.keep": "720h", "backup.files_interval": "24h", "backup.files_keep": "2160h", "backup.proof_interval": "168h",
		"deacon.log_size": "10MB", "deacon.log_files": "5", "deacon.log_age": "720h",
	}
	got := map[string]string{}
	c := New("harbour")
	for _, k := range Keys() {
		value, source, err := c.Get(k.Name)
		if err != nil || source != SourceDefault {
			t.Errorf("%s: %s, %v", k.Name, source, err)
		}
		got[k.Name] = value
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheTableIsNotShared(t *testing.T) {
	k, err := Lookup("autotune.scope")
	if err != nil {
		t.Fatal(err)
	}
	k.Words[0] = "changed"
	Keys()[0].Words = nil
	if again, _ := Lookup("autotune.scope"); again.Words[0] != "dolt" {
		t.Error("a caller changed the table")
	}
}

func TestValues(t *testing.T) {
	for _, test := range []struct{ key, in, want string }{ // want "": refused
		{"polecat.max_concurrent", "12", "12"},
		{"polecat.max_concurrent", " 012 ", "12"},
		{"polecat.max_concurrent", "0", ""},
		{"polecat.max_concurrent", "-1", ""},
		{"polecat.max_concurrent", "100001", ""},
		{"polecat.max_concurrent", "99999999999999999999", ""},
		{"polecat.max_concurrent", "1.5", ""},
		{"polecat.max_concurrent", "ten", ""},
		{"polecat.max_concurrent", "", ""},
		{"dolt.conn_max_lifetime", "90m", "1h30m"},
		{"dolt.conn_max_lifetime", "3600s", "1h"},
		{"dolt.conn_max_lifetime", "1h0m5s", "1h0m5s"},
		{"dolt.conn_max_lifetime", "0", "0s"},
		{"dolt.conn_max_lifetime", "60", ""},
		{"dolt.conn_max_lifetime", "-1s", ""},
		{"dolt.conn_max_lifetime", "721h", ""},
		{"dolt.conn_max_lifetime", "9999999h", ""},
		{"cache.ttl", "300", "300"},
		{"cache.ttl", "5m", "300"},
		{"cache.ttl", "1500ms", ""},
		{"cache.ttl", "0", ""},
		{"cache.ttl", "9223372036854775807", ""},
		{"federation.interval", "1s", ""},
		{"cache.memory_size", "256MB", "256MB"},
		{"cache.memory_size", "256mib", "256MB"},
		{"cache.memory_size", "1024 KB", "1MB"},
		{"cache.memory_size", "1.5G", "1536MB"},
		{"cache.memory_size", "1048577", "1048577B"},
		{"cache.memory_size", "256", ""},
		{"cache.memory_size", "2TB", ""},
		{"cache.memory_size", "999999999999999TB", ""},
		{"cache.memory_size", "2000.001KB", ""},
		{"cache.memory_size", "-256MB", ""},
		{"cache.memory_size", "infGB", ""},
		{"cache.memory_size", "1e3MB", ""},
		{"cache.enabled", "Yes", "true"},
		{"cache.enabled", "0", "false"},
		{"cache.enabled", "maybe", ""},
		{"autotune.scope", "cache, DOLT,cache", "dolt,cache"},
		{"autotune.scope", "cache,,dolt", ""},
		{"autotune.scope", "", ""},
		{"autotune.scope", "network", ""},
		{"agent.command", " agent --fast  'a b' ", "agent --fast  'a b'"},
		{"agent.command", "a\nb", ""},
		{"agent.command", "a\x1b[2J", ""},
		{"agent.command", "\xff", ""},
		{"agent.command", strings.Repeat("a", 4097), ""},
	} {
		c := New("harbour")
		got, err := c.Set(test.key, test.in)
		if test.want == "" {
			if !errors.Is(err, town.ErrUsage) || len(c.Settings) != 0 {
				t.Errorf("%s %q: %q, %v, want a refusal that changes nothing", test.key, test.in, got, err)
			}
			continue
		}
		if err != nil || got != test.want {
			t.Errorf("%s %q: %q, %v, want %q", test.key, test.in, got, err, test.want)
		}
	}
}

func TestAMessageNamesTheRangeInTheKeysOwnUnits(t *testing.T) {
	for key, want := range map[string]string{
		"polecat.max_concurrent": "from 1 to 100000", "cache.memory_size": "from 1MB to 1TB", "federation.interval": "from 10s to 720h",
	} {
		value := map[Type]string{TypeInt: "0", TypeBytes: "1B", TypeDuration: "1ms"}
		k, _ := Lookup(key)
		if _, err := New("harbour").Set(key, value[k.Type]); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", key, err, want)
		}
	}
}

func TestUnknownKeysSuggestTheNearest(t *testing.T) {
	for name, want := range map[string]string{
		"cache.tll": "cache.ttl", "polecat.max_concurent": "polecat.max_concurrent", "Cache-TTL": "cache.ttl", "ttl": "cache.ttl",
		"polecat.max-per-rig": "polecat.max_per_rig", "agent": "agent.command",
	} {
		_, err := Lookup(name)
		if !errors.Is(err, town.ErrUsage) || !strings.Contains(err.Error(), "did you mean "+want) {
			t.Errorf("%q: %v, want %s first", name, err, want)
		}
	}
	for _, name := range []string{"", "x", "entirely.different.thing", strings.Repeat("z", 10_000)} {
		_, err := Lookup(name)
		if !errors.Is(err, town.ErrUsage) || strings.Contains(err.Error(), "did you mean") || len(err.Error()) > 200 {
			t.Errorf("%.20q: %v", name, err)
		}
	}
}

func TestDistance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[a-c]{0,6}`)
		a, b, c := word.Draw(t, "a"), word.Draw(t, "b"), word.Draw(t, "c")
		ab := town.Distance(a, b)
		if (ab == 0) != (a == b) || ab != town.Distance(b, a) || ab > town.Distance(a, c)+town.Distance(c, b) || ab < max(len(a)-len(b), len(b)-len(a)) {
			t.Fatalf("%q and %q are %d apart", a, b, ab)
		}
	})
	if d := town.Distance("kitten", "sitting"); d != 3 {
		t.Errorf("kitten to sitting: %d", d)
	}
}

func TestTheEnvironmentOverrides(t *testing.T) {
	c := New("harbour")
	if _, err := c.Set("bd.max_concurrent", "7"); err != nil {
		t.Fatal(err)
	}
	variable := ""
	getenv := func(name string) string {
		if name != "GT_MAX_CONCURRENT_BD" {
			t.Errorf("asked for %s", name)
		}
		return variable
	}
	t.Setenv("GT_MAX_CONCURRENT_BD", "5") // this process's own counts for nothing
	if n, err := c.Int("bd.max_concurrent"); n != 7 || err != nil {
		t.Errorf("without an environment: %d, %v", n, err)
	}
	c.In(getenv)
	if n, err := c.Int("bd.max_concurrent"); n != 7 || err != nil {
		t.Errorf("an empty variable: %d, %v", n, err)
	}
	variable = "3"
	if v, source, err := c.Get("bd.max_concurrent"); v != "3" || source != SourceEnv || err != nil {
		t.Errorf("%q from %s, %v", v, source, err)
	}
	variable = "lots"
	if _, err := c.Int("bd.max_concurrent"); !errors.Is(err, town.ErrUsage) || !strings.Contains(err.Error(), "GT_MAX_CONCURRENT_BD") {
		t.Errorf("a bad variable: %v", err)
	}
}

func TestTypedReaders(t *testing.T) {
	c := New("harbour")
	read := func(v any, err error) any {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
		return v
	}
	i, ierr := c.Int("polecat.max_cpu")
	d, derr := c.Duration("cache.ttl")
	b, berr := c.Bytes("polecat.max_memory")
	on, onerr := c.Bool("cache.enabled")
	l, lerr := c.List("autotune.scope")
	got := []any{read(i, ierr), read(d, derr), read(b, berr), read(on, onerr), read(l, lerr)}
	want := []any{2, 300 * time.Second, int64(4 << 30), true, []string{"dolt", "cache", "concurrency"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read %v, want %v", got, want)
	}
	if _, err := c.Int("cache.ttl"); err == nil {
		t.Error("a duration was read as an int")
	}
	if err := c.Unset("cache.tll"); !errors.Is(err, town.ErrUsage) {
		t.Errorf("unset of an unknown key: %v", err)
	}
}

// anyValue draws a valid spelling for a key and its normal form as a number.
func anyValue(t *rapid.T, k Key) string {
	switch k.Type {
	case TypeInt:
		return strconv.FormatInt(rapid.Int64Range(k.Min, k.Max).Draw(t, "int"), 10)
	case TypeDuration:
		d := time.Duration(rapid.Int64Range((k.Min+second-1)/second, k.Max/second).Draw(t, "seconds")) * time.Second
		return d.String()
	case TypeBytes:
		return strconv.FormatInt(rapid.Int64Range(k.Min, k.Max).Draw(t, "bytes"), 10)
	case TypeBool:
		return rapid.SampledFrom([]string{"true", "false", "yes", "no", "on", "off"}).Draw(t, "bool")
	case TypeList:
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(k.Words), 1, 5).Draw(t, "words"), ",")
	case TypeWord:
		return rapid.SampledFrom(k.Words).Draw(t, "word")
	case TypeBudget:
		return rapid.SampledFrom([]string{"none", "25", "$10.50/day", " 1 / Week", "7/month"}).Draw(t, "budget")
	default:
		return rapid.StringMatching(`[ -~äß#:{}\[\]&*!|>'"%@]{0,30}`).Draw(t, "text")
	}
}

// What Set accepts, Get returns in one spelling that Set would keep, and it
// means the same amount.
func TestSetThenGet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.SampledFrom(keys).Draw(t, "key")
		if k.Env != "" {
			k, _ = find("sling.parallelism")
		}
		in := anyValue(t, k)
		c := New("harbour")
		normal, err := c.Set(k.Name, in)
		if err != nil {
			t.Fatal(err)
		}
		got, source, err := c.Get(k.Name)
		if err != nil || got != normal || source != SourceSet {
			t.Fatalf("set %q as %q, got %q from %s, %v", in, normal, got, source, err)
		}
		if again, err := c.Set(k.Name, got); err != nil || again != got {
			t.Fatalf("%q is not in normal form: %q, %v", got, again, err)
		}
		if slices.Contains([]Type{TypeInt, TypeDuration, TypeBytes}, k.Type) {
			before, err1 := k.parse(in)
			after, err2 := k.parse(got)
			if err := errors.Join(err1, err2); err != nil || before != after {
				t.Fatalf("%q means %d, %q means %d, %v", in, before, got, after, err)
			}
		}
		if err := c.Unset(k.Name); err != nil {
			t.Fatal(err)
		}
		if got, source, _ := c.Get(k.Name); got != k.Default || source != SourceDefault {
			t.Fatalf("after unset %q from %s", got, source)
		}
	})
}
