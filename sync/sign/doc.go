// Package sign has the keys of Towns: what a Town signs with, how its keys follow
// each other, and what a signature says. It knows no database and no clock.
//
// A signature is over a statement: the digest of a row, which names all its values,
// with the federation and the Town. So it holds whoever carries the row on, and it
// says nothing in another federation. docs/signatures.md has the rules for readers.
package sign
