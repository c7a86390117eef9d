package quiet

import (
	"os"
	"sync"
)

// swapping is held while os.Stdout is another file.
var swapping sync.Mutex

// Stdout runs fn while os.Stdout is the null device, because the engine's clone
// prints its progress there, where a program may read it. Two calls at once take
// turns.
func Stdout(fn func() error) error {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	swapping.Lock()
	defer swapping.Unlock()
	saved := os.Stdout
	os.Stdout = null
	defer func() { os.Stdout = saved }()
	return fn()
}
