package host

import (
	"net"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gastown/town"
	"gastown/town/backup"
	"gastown/town/layout"
)

// CheckSetting fails with town.ErrUsage or town.ErrRefused when a setting cannot have a value
// in this Town for a reason that its type does not tell: a mistake is told to whoever makes
// it, and not by the Deacon later. It reaches no other machine.
func CheckSetting(t layout.Town, name, value string) error {
	if value == "" {
		return nil
	}
	switch name {
	case "backup.to":
		_, err := backupPlaces(t, value)
		return err
	case "backup.key":
		_, err := backup.ReadKey(inTown(t, value))
		return err
	case "deacon.http_address":
		if value == "none" {
			return nil
		}
		return checkAddress(name, value)
	case "dolt.listen":
		return checkAddress(name, value)
	case "deacon.group":
		if _, err := user.LookupGroup(value); err != nil {
			return town.Fail("set "+name, "getent group lists the groups of this machine", "%w: %w", town.ErrUsage, err)
		}
	}
	return nil
}

// checkAddress fails unless a value is HOST:PORT.
func checkAddress(name, value string) error {
	_, port, err := net.SplitHostPort(value)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return town.Fail("set "+name, "gt config "+name+" localhost:8080, or another HOST:PORT", "%w: %s is not HOST:PORT", town.ErrUsage, town.Typed(value))
	}
	return nil
}

// backupPlaces reads the destinations of backups. One where a backup would be in the way of
// the Town, or would be backed up itself, is refused.
func backupPlaces(t layout.Town, text string) ([]backup.Where, error) {
	places, err := backup.ParseDestinations(text)
	if err != nil {
		return nil, err
	}
	own := append([]string{filepath.Base(t.Private())}, backupPaths...)
	for _, place := range places {
		if err := place.Check(); err != nil {
			return nil, err
		}
		rel, within := place.Within(t.Root)
		if first, _, _ := strings.Cut(rel, "/"); within && (rel == "." || slices.Contains(own, first)) {
			return nil, town.Fail("use the destination "+town.Clip(place.URL, 200), "gt config backup.to /mnt/backups",
				"%w: gt itself uses that directory of the Town, and it would be lost with the Town", town.ErrRefused)
		}
	}
	return places, nil
}

// inTown is the file that a setting names. A relative path counts from the Town's directory,
// so that it means the same in the Deacon and wherever a person runs a command.
func inTown(t layout.Town, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(t.Root, path)
}
