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
// Apply never replaces or removes bytes that are not recorded elsewhere. That
// holds for edits made before it runs and for edits made while it runs, by an
// editor that writes in place or renames. A text that cannot get its own name
// back is stored beside it under a name ending in "~" and reported as [Rescue].
//
// At every moment each file has its whole old or its whole new text, also after a
// crash: a text is written under a hidden name, flushed, and only then renamed.
// Hidden names begin with ".gt-". The next Scan or Apply resolves the ones that a
// killed process left; the names alone say how (see names.go).
//
// When Apply makes more than a thousand files, and more than the directory has,
// it puts a new directory in place of the old one by a single rename (see
// staging.go). The files that were there stay the same files, and what people do
// in the directory meanwhile is carried over. A program that has the directory
// as its working directory must enter it again.
//
// Nothing in the directory is trusted. Links are never followed, only regular
// files are opened, and no more than [town.MaxDocumentBytes] is read. A file that
// does not parse is reported with its line and left alone.
//
// # Who serialises and who retries
//
// A Tree and an Index belong to one goroutine at a time. Across processes, Apply
// waits for a lock on the directory itself. A caller that saves the index holds a
// lock of its own from LoadIndex to Save. A read that meets a writer is retried a
// few times; nothing else is. A file that stays busy is reported, and the
// caller's next Scan or Apply tries it again.
package files
