// Package commands runs the commands of fronts inside the Deacon.
//
// A Server listens on the command socket. For each connection it receives an
// invocation (package invocation), asks Options.Prepare what command that is,
// and runs it with the caller's arguments, directory, environment and streams.
// Nothing of the Deacon's own process reaches the command: the composition root
// passes everything in a Call.
//
// What one command can do to the others is bounded:
//
//   - It runs while its front lives. A front that goes away, or a person who
//     interrupts it, ends the command's context.
//   - A command that does not end although its context has is abandoned after
//     Options.Grace: its front is released, and its place stays taken.
//   - At most so many run at once, by class (Limits); the others wait for as
//     long as their --wait says.
//   - A panic ends the command with an error. Its stack goes to the log.
//   - When the process holds more memory than Options.Memory, the commands under
//     way are cancelled, the one that began last first. What can be repeated
//     then runs in a process of its own.
package commands
