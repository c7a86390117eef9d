package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// stockShare is the share of the pushes that the other side makes too, enough to
// show how its repository grows.
const stockShare = 10

// sizes measures how one-row pushes make a repository grow.
func sizes(ctx context.Context, o options, dir string) (figures []figure, err error) {
	peers, err := newPeers(ctx, o, dir)
	if err != nil {
		return nil, err
	}
	if !o.keep {
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	var at [2]*remote
	for side, p := range peers {
		if _, err := p.prepare(ctx, small); err != nil {
			return nil, err
		}
		part := filepath.Join(dir, "depot"+strconv.Itoa(side))
		if err := os.MkdirAll(part, 0o700); err != nil {
			return nil, err
		}
		if at[side], err = newRemote(ctx, "local", part); err != nil {
			return nil, err
		}
		if _, err := p.first(ctx, at[side]); err != nil {
			return nil, err
		}
	}
	add := func(name string, n [2]int64) {
		figures = append(figures, figure{Rows: small, Remote: "local", Name: name, Unit: "kB",
			Ours: float64(n[ours] / 1000), Stock: float64(n[theirs] / 1000)})
	}
	few := (o.pushes + stockShare - 1) / stockShare
	var loose, packed [2]int64
	for side, p := range peers {
		if loose[side], packed[side], err = grow(ctx, p, at[side], few); err != nil {
			return figures, err
		}
	}
	add(fmt.Sprintf("repository after %d pushes", few), loose)
	add(fmt.Sprintf("the same after git gc, %d pushes", few), packed)
	l, k, err := grow(ctx, peers[ours], at[ours], o.pushes-few)
	if err != nil {
		return figures, err
	}
	add(fmt.Sprintf("repository after %d pushes", o.pushes), [2]int64{ours: l})
	add(fmt.Sprintf("the same after git gc, %d pushes", o.pushes), [2]int64{ours: k})
	local, err := size(filepath.Join(peers[ours].(*gt).writer, ".gt"))
	add(fmt.Sprintf("what the Town keeps after %d pushes", o.pushes), [2]int64{ours: local})
	return figures, err
}

// grow makes pushes. It returns the size of the repository, and the size of a copy
// of it after a garbage collection.
func grow(ctx context.Context, p peer, r *remote, pushes int) (loose, packed int64, err error) {
	for range pushes {
		if err := p.edit(ctx); err != nil {
			return 0, 0, err
		}
		if _, err := p.push(ctx); err != nil {
			return 0, 0, err
		}
	}
	if loose, err = size(r.dir); err != nil {
		return 0, 0, err
	}
	collected := r.dir + ".collected"
	defer func() { err = errors.Join(err, os.RemoveAll(collected)) }()
	if err := os.CopyFS(collected, os.DirFS(r.dir)); err != nil {
		return loose, 0, err
	}
	cmd := exec.CommandContext(ctx, "git", "gc", "--quiet", "--prune=now")
	cmd.Dir = collected
	if out, err := cmd.CombinedOutput(); err != nil {
		return loose, 0, fmt.Errorf("git gc: %w: %s", err, out)
	}
	packed, err = size(collected)
	return loose, packed, err
}

// size is the sum of all files below dir, in bytes.
func size(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	return sum, err
}
