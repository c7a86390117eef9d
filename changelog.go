// Package gastown is the root of the repository, for the files there that programs print.
package gastown

import _ "embed"

// Changelog is CHANGELOG.md: what users notice, by version, the newest first.
//
//go:embed CHANGELOG.md
var Changelog string
