// Package version has the version number that all programs of the project share.
package version

// Number is the version. A release sets it at build time with
// -ldflags "-X gastown/cmd/internal/version.Number=...".
var Number = "0.1.0-dev"

// PublicLevel is the version of the public bd whose commands and JSON bd speaks.
// Programs that call bd compare it with the oldest version that they can use.
const PublicLevel = "1.0.5"

// Build names this bd beside the level it speaks.
func Build() string { return "gastown " + Number }

// Line is what a program prints for --version. That of bd has the form that programs
// which call the public bd parse: the first number is the level.
func Line(program string) string {
	if program == "bd" {
		return "bd version " + PublicLevel + " (" + Build() + ")"
	}
	return program + " " + Number
}
