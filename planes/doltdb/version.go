package doltdb

import "runtime/debug"

// module is Dolt's.
const module = "github.com/dolthub/dolt/go"

// Version is the version of Dolt in this program, which decides which stores can be
// read; "unknown" where the program does not say.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == module {
				return m.Version
			}
		}
	}
	return "unknown"
}
