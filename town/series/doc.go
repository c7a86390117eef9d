// Package series keeps figures of the Town over time, in Prometheus' own time series
// database, and answers questions about them in PromQL.
//
// A Store is the one writer of a directory. What is appended is written to the
// write-ahead log before Append returns. When the process is killed, nothing is lost;
// when the machine loses power, what the kernel had not written yet is, which is at most
// the last minute.
//
// No state of the directory stops a Store's user. What cannot be read is moved to a
// directory beside it, and said in the log; figures begin anew with what is left. While
// the directory cannot be written at all, for instance because the disk is full, Append
// fails and says why, and tries again later. A directory that somebody removed or
// replaced is noticed with the next Append.
//
// Figures are kept for Options.Keep or as long as they fit into Options.Bytes, whichever
// ends first.
//
// A Reader answers questions. A Store is one. Open opens the directory for a process
// that only reads, when there is no Store.
package series
