// Package clients runs programs that people use with the public bd against this one:
// the web page beads-ui, in a real browser. It runs nginx in front of a Deacon, as
// docs/network.md says. "make clients" installs what it needs.
package clients
