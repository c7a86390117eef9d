// Package version has the version number that all programs of the project share.
package version

// Number is the version. A release sets it at build time with
// -ldflags "-X gastown/cmd/internal/version.Number=...".
var Number = "0.1.0-dev"
