// Package deacon proves Towns that run by themselves: the real gt and bd, with a
// Deacon in each Town and nothing of the product in the test's own process but
// the client of the control socket.
//
//	TestSoak        agents, writers and federation at once, with a kill in the middle
//	TestQuiet       a Deacon with nothing to do starts no process
//	TestArrival     a committed edit reaches another Town without polling
//	TestDeadRemotes remotes that do not answer, beside one that does
//	TestHostile     hostile input on each of its sockets
//	TestStarts...   starts that must fail, and their messages
//
// "make soak" runs the first for longer. Counts are asserted; times and CPU are
// printed.
package deacon
