// Package crash kills processes that federate, and runs many at once. The next run
// completes what a killed one began, and nothing is lost.
package crash
