// Package starter holds the roles, formulas and templates that a new Town
// begins with. They are part of the binary, so a Town can be made without a
// network, and are a start only: gt install writes those that are missing, and
// from then on they belong to the Town and its federation like any other
// document.
//
// To change or add one, edit a file below content/; there is no list to keep.
package starter

import (
	"cmp"
	"embed"
	"io/fs"
	"slices"

	"gastown/town"
)

// content mirrors the federation directory of a Town: roles/, formulas/ and
// templates/.
//
//go:embed content/roles content/formulas content/templates
var content embed.FS

// Document is one file a new Town begins with.
type Document struct {
	Key town.Key
	// Text is the whole file: UTF-8, lines ended by LF, the last one too.
	Text string
}

// Documents returns every document, ordered by kind as town.Kinds is and then by
// name. The slice is the caller's own.
func Documents() []Document { return documents(content) }

// documents reads the directory of each kind below content/. It skips what it
// cannot read or name, which does not happen: the files are embedded, and the
// tests count them and check their names.
func documents(fsys fs.FS) []Document {
	var all []Document
	for _, k := range town.Kinds {
		var docs []Document
		entries, _ := fs.ReadDir(fsys, "content/"+k.Dir())
		for _, e := range entries {
			key, err := town.ParsePath(k.Dir() + "/" + e.Name())
			if err != nil {
				continue
			}
			text, err := fs.ReadFile(fsys, "content/"+key.Path())
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
