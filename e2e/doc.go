// Package e2e tests the product as a whole: scripts that run the real binaries,
// fault injection, benchmarks, and the rule that imports point down.
package e2e
