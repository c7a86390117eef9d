// Package clients runs programs that people use with the public bd against this one:
// the web page beads-ui, in a real browser. "make clients" installs what it needs.
package clients
