package host

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gastown/cmd/internal/shell"
	"gastown/sync/gitcmd"
	"gastown/town/layout"
)

// excludedLine begins the lines that Exclude adds.
const excludedLine = "# A Town: see gt doctor. Commit config/ and federation/ with git add -f, if others should have them.\n"

// Exclude hides a Town's files from the Git repository around it, with lines in the
// repository's own info/exclude, which nobody commits. It returns the path of that
// file, or "" when there was nothing to do.
func Exclude(ctx context.Context, call *shell.Call, t layout.Town) (path string, err error) {
	p, err := gitcmd.Locate(ctx, t.Root, Git(call))
	switch {
	case errors.Is(err, gitcmd.ErrNotFound) || err == nil && p.Top == "":
		return "", nil
	case err != nil:
		return "", err
	}
	root, err := filepath.EvalSymlinks(t.Root)
	if err != nil {
		return "", err
	}
	path = filepath.Join(p.CommonDir, "info", "exclude")
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if bytes.Contains(text, []byte(excludedLine)) {
		return "", nil
	}
	var b bytes.Buffer
	b.Write(text)
	if len(text) > 0 && !bytes.HasSuffix(text, []byte("\n")) {
		b.WriteByte('\n')
	}
	b.WriteString(excludedLine)
	for _, own := range []string{t.Config(), t.Access(), t.Sharing(), t.RigsConfig(), t.Schedule(), t.Files(), t.Private()} {
		rel, err := filepath.Rel(p.Top, filepath.Join(root, strings.TrimPrefix(own, t.Root)))
		if err != nil {
			return "", err
		}
		b.WriteString("/" + pattern.Replace(rel) + "\n")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	return path, call.WriteFile(path, func(w io.Writer) error {
		_, err := b.WriteTo(w)
		return err
	})
}

// pattern escapes what has a meaning in Git's patterns.
var pattern = strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`, " ", `\ `)
