// Package invocation is how a front hands a command to the Deacon.
//
// A front is the small program a person types (gt, bd). It connects to the
// Deacon's command socket and sends one Request: program, arguments, working
// directory and environment. Then both sides exchange single messages:
//
//	front                      Deacon
//	Request                 -> parses the arguments, runs nothing yet
//	                        <- Ready, or Declined with a reason
//	Go + 3 descriptors      -> runs the command with these standard streams
//	Interrupt (any time)    -> cancels the command's context
//	Pause (any time)        -> uses none of the streams until Continue
//	                        <- Exit with the code
//
// The command runs only after Go. A front that did not see Ready in time can
// therefore run the command itself: it cannot run twice. A connection that
// closes before Exit cancels the command.
//
// The descriptors come with Go, not with the Request. In the queue of a Deacon that
// hangs they would stay open after their front has ended, and whoever reads the
// command's output from a pipe would wait for its end.
//
// For another user than the Town's owner Ready may name files of the arguments. The front
// opens them itself and passes them behind the three, so no path of that user's is opened
// with the owner's rights; see File.
//
// A Deacon declines a Request of version 1, which brought the descriptors. A Deacon
// of that version closes the connection of a front of this one. Both fronts then run
// their command themselves.
//
// The package links nothing but the standard library and x/sys, because fronts
// must start in a few milliseconds.
package invocation
