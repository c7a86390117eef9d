// Package control is the protocol of the Deacon's control socket: HTTP with JSON
// over a unix socket that only the Town's owner may use. Parts of the Deacon add
// requests of their own.
//
//	GET  /v1/status       what runs, and how it goes
//	POST /v1/stop         end the Deacon
//	POST /v1/reload       read the configuration and the schedule anew
//	POST /v1/run          run a check or a job now, and wait for it
//	POST /v1/federation   sync with one remote or all; waits if asked to
//	POST /v1/heartbeat    an agent is alive
//	POST /v1/lend         lend the planes until the connection closes
//	GET  /v1/agents       the agents that are alive
//	GET  /v1/cache        what the caches did and hold
//	POST /v1/cache        read ahead, refresh or clear caches
//
// Both ends are the same version of gt; the protocol may change with any version.
// A lease ends with its connection, so it does not outlive a killed borrower.
// Nothing here retries, except heartbeats that are over the limit.
//
// A request waits for its turn until its context ends; Exempt names the requests
// that do not wait.
package control
