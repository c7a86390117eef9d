// Package tuning decides which setting gt autotune changes, and whether a change helped.
// Its functions are pure: they get what was measured, and return what to do. One change
// is tried at a time, for a measured cause, within the bounds of a Knob; it is kept only
// if its figure became better by more than noise, and taken back otherwise. A setting that
// a person made is never changed.
package tuning

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"gastown/town/config"
)

// The scopes, as autotune.scope names them.
const (
	ScopeDolt        = "dolt"
	ScopeCache       = "cache"
	ScopeConcurrency = "concurrency"
)

// Knob is a setting that may be tuned in one direction.
type Knob struct {
	Key, Scope string
	// Least and Most bound its value: of an int itself, else in nanoseconds or bytes.
	Least, Most int64
	// Factor is what a step multiplies it by; less than 1 makes it less.
	Factor float64
	// Cause is a PromQL expression over a range $W, and Above the value from which it is
	// a cause. Text words it, with the value for %s.
	Cause string
	Above float64
	Text  string
	// Hold, unless "", is a bound of the queue that must hold beads now, too.
	Hold string
	// Figure is a PromQL expression over a range $S of which less is better, and Name what
	// it is.
	Figure, Name string
	// Percent says that the value of Cause is a share.
	Percent bool
}

// The figures that knobs share.
const (
	missRatio = "sum(rate(gt_cache_misses_total[$S])) / (sum(rate(gt_cache_misses_total[$S])) + sum(rate(gt_cache_hits_total[$S])))"
	bdTime    = `(sum(rate(gt_command_wait_seconds_total{program="bd"}[$S])) + sum(rate(gt_command_seconds_total{command=~"bd .*"}[$S])))` +
		` / sum(rate(gt_commands_total{command=~"bd .*"}[$S]))`
	misses = "sum(rate(gt_cache_misses_total[$W]))"
)

// Knobs are all knobs, in the order in which they are looked at. docs/autotune.md lists
// their bounds. How many polecats work is not among them: that is what a person pays for.
var Knobs = []Knob{
	{Key: "dolt.max_open_conns", Scope: ScopeDolt, Least: 2, Most: 100, Factor: 1.5, Percent: true,
		Cause: "sum(rate(gt_dolt_pool_wait_seconds_total[$W])) / sum(rate(gt_sql_seconds_total[$W]))", Above: .02,
		Text:   "the wait for a connection was %s of the time of all statements",
		Figure: "(sum(rate(gt_dolt_pool_wait_seconds_total[$S])) + sum(rate(gt_sql_seconds_total[$S]))) / sum(rate(gt_sql_runs_total[$S]))",
		Name:   "seconds of a statement with its wait for a connection"},
	{Key: "dolt.max_idle_conns", Scope: ScopeDolt, Least: 0, Most: 50, Factor: 2, Percent: true,
		Cause: "sum(rate(gt_dolt_pool_closed_total[$W])) / sum(rate(gt_sql_runs_total[$W]))", Above: .02,
		Text:   "for %s of statements a connection was closed because more were idle than may be",
		Figure: "sum(rate(gt_dolt_pool_closed_total[$S])) / sum(rate(gt_sql_runs_total[$S]))", Name: "connections closed for each statement"},
	{Key: "cache.memory_size", Scope: ScopeCache, Least: 16 << 20, Most: 1 << 30, Factor: 2, Percent: true,
		Cause: "sum(rate(gt_cache_evictions_total[$W])) / " + misses, Above: .10,
		Text:   "the caches dropped answers for room as often as %s of what had to be read",
		Figure: missRatio, Name: "share of answers that had to be read"},
	{Key: "cache.ttl", Scope: ScopeCache, Least: int64(time.Minute), Most: int64(time.Hour), Factor: 2, Percent: true,
		Cause: "sum(rate(gt_cache_expired_total[$W])) / " + misses, Above: .10,
		Text:   "the caches dropped answers by age as often as %s of what had to be read",
		Figure: missRatio, Name: "share of answers that had to be read"},
	{Key: "bd.max_concurrent", Scope: ScopeConcurrency, Least: 4, Most: 40, Factor: 1.5, Percent: true,
		Cause: `sum(rate(gt_command_wait_seconds_total{program="bd"}[$W])) / sum(rate(gt_command_seconds_total{command=~"bd .*"}[$W]))`, Above: .05,
		Text:   "the wait of bd for a place was %s of the time that it ran",
		Figure: bdTime, Name: "seconds of a command of bd with its wait for a place"},
	{Key: "bd.max_concurrent", Scope: ScopeConcurrency, Least: 4, Most: 40, Factor: 1 / 1.5,
		Cause: "quantile_over_time(0.5, dolt_latency[$W])", Above: .05, Text: "half of the queries of the database took %s or more",
		Figure: bdTime, Name: "seconds of a command of bd with its wait for a place"},
	{Key: "sling.max_concurrent", Scope: ScopeConcurrency, Least: 2, Most: 16, Factor: 1.5, Hold: "sling.max_concurrent",
		Cause: "sum(avg_over_time(gt_queue_beads[$W]))", Above: 1, Text: "%s beads waited for a worker on average, and sling.max_concurrent held them",
		Figure: "sum(avg_over_time(gt_queue_beads[$S])) / sum(rate(gt_polecat_spawn_duration_seconds_count[$S]))", Name: "seconds that a bead waits for a worker"},
}

