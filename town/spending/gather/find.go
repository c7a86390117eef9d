package gather

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"gastown/town/spending"
)

// Folder is where a program of a format keeps its transcripts.
type Folder struct {
	Format spending.Format
	Dir    string
}

// variables name, for each format, the variable that moves a program's folder and the
// folder's path below it, and its path below the home directory otherwise.
var variables = []struct {
	format                    spending.Format
	variable, below, fromHome string
}{
	{spending.Claude, "CLAUDE_CONFIG_DIR", "projects", ".claude/projects"},
	{spending.Codex, "CODEX_HOME", "sessions", ".codex/sessions"},
	{spending.Gemini, "GEMINI_CLI_HOME", ".gemini/tmp", ".gemini/tmp"},
	{spending.OpenCode, "XDG_DATA_HOME", "opencode", ".local/share/opencode"},
}

// Folders are where programs keep their transcripts that run with one of the environments,
// each of which is a list of NAME=value.
func Folders(environments ...[]string) (all []Folder) {
	for _, env := range environments {
		value := func(name string) (v string) {
			for _, kv := range env {
				if n, is, ok := strings.Cut(kv, "="); ok && n == name {
					v = is
				}
			}
			return v
		}
		for _, v := range variables {
			f := Folder{Format: v.format, Dir: filepath.Join(value(v.variable), v.below)}
			if value(v.variable) == "" {
				f.Dir = filepath.Join(value("HOME"), v.fromHome)
			}
			if filepath.IsAbs(f.Dir) && (value(v.variable) != "" || value("HOME") != "") && !slices.Contains(all, f) {
				all = append(all, f)
			}
		}
	}
	return all
}

// file is a transcript on the disk.
type file struct {
	format spending.Format
	path   string
	// stamp changes with the file. folder is where copies of its conversation would be;
	// copies says that the program makes such.
	stamp, folder string
	copies        bool
}

// find lists the transcripts that may be of the Town; more says that there are too many.
func (g *Gatherer) find() (all []file, more bool) {
	for _, f := range g.Folders {
		switch f.Format {
		case spending.Claude:
			all = g.claude(all, f.Dir)
		case spending.Codex:
			all = g.codex(all, f.Dir)
		case spending.Gemini:
			for _, project := range list(f.Dir) {
				all = below(all, spending.Gemini, filepath.Join(f.Dir, project, "chats"), filepath.Join(f.Dir, project), 1)
			}
		case spending.OpenCode:
			path := filepath.Join(f.Dir, "opencode.db")
			if stamp := stampOf(path); stamp != "" {
				all = append(all, file{format: f.Format, path: path, stamp: stamp + " " + stampOf(path+"-wal"), folder: f.Dir})
			}
		}
		if len(all) >= maxFiles {
			return all[:maxFiles], true
		}
	}
	return all, false
}

// escaped is what claude writes for "-" in the name of a project's folder.
var escaped = regexp.MustCompile(`[^A-Za-z0-9]`)

// claude lists the transcripts of the folders whose name may be that of a directory of the
// Town. Those of agents that an agent started lie deeper.
func (g *Gatherer) claude(all []file, dir string) []file {
	begin := escaped.ReplaceAllString(g.Root, "-")
	for _, project := range list(dir) {
		// claude cuts long names and appends a digest.
		if n := min(len(begin), len(project)); project[:n] == begin[:n] && (n == len(begin) || n > 100) {
			all = below(all, spending.Claude, filepath.Join(dir, project), filepath.Join(dir, project), 3)
		}
	}
	return all
}

// codexDays is for how many days back the folders of days are looked into. A conversation
// stays in the folder of the day on which it began.
const codexDays = 60

func (g *Gatherer) codex(all []file, dir string) []file {
	oldest := g.Now().AddDate(0, 0, -codexDays).Format("2006/01/02")
	for _, year := range list(dir) {
		for _, month := range list(filepath.Join(dir, year)) {
			if year+"/"+month < oldest[:len("2006/01")] {
				continue
			}
			for _, day := range list(filepath.Join(dir, year, month)) {
				if year+"/"+month+"/"+day >= oldest {
					all = below(all, spending.Codex, filepath.Join(dir, year, month, day), dir, 0)
				}
			}
		}
	}
	return all
}

// list are the names in a directory; none of one that cannot be read.
func list(dir string) (names []string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// below lists the files *.jsonl in a directory and in those below it.
func below(all []file, format spending.Format, dir, folder string, depth int) []file {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case len(all) >= maxFiles:
			return all
		case e.IsDir() && depth > 0:
			all = below(all, format, path, folder, depth-1)
		case e.Type().IsRegular() && strings.HasSuffix(e.Name(), ".jsonl"):
			if info, err := e.Info(); err == nil {
				all = append(all, file{format: format, path: path, stamp: stampInfo(info), folder: folder, copies: format != spending.Gemini})
			}
		}
	}
	return all
}

func stampOf(path string) string {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() {
		return ""
	}
	return stampInfo(info)
}

func stampInfo(info fs.FileInfo) string {
	return fmt.Sprintf("%d %s", info.Size(), info.ModTime().UTC().Format(time.RFC3339Nano))
}
