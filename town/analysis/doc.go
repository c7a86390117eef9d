// Package analysis says where a Town's time goes: the statements and commands that
// take most, what waits and why, and what would help. Read asks for metrics, and
// Analyze, a pure function, judges them with rows of the planes. Each advice names the
// figure that it rests on; where there are no figures, nothing is advised, and the
// Analysis says so.
package analysis
