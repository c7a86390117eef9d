// Package files keeps the rows of the federation plane and the ordinary files
// below a Town's federation/ directory in step, in both directions, without a
// mount: people edit with any editor, and their own Git repository may track
// the directory.
//
//   - [Check] decides whether a text may be a role, a formula or a template.
//   - [Index] remembers what each file was when it was last read or written, so
//     that an unchanged file is never opened again.
//   - [Tree.Scan] reports what people changed.
//   - [Tree.Apply] writes rows into files.
//
// # What is guaranteed
//
// Apply never replaces or removes bytes that are not recorded elsewhere: not an
// edit made before it ran, nor one made while it runs by an editor that writes
// in place or renames. When a text cannot be put back under its own name, it is
// kept beside it under a name ending in "~" and reported as [Rescue].
//
// Every file is at every moment its whole old or its whole new text, also after
// a crash: texts are written under hidden names, flushed, and only then renamed.
// Hidden names begin with ".gt-"; what a killed process left behind is resolved
// by the next Scan or Apply, and the names alone say how (see names.go).
//
// Where more files are made than a directory has, and more than a thousand, the
// directory is replaced by a new one in a single rename (staging.go). What people
// keep in it stays, as the same files; what they do in it meanwhile is carried
// over. A program whose working directory it was has to enter it again.
//
// Nothing in the directory is trusted: links are never followed, only regular
// files are opened, no more than [town.MaxDocumentBytes] is read, and a file
// that does not parse is reported with its line and left alone.
//
// # Who serialises and who retries
//
// A Tree and an Index belong to one goroutine at a time. Across processes,
// Apply waits for a lock on the directory itself; a caller that saves the index
// holds a lock of its own from LoadIndex to Save. Nothing is retried here
// except a read that met a writer, a few times; what stays busy is reported,
// and the caller's next Scan or Apply tries it again.
package files
