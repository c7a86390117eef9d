// Package crowd proves, with whole Towns and a real Git server, that Towns which
// publish to one repository at once all get their turn. The Towns run in one
// process, which measures the same code as one process each. "make crowd" runs the
// long forms.
package crowd
