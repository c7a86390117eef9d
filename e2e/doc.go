// Package e2e holds what proves the product as a whole: scripts that drive the
// real binaries, fault and benchmark programs, and the rule that imports point
// down.
package e2e
