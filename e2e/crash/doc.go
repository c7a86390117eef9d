// Package crash kills processes that federate, and crowds them: whatever they
// were doing, the next run goes on from there, and nothing is lost.
package crash
