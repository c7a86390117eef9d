package main

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"gastown/e2e/gitserver"
)

func (s *scenario) starts(ctx context.Context) error {
	for range s.runs {
		if err := s.each(stepStart, func(side int) (sample, error) { return s.peers[side].start(ctx) }); err != nil {
			return err
		}
	}
	s.wall(stepStart)
	return nil
}

// firsts publishes to a new repository each time. The later steps use the last one.
func (s *scenario) firsts(ctx context.Context) error {
	for range s.runs {
		err := s.each(stepFirst, func(side int) (sample, error) {
			dir := filepath.Join(s.dir, "depot"+strconv.Itoa(len(s.made)))
			if err := os.MkdirAll(dir, 0o700); err != nil {
				return sample{}, err
			}
			r, err := newRemote(ctx, s.kind, dir)
			if err != nil {
				return sample{}, err
			}
			s.made = append(s.made, r)
			return s.peers[side].first(ctx, r)
		})
		if err != nil {
			return err
		}
	}
	s.wall(stepFirst)
	return nil
}

// depot is the repository that a side uses. Both sides made theirs in turns.
func (s *scenario) depot(side int) *remote { return s.made[len(s.made)-2+side] }

// reader makes each side's reader, the first of its joins. The other joins come
// last: they leave a million files in the kernel's tables, which makes every search
// for files slower than in any real Town.
func (s *scenario) reader(ctx context.Context) error {
	if err := s.join(ctx); err != nil {
		return err
	}
	unix.Sync() // so that the disk has finished before the next measurement
	return nil
}

func (s *scenario) join(ctx context.Context) error {
	return s.each(stepJoin, func(side int) (sample, error) { return s.peers[side].join(ctx) })
}

func (s *scenario) joins(ctx context.Context) error {
	for range s.runs - 1 {
		if err := s.join(ctx); err != nil {
			return err
		}
	}
	s.wall(stepJoin)
	both := s.samples[stepJoin]
	before := func(p sample) time.Duration { return p.wall - p.steps["show"] }
	s.add(stepBefore, "ms", milliseconds(both[ours], before), milliseconds(both[theirs], whole))
	// The first transfer verifies every chunk that arrives.
	megabytes, err := tableBytes(filepath.Dir(s.depot(ours).dir))
	if err != nil {
		return err
	}
	verify := milliseconds(both[ours], func(p sample) time.Duration { return p.steps["verify"] })
	s.add(stepVerify, "ms per MB", verify/max(megabytes, 0.001), 0)
	// A join ends with a push of the Town's registry entry; a clone does not.
	s.add(stepEntry, "ms", milliseconds(both[ours], whole),
		milliseconds(both[theirs], whole)+milliseconds(s.samples[stepPush][theirs], whole))
	return s.plain()
}

// tableBytes is the size in MB of a whole repository, which is close to the size of
// its table files.
func tableBytes(dir string) (float64, error) {
	bytes, err := size(dir)
	return float64(bytes) / 1e6, err
}

// exchange measures the daily exchange of Towns.
func (s *scenario) exchange(ctx context.Context) error {
	var used [3][2]gitserver.Counts
	for range s.runs {
		for i, step := range []struct {
			name string
			run  func(side int) (sample, error)
		}{
			{stepNone, func(side int) (sample, error) { return s.peers[side].pull(ctx) }},
			{stepPush, func(side int) (sample, error) { return s.peers[side].push(ctx) }},
			{stepPull, func(side int) (sample, error) { return s.peers[side].pull(ctx) }},
		} {
			err := s.each(step.name, func(side int) (sample, error) {
				if step.name == stepPush {
					if err := s.peers[side].edit(ctx); err != nil {
						return sample{}, err
					}
				}
				before := s.depot(side).counts()
				got, err := step.run(side)
				used[i][side] = s.depot(side).counts().Sub(before)
				return got, err
			})
			if err != nil {
				return err
			}
		}
	}
	for i, step := range []string{stepNone, stepPush, stepPull} {
		s.wall(step)
		if step == stepPush {
			s.pushParts()
		}
		if s.kind != "local" {
			s.add(stepConnect+step, "", float64(used[i][ours].Exchanges), float64(used[i][theirs].Exchanges))
			s.add(stepSent+step, "bytes", float64(used[i][ours].In), float64(used[i][theirs].In))
		}
	}
	return nil
}

// pushParts adds the parts of a push. The sync alone is compared with the other
// side's whole push.
func (s *scenario) pushParts() {
	both := s.samples[stepPush]
	stock := milliseconds(both[theirs], whole)
	find := func(p sample) time.Duration { return p.steps["load index"] + p.steps["scan"] }
	s.add(stepFind, "ms", milliseconds(both[ours], find), 0)
	s.add(stepSync, "ms", milliseconds(both[ours], func(p sample) time.Duration { return p.steps["sync"] }), stock)
}

// processes counts git processes, in separate runs.
func (s *scenario) processes(ctx context.Context) error {
	counts := map[string][2]float64{}
	for side, p := range s.peers {
		if err := p.edit(ctx); err != nil {
			return err
		}
		p.counting(s.count.Path(os.Getenv("PATH")))
		for _, step := range []struct {
			name string
			run  func(context.Context) (sample, error)
		}{{stepNone, p.pull}, {stepPush, p.push}, {stepPull, p.pull}} {
			if _, err := step.run(ctx); err != nil {
				return err
			}
			n, err := s.count.Take()
			if err != nil {
				return err
			}
			both := counts[step.name]
			both[side] = float64(n)
			counts[step.name] = both
		}
	}
	for _, step := range []string{stepNone, stepPush, stepPull} {
		s.add(stepGit+step, "", counts[step][ours], counts[step][theirs])
	}
	return nil
}

// plain measures a lower bound for writing a Town's files on this disk: as many
// files of the same size, in one directory, flushed once, without the steps that
// make it safe.
func (s *scenario) plain() error {
	var samples []sample
	for n := range s.runs {
		began := time.Now()
		if err := plainFiles(filepath.Join(s.dir, "plain"+strconv.Itoa(n)), s.rows); err != nil {
			return err
		}
		samples = append(samples, sample{wall: time.Since(began)})
	}
	show := func(p sample) time.Duration { return p.steps["show"] }
	s.add(stepFiles, "ms", milliseconds(s.samples[stepJoin][ours], show), milliseconds(samples, whole))
	return nil
}
