package town_test

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gastown/town"
)

func TestNamesAreOnePathElement(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(
			rapid.StringMatching(`[a-z0-9][a-z0-9._-]{0,70}`),
			rapid.String(),
			rapid.SampledFrom([]string{"", ".", "..", "../x", "/etc/passwd", "a/b", "a\\b", "a\x00", "Mayor", "-rf", "é"}),
		).Draw(t, "name")
		if town.CheckName(name) != nil {
			return
		}
		if path.Base(name) != name || path.Clean(name) != name || strings.ToLower(name) != name || len(name) > 64 {
			t.Fatalf("%q passed", name)
		}
		for _, kind := range town.Kinds {
			key := town.Key{Kind: kind, Name: name}
			if back, err := town.ParsePath(key.Path()); err != nil || back != key {
				t.Fatalf("%v -> %s -> %v, %v", key, key.Path(), back, err)
			}
			if back, err := town.ParseKey(key.String()); err != nil || back != key {
				t.Fatalf("%v -> %v, %v", key, back, err)
			}
		}
	})
}

func TestPathsOutsideAreRefused(t *testing.T) {
	for _, p := range []string{
		"", "roles", "roles/", "roles/x", "roles/X.md", "roles/../x.md", "roles/a/b.md", "/roles/x.md",
		"formulas/x.toml", "templates/", "templates/.hidden", "other/x.md", "roles/x.md\x00",
	} {
		if key, err := town.ParsePath(p); err == nil {
			t.Errorf("%q became %v", p, key)
		}
	}
}

func TestDigestOfSeparatesItsParts(t *testing.T) {
	seen := map[town.Digest]string{}
	for _, parts := range [][]string{{}, {""}, {"", ""}, {"ab", "c"}, {"a", "bc"}, {"abc"}, {"abc", ""}, {"", "abc"}} {
		d := town.DigestOf(parts...)
		if other, ok := seen[d]; ok {
			t.Errorf("%q and %s share a digest", parts, other)
		}
		seen[d] = fmt.Sprintf("%q", parts)
	}
}

func TestEveryFieldOfAnEditIsInItsDigest(t *testing.T) {
	base := town.Edit{Key: town.Key{Kind: town.KindRole, Name: "a"}, Text: "t", Version: "1", Revision: 1, Town: "x", Author: "y"}
	for field, change := range map[string]func(*town.Edit){
		"kind": func(e *town.Edit) { e.Kind = town.KindFormula }, "name": func(e *town.Edit) { e.Name = "b" },
		"text": func(e *town.Edit) { e.Text = "u" }, "version": func(e *town.Edit) { e.Version = "2" },
		"revision": func(e *town.Edit) { e.Revision++ }, "town": func(e *town.Edit) { e.Town = "z" },
		"author": func(e *town.Edit) { e.Author = "z" }, "deleted": func(e *town.Edit) { e.Deleted = true },
	} {
		e := base
		change(&e)
		if e.Digest() == base.Digest() {
			t.Errorf("%s is not in the digest", field)
		}
	}
}

func TestFailuresKeepKindAndAdvice(t *testing.T) {
	err := fmt.Errorf("outer: %w", town.Fail("push to origin", "wait", "%w: held", town.ErrBusy))
	if !errors.Is(err, town.ErrBusy) || town.Next(err) != "wait" {
		t.Errorf("%v, advice %q", err, town.Next(err))
	}
	wrapped := &town.Error{Op: "sync", Err: err}
	if town.Next(wrapped) != "wait" {
		t.Error("advice below an error without any is lost")
	}
	if got := town.Next(errors.New("plain")); got != "" {
		t.Errorf("advice from nowhere: %q", got)
	}
}

func TestClipKeepsRunesWhole(t *testing.T) {
	if got := town.Clip("aéé", 2); got != "a..." {
		t.Errorf("%q", got)
	}
	if got := town.Clip("short", 10); got != "short" {
		t.Errorf("%q", got)
	}
}
