// Package control is how gt's commands talk to the Deacon of their Town: HTTP
// with JSON over a unix socket that only the Town's owner may use.
//
//	GET  /v1/status       what runs, and how it goes
//	POST /v1/stop         end the Deacon
//	POST /v1/reload       read the configuration and the schedule anew
//	POST /v1/run          run a check or a job now, and wait for it
//	POST /v1/federation   sync with one remote or all; waits if asked to
//	POST /v1/heartbeat    an agent is alive
//	POST /v1/lend         give up the planes for as long as the request lasts
//	POST /v1/ledger       read the ledger
//	GET  /v1/agents       those that are alive
//	GET  /v1/cache        what is kept of answers
//	POST /v1/cache        read ahead, read anew or forget it
//
// The protocol is between one gt and the same gt; it may change with any
// version. A lease ends with its connection, so a killed borrower keeps
// nothing. Nothing here retries, but for heartbeats that are over the limit.
//
// A request waits for its turn as long as its context lets it; Exempt names
// those that need none.
package control
