// Package invocation is how a front hands a command to the Deacon.
//
// A front is the small program a person types (gt, bd). It connects to the
// Deacon's command socket and sends one Request: program, arguments, working
// directory, environment, and its three standard streams as file descriptors.
// Then both sides exchange single messages:
//
//	front                      Deacon
//	Request + 3 descriptors -> parses the arguments, runs nothing yet
//	                        <- Ready, or Declined with a reason
//	Go                      -> runs the command
//	Interrupt (any time)    -> cancels the command's context
//	Pause (any time)        -> uses none of the streams until Continue
//	                        <- Exit with the code
//
// The command runs only after Go. A front that did not see Ready in time can
// therefore run the command itself: it cannot run twice. A connection that
// closes before Exit cancels the command.
//
// The package links nothing but the standard library and x/sys, because fronts
// must start in a few milliseconds.
package invocation
