// Package series stores the Town's metrics over time in Prometheus' time series database,
// answers PromQL queries about them, and evaluates rules on them (Judge).
//
// A Store is the only writer of its directory. Append writes to the write-ahead log before
// it returns. A kill of the process loses nothing. A power failure loses what the kernel
// had not written yet, which is at most the last minute.
//
// No state of the directory stops a Store's user. The Store moves files that it cannot
// read to a directory beside its own, logs that, and goes on with the rest. While the
// directory cannot be written, for instance because the disk is full, Append fails with
// the reason, and a later Append opens it again. The next Append also notices a directory
// that somebody removed or replaced.
//
// Samples are kept for Options.Keep or as long as they fit into Options.Bytes, whichever
// is shorter.
//
// A Reader answers queries. A Store is one. Open opens the directory for a process that
// only reads, while no Store has it.
package series
