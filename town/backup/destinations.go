package backup

import (
	"path/filepath"
	"strconv"
	"strings"

	"gastown/town"
)

// maxDestinations bounds how many destinations a Town has.
const maxDestinations = 16

// Where is a destination as it is configured.
type Where struct{ Name, URL string }

// ParseDestinations reads a list of destinations, separated by spaces: each a place, or
// NAME=PLACE. One without a name is called by its number.
func ParseDestinations(text string) (all []Where, err error) {
	seen := map[string]bool{}
	for i, word := range strings.Fields(text) {
		w := Where{Name: strconv.Itoa(i + 1), URL: word}
		if name, url, ok := strings.Cut(word, "="); ok && plainName(name) {
			w = Where{name, url}
		}
		if w.URL == "" || seen[w.Name] || i == maxDestinations {
			return nil, town.Fail("read backup.to", "gt config backup.to disk=/mnt/backups",
				"%w: at most %d places, each with a name of its own: %s", town.ErrUsage, maxDestinations, town.Clip(word, 80))
		}
		seen[w.Name] = true
		all = append(all, w)
	}
	return all, nil
}

// Open returns the store of a destination. A directory must be named by its absolute
// path.
func (w Where) Open() (Destination, error) {
	d := Destination{Name: w.Name, Where: w.URL}
	path, isFile := strings.CutPrefix(w.URL, "file://")
	if !filepath.IsAbs(path) {
		why := "it is not an absolute path"
		if !isFile && strings.Contains(w.URL, ":") {
			why = "gt knows only directories"
		}
		return d, town.Fail("use the destination "+town.Clip(w.URL, 200), "gt config backup.to /mnt/backups", "%w: %s", town.ErrUsage, why)
	}
	d.Store = Directory{Dir: filepath.Clean(path), Mount: true}
	return d, nil
}
