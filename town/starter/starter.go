// Package starter holds the roles, formulas and templates that a new Town
// begins with. They are part of the binary, so a Town can be made without a
// network, and are a start only: gt install writes those that are missing, and
// from then on they belong to the Town and its federation like any other
// document.
//
// To add one, add a file below content/; there is no list to keep. Before you change
// one that was released, copy it to content/former/N/, where N counts up: a document
// that still has a former text is recognised as one that nobody has edited. A file
// below content/former/ never changes.
package starter

import (
	"cmp"
	"embed"
	"io/fs"
	"slices"
	"strconv"

	"gastown/town"
)

// content mirrors the federation directory of a Town: roles/, formulas/ and
// templates/. Its directory former/N/ mirrors what is left of an earlier state.
//
//go:embed content
var content embed.FS

// Document is one file a new Town begins with.
type Document struct {
	Key town.Key
	// Text is the whole file: UTF-8, lines ended by LF, the last one too.
	Text string
}

// Documents returns every document, ordered by kind as town.Kinds is and then by
// name. The slice is the caller's own.
func Documents() []Document { return documents(content, "content/") }

// Texts returns for each document the text that a new Town begins with, and then
// those that Towns of former versions began with, the newest first.
func Texts() map[town.Key][]string {
	all := map[town.Key][]string{}
	add := func(docs []Document) {
		for _, d := range docs {
			all[d.Key] = append(all[d.Key], d.Text)
		}
	}
	add(Documents())
	for n := formerStates(content); n > 0; n-- {
		add(documents(content, "content/former/"+strconv.Itoa(n)+"/"))
	}
	return all
}

// formerStates is how many former states there are; they are numbered from 1.
func formerStates(fsys fs.FS) int {
	entries, _ := fs.ReadDir(fsys, "content/former")
	return len(entries)
}

// documents reads the directory of each kind below a directory. It skips what it
// cannot read or name, which does not happen: the files are embedded, and the
// tests count them and check their names.
func documents(fsys fs.FS, below string) []Document {
	var all []Document
	for _, k := range town.Kinds {
		var docs []Document
		entries, _ := fs.ReadDir(fsys, below+k.Dir())
		for _, e := range entries {
			key, err := town.ParsePath(k.Dir() + "/" + e.Name())
			if err != nil {
				continue
			}
			text, err := fs.ReadFile(fsys, below+key.Path())
			if err != nil {
				continue
			}
			docs = append(docs, Document{Key: key, Text: string(text)})
		}
		slices.SortFunc(docs, func(a, b Document) int { return cmp.Compare(a.Key.Name, b.Key.Name) })
		all = append(all, docs...)
	}
	return all
}
