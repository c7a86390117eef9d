// Package deacon is the daemon of a Town. It owns the Town's databases while it
// runs, and everything it does beside that is a list of parts (parts.go).
//
//	deacon/part        what a part is and what it may offer
//
//	deacon/federation  parts: exchange with the federation remotes
//	deacon/checks      run the checks of all parts, /health
//	deacon/machine     watch disk, tmux and Git repositories
//	deacon/heartbeat   know which agents are alive
//	deacon/collector   collect the garbage of the planes
//	deacon/retention   remove what is too old
//	deacon/caches      gt cache
//	deacon/commands    run the commands of fronts
//
//	deacon/settings    owned by the Deacon: the configuration in force
//	deacon/stores      the open databases, and lending them
//	deacon/recorder    what is written into the operational plane in batches
//	deacon/schedule    jobs, and when they run
//	deacon/control     the protocol of the control socket, for gt
//	deacon/web         the metrics
//	deacon/guard       what protects each listener
//	deacon/logs        the log
//	deacon/check       what it means that something is well
//
// A Town has at most one Deacon: it holds a lock of the kernel as long as it
// lives, so a Deacon that was killed leaves nothing in the way of the next one.
//
// Run takes named steps and undoes them in reverse. A step that fails ends the
// start, and everything is undone. The stop takes no longer than stopBudget, also
// when something does not answer. A run of a job that failed is not retried at
// once: each job has its schedule, and a pause while it keeps failing.
package deacon
