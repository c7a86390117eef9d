package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"gastown/sync/sign"
	"gastown/town"
)

// signaturesVerified is the name of a figure: how long the signatures of so many rows
// take that arrive with one merge.
const (
	signaturesVerified = "verify 1,000 signed rows"
	signedRows         = 1000
)

// signatures verifies the rows o.runs times, after one run that is not counted.
func signatures(o options) ([]deaconFigure, error) {
	keys, err := sign.NewKeys("bench")
	if err != nil {
		return nil, err
	}
	var list []sign.Signature
	for i := range signedRows {
		list = append(list, keys.Sign("store", town.DigestOf("row", fmt.Sprint(i))))
	}
	var took []float64
	for range o.runs + 1 {
		began := time.Now()
		valid := sign.Valid("store", list, func(town.ID, sign.Public) bool { return true })
		took = append(took, float64(time.Since(began).Microseconds())/1000)
		if slices.Contains(valid, false) {
			return nil, errors.New("a signature does not hold")
		}
	}
	slices.Sort(took[1:])
	return []deaconFigure{{Name: signaturesVerified, Unit: "ms", Value: took[1+(len(took)-1)/2]}}, nil
}
