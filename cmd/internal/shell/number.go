package shell

import (
	"fmt"
	"strconv"

	"github.com/alecthomas/kingpin/v2"

	"gastown/town"
)

// Number makes a flag or argument take a whole number. The parser's own IntVar takes
// numbers that no int holds for others.
func Number(f interface{ SetValue(kingpin.Value) }, to *int) { f.SetValue((*number)(to)) }

type number int

func (n *number) String() string { return strconv.Itoa(int(*n)) }

func (n *number) Set(text string) error {
	v, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("%q is not a whole number, or too large", town.Clip(text, 40))
	}
	*n = number(v)
	return nil
}
