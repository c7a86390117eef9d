// Package crash kills processes of the federation, and runs many of them at once.
// The next call completes what a killed process began, and nothing is lost.
package crash
