// Package deacon tests Towns that run by themselves, with the real gt and bd and a
// Deacon in each Town. Of the product, the test's own process contains only the
// client of the control socket.
//
//	TestSoak        agents, writers and federation at once, with a kill in the middle
//	TestQuiet       a Deacon with nothing to do starts no process
//	TestArrival     a committed edit reaches another Town without polling
//	TestDeadRemotes remotes that do not answer, beside one that does
//	TestHostile     hostile input on each of its sockets
//	TestStarts...   starts that must fail, and their messages
//
// "make soak" runs the first for longer. Counts are asserted; times and CPU use are
// only printed.
package deacon