// direction tells a knob from another one of the same setting.
func (k Knob) direction() string {
	if k.Factor < 1 {
		return "less"
	}
	return "more"
}

// directionOf is that of a change.
func directionOf(key, from, to string) string {
	a, errA := parse(key, from)
	b, errB := parse(key, to)
	if errA == nil && errB == nil && b < a {
		return "less"
	}
	return "more"
}

// next is the value after a step, within the bounds; the same value if there is none.
func (k Knob) next(now int64) int64 {
	unit := k.unit()
	to := int64(float64(now)*k.Factor/float64(unit)+.5) * unit
	if k.Factor > 1 {
		return min(max(to, now+unit), max(k.Most, now))
	}
	return max(min(to, now-unit), min(k.Least, now))
}

// unit is the least difference between two values.
func (k Knob) unit() int64 {
	switch key, _ := config.Lookup(k.Key); key.Type {
	case config.TypeBytes:
		return 1 << 20
	case config.TypeDuration:
		return int64(time.Second)
	}
	return 1
}

// worded is the cause as people read it.
func (k Knob) worded(v float64) string {
	text := strconv.FormatFloat(v, 'g', 3, 64)
	switch {
	case k.Percent:
		text = strconv.FormatFloat(100*v, 'g', 3, 64) + " %"
	case strings.HasPrefix(k.Cause, "quantile"):
		text = strconv.FormatFloat(1000*v, 'g', 3, 64) + " ms"
	}
	return fmt.Sprintf(k.Text, text)
}

// Expr is an expression with its range.
func Expr(expr string, d time.Duration) string {
	text := fmt.Sprintf("%ds", int(d.Seconds()))
	return strings.NewReplacer("$W", text, "$S", text).Replace(expr)
}

// parse reads a value of a setting: of an int itself, else in nanoseconds or bytes.
func parse(key, value string) (int64, error) {
	c := config.Config{Settings: map[string]string{key: value}}
	k, err := config.Lookup(key)
	if err != nil {
		return 0, err
	}
	switch k.Type {
	case config.TypeBytes:
		return c.Bytes(key)
	case config.TypeDuration:
		d, err := c.Duration(key)
		return int64(d), err
	}
	n, err := c.Int(key)
	return int64(n), err
}

// format writes a value in normal form.
func format(key string, v int64) string {
	k, _ := config.Lookup(key)
	switch k.Type {
	case config.TypeBytes:
		return strconv.FormatInt(v>>20, 10) + "MB"
	case config.TypeDuration:
		return (time.Duration(v)).String()
	}
	return strconv.FormatInt(v, 10)
}

// Bounds words the bounds of a knob.
func (k Knob) Bounds() string { return normal(k.Key, k.Least) + " to " + normal(k.Key, k.Most) }

// normal is a value as the configuration writes it.
func normal(key string, v int64) string {
	c := config.New("x")
	if value, err := c.Set(key, format(key, v)); err == nil {
		return value
	}
	return format(key, v)
}
