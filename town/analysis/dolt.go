package analysis

import (
	"maps"
	"strconv"
	"strings"
)

// From which part of a whole something is worth an advice.
const (
	// waitShare is a wait's part of the time of all statements.
	waitShare = .02
	// writeShare is the writers' wait for each other, of the same.
	writeShare = .10
	// cacheShare is the answers that were dropped for room or by age, of those that had
	// to be read.
	cacheShare = .10
	// closedShare is the connections that were closed for want of idle places, of all
	// statements: each costs a login.
	closedShare = .02
	// costShare is one statement's part of the time of all.
	costShare = .5
	// fewest is how many events there must be.
	fewest = 20
)

var doltTopic = topic{judge: (*judge).dolt, families: append([]family{
	{"dolt_latency", ""}, {"gt_dolt_data_bytes", ""},
	{"gt_sql_seconds_total", "shape"}, {"gt_sql_runs_total", "shape"},
	{"gt_dolt_pool_waits_total", "plane"}, {"gt_dolt_pool_wait_seconds_total", "plane"}, {"gt_dolt_pool_closed_total", "plane"},
	{"gt_dolt_write_waits_total", "plane"}, {"gt_dolt_write_wait_seconds_total", "plane"},
	{"gt_command_wait_seconds_total", "program"},
	{"gt_cache_hits_total", "level"}, {"gt_cache_misses_total", "level"}, {"gt_cache_evictions_total", "level"}, {"gt_cache_expired_total", "level"},
}, append(commands, jobs...)...)}

// Other is the name of the statements that the Deacon does not count by themselves.
const Other = "other"

// lockShape is how the wait for another process's write looks: a named lock.
const lockShape = "SELECT GET_LOCK("

// dolt judges the database.
func (j *judge) dolt() {
	latency := j.figure("dolt_latency", "seconds", .010)
	seconds, runs := j.counters("gt_sql_seconds_total"), j.counters("gt_sql_runs_total")
	locked, locks := 0.0, 0.0
	for name, s := range maps.Clone(seconds) {
		if strings.HasPrefix(name, lockShape) {
			locked, locks = locked+s, locks+runs[name]
			delete(seconds, name)
		}
	}
	all, statements := 0.0, 0.0
	for name, s := range seconds {
		all, statements = all+s, statements+runs[name]
	}
	if statements == 0 && j.Recorded > 0 {
		j.missing("no statement was counted: the Deacon counts those of the planes that it serves")
	}
	j.costs(Statement, seconds, runs, nil)
	j.commands("")
	j.jobs()
	j.doltWaits(all, locked, locks)
	j.pool(all, statements)
	j.caches()
	j.places()
	if latency != nil && latency.P95 > .010 {
		j.advise("gt deacon run gc", "collects the garbage of the planes, which makes them smaller and reads shorter",
			"the 95th percentile of dolt_latency is %s, above 10 ms; the planes take %.0f MB", Seconds(latency.P95), j.last("gt_dolt_data_bytes")/(1<<20))
	}
	if len(j.out.Costs) > 0 && j.out.Costs[0].Kind == Statement && j.out.Costs[0].Share > costShare && j.out.Costs[0].Name != Other && j.out.Costs[0].Runs >= fewest {
		c := j.out.Costs[0]
		j.advise("look who sends it: gt analyze --type=dolt lists commands and jobs by their time", "one statement takes most of the database's time",
			"%s of the time of all statements is in %q: %.0f times, %s each", percent(c.Share, 1), c.Name, c.Runs, Seconds(c.Mean()))
	}
}

func (j *judge) last(name string) float64 {
	if s := j.spread(name); s != nil {
		return s.Last
	}
	return 0
}

// doltWaits adds what statements and callers waited for.
func (j *judge) doltWaits(all, locked, locks float64) {
	j.waited("another write of the Deacon", "writes of commands and jobs", j.total("gt_dolt_write_waits_total"), j.total("gt_dolt_write_wait_seconds_total"))
	j.waited("a write of another process", "writes, and each has to ask once", locks, locked)
	j.waited("dolt.max_open_conns", "uses of a plane", j.total("gt_dolt_pool_waits_total"), j.total("gt_dolt_pool_wait_seconds_total"))
	for program, s := range j.counters("gt_command_wait_seconds_total") {
		if s > 0 {
			j.waited(placeSetting(program), "commands of "+program, 0, s)
		}
	}
	if wait := j.total("gt_dolt_write_wait_seconds_total") + locked; all > 0 && wait > writeShare*all && locks >= fewest {
		j.advise("bd update --batch FILE", "makes many changes in one transaction, and others wait once",
			"writes waited %s for each other, %s of the time of all statements", Seconds(wait), percent(wait, all))
	}
}

func placeSetting(program string) string {
	if program == "bd" {
		return "bd.max_concurrent"
	}
	return "a place among the commands that run at once"
}

// pool judges the connections.
func (j *judge) pool(all, statements float64) {
	waits, waited := j.total("gt_dolt_pool_waits_total"), j.total("gt_dolt_pool_wait_seconds_total")
	if waits >= fewest && waited > waitShare*all {
		j.raise("dolt.max_open_conns", 1.5, "lets more uses of a plane go on at once",
			"%.0f uses waited %s for a connection, %s of the time of all statements", waits, Seconds(waited), percent(waited, all))
	}
	if closed := j.total("gt_dolt_pool_closed_total"); closed >= fewest && closed > closedShare*statements {
		j.raise("dolt.max_idle_conns", 2, "keeps connections that are wanted again a moment later",
			"%.0f connections were closed because more were idle than may be, one for %.0f statements", closed, statements/closed)
	}
}

// caches judges the caches of the ledger.
func (j *judge) caches() {
	misses := j.total("gt_cache_misses_total")
	hits := j.total("gt_cache_hits_total")
	if misses+hits == 0 {
		return
	}
	if evicted := j.total("gt_cache_evictions_total"); evicted >= fewest && evicted > cacheShare*misses {
		j.raise("cache.memory_size", 2, "lets the caches hold more",
			"%.0f answers were dropped for room; %.0f of %.0f had to be read", evicted, misses, misses+hits)
	}
	if expired := j.total("gt_cache_expired_total"); expired >= fewest && expired > cacheShare*misses {
		j.raise("cache.ttl", 2, "keeps answers longer; they are dropped anyway when the ledger changes",
			"%.0f answers were dropped by age; %.0f of %.0f had to be read", expired, misses, misses+hits)
	}
}

// places judges the wait of bd for a place.
func (j *judge) places() {
	waited, ran := j.counters("gt_command_wait_seconds_total")["bd"], 0.0
	for name, s := range j.counters("gt_command_seconds_total") {
		if strings.HasPrefix(name, "bd ") {
			ran += s
		}
	}
	if waited > 1 && waited > waitShare*ran {
		j.raise("bd.max_concurrent", 1.5, "lets more commands of bd run at once",
			"commands of bd waited %s for a place and ran for %s", Seconds(waited), Seconds(ran))
	}
}

// raise advises a higher value of a setting.
func (j *judge) raise(key string, by float64, why, figure string, args ...any) {
	do, value := "a higher value of "+key, j.setting(key)
	digits := strings.TrimRight(value, "KMGTBsmh")
	if n, err := strconv.Atoi(digits); err == nil && n > 0 {
		do = "gt config " + key + " " + strconv.Itoa(int(float64(n)*by+.5)) + value[len(digits):]
	}
	j.advise(do, why+" ("+key+" is "+value+")", figure, args...)
}
