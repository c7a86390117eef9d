package deacon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"gastown/deacon/schedule"
	"gastown/town/config"
	"gastown/town/layout"
)

// nowhere is the address of a Deacon that does not answer over HTTP.
const nowhere = "none"

// settings are what the Deacon reads of the configuration and the schedule.
// They are replaced as a whole.
type settings struct {
	config *config.Config
	file   schedule.File

	http                            string
	interval                        time.Duration
	diskWarning, diskCritical       int
	latencyWarning, latencyCritical time.Duration
	dataWarning                     int64
	syncWarning, syncCritical       time.Duration
	logAge                          time.Duration
	maxSessions                     int
	cache                           kept
	rate, burst                     int

	// stamp says which files these are.
	stamp [2]fileStamp
}

// fileStamp tells two states of a file apart.
type fileStamp struct {
	modified time.Time
	size     int64
}

func stampOf(path string) (fileStamp, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fileStamp{}, nil
	}
	if err != nil {
		return fileStamp{}, err
	}
	return fileStamp{info.ModTime(), info.Size()}, nil
}

// stamps are those of the two files now.
func (d *Deacon) stamps() (out [2]fileStamp, err error) {
	for i, path := range []string{d.opts.Layout.Config(), d.opts.Layout.Schedule()} {
		if out[i], err = stampOf(path); err != nil {
			return out, err
		}
	}
	return out, nil
}

// read reads both files. Nothing is changed by it.
func (d *Deacon) read() (*settings, error) {
	// Before the files, so that a change meanwhile is noticed later.
	stamp, err := d.stamps()
	if err != nil {
		return nil, err
	}
	cfg, err := config.Load(d.opts.Layout.Config())
	if err != nil {
		return nil, err
	}
	file, err := schedule.Load(d.opts.Layout.Schedule())
	if err != nil {
		return nil, err
	}
	s := &settings{config: cfg, file: file, stamp: stamp}
	if err := s.values(); err != nil {
		return nil, err
	}
	_, err = d.jobs(s)
	return s, err
}

// CheckSettings reports why a Deacon would not start in a Town, or keep its
// former settings on a reload: its configuration or its schedule makes no sense.
// It fails as a start does, and changes nothing.
func CheckSettings(t layout.Town) error {
	_, err := (&Deacon{opts: Options{Layout: t}}).read()
	return err
}

// values reads each setting.
func (s *settings) values() error {
	address, _, failed := s.config.Get("deacon.http_address")
	if address != nowhere {
		s.http = address
	}
	number := func(name string) int {
		n, err := s.config.Int(name)
		failed = errors.Join(failed, err)
		return n
	}
	duration := func(name string) time.Duration {
		n, err := s.config.Duration(name)
		failed = errors.Join(failed, err)
		return n
	}
	s.interval = duration("federation.interval")
	s.diskWarning, s.diskCritical = number("deacon.disk_warning"), number("deacon.disk_critical")
	s.latencyWarning = time.Duration(number("deacon.latency_warning")) * time.Millisecond
	s.latencyCritical = time.Duration(number("deacon.latency_critical")) * time.Millisecond
	s.syncWarning, s.syncCritical = duration("deacon.sync_warning"), duration("deacon.sync_critical")
	s.logAge = duration("deacon.log_age")
	s.maxSessions = number("tmux.max_sessions")
	bytes := func(name string) int64 {
		n, err := s.config.Bytes(name)
		failed = errors.Join(failed, err)
		return n
	}
	s.dataWarning = bytes("deacon.data_warning")
	on, err := s.config.Bool("cache.enabled")
	s.cache = kept{on: on, bytes: bytes("cache.memory_size"), ttl: duration("cache.ttl")}
	s.rate, s.burst = number("rate.requests_per_second"), number("rate.burst_size")
	if failed = errors.Join(failed, err); failed != nil {
		return fmt.Errorf("read the settings of the Deacon: %w", failed)
	}
	return nil
}

// restartFor are the settings whose change is not in force before a restart.
func restartFor(first, now *config.Config) (changed []string) {
	for _, k := range config.Keys() {
		was, _, _ := first.Get(k.Name)
		if is, _, _ := now.Get(k.Name); k.Restart && is != was {
			changed = append(changed, k.Name)
		}
	}
	return changed
}

// settings in force.
func (d *Deacon) settings() *settings {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

// reload reads both files and puts them in force, or leaves the former in
// force and says why.
func (d *Deacon) reload() (err error) {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	defer func() {
		d.metrics.Reloaded(err)
		d.mu.Lock()
		d.problem = ""
		if err != nil {
			d.problem = err.Error()
		}
		d.mu.Unlock()
		if err != nil {
			d.log.WithError(err).Error("the configuration was not reloaded; the former stays in force")
		}
	}()
	s, err := d.read()
	if err != nil {
		return err
	}
	jobs, err := d.jobs(s)
	if err != nil {
		return err
	}
	before := d.settings()
	if err := d.scheduler.Set(jobs); err != nil {
		return err
	}
	d.mu.Lock()
	d.now, d.pending = s, restartFor(d.first.config, s.config)
	waiting, limits := d.pending, d.limits
	d.mu.Unlock()
	d.retire(before, s)
	if err := d.reads.apply(s); err != nil {
		d.log.WithError(err).Warn("the ledger was not closed in order")
	}
	for _, l := range limits {
		l.Set(s.rate, s.burst)
	}
	if len(waiting) > 0 {
		d.log.WithField("settings", waiting).Warn("these settings take effect after gt deacon restart")
	}
	d.log.Info("the configuration was reloaded")
	return nil
}

// notice reloads when one of the files has changed since it was last looked
// at: gt's own commands change the configuration, too. A file that makes no
// sense is told once.
func (d *Deacon) notice() error {
	stamp, err := d.stamps()
	if err != nil {
		return err
	}
	d.mu.Lock()
	same := stamp == d.noticed
	d.noticed = stamp
	d.mu.Unlock()
	if same || stamp == d.settings().stamp {
		return nil
	}
	return d.reload()
}
