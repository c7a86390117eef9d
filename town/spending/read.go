package spending

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"gastown/town/spending/internal/sqlite"
)

// Reading is what Read found.
type Reading struct {
	Messages []Message
	Next     Cursor
	// Anew says that the file is not the one that the cursor was for, or is shorter than
	// it was: it was read from its beginning, and what was counted of it does not count.
	Anew bool
	// More says that the bound of bytes ended the reading.
	More bool
}

// Read reads what was appended to a transcript since the cursor, at most about so many
// bytes of lines. The file is opened for reading only.
func Read(format Format, path string, c Cursor, most int64) (Reading, error) {
	r, err := read(format, path, c, most)
	if err != nil {
		return Reading{}, fmt.Errorf("read the transcript %s: %w", path, err)
	}
	return r, nil
}

func read(format Format, path string, c Cursor, most int64) (out Reading, err error) {
	if format == OpenCode {
		return readOpenCode(path, c, most)
	}
	file, err := sqlite.OpenRegular(path)
	if err != nil {
		return out, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return out, err
	}
	size := info.Size()
	same, err := c.begins(file, size)
	if err != nil {
		return out, err
	}
	if !same {
		out.Anew = c.Offset > 0 || c.Head != ""
		c = Cursor{}
	}
	if err := c.note(file, size); err != nil {
		return out, err
	}
	if format == Gemini && c.Dir == "" {
		c.Dir = geminiRoot(path)
	}
	parse := parsers[format]
	if parse == nil {
		return out, fmt.Errorf("the format %q is unknown", format)
	}
	c.Offset, out.More, err = eachLine(file, c.Offset, size, most, func(line []byte) {
		out.Messages = parse(&c, line, out.Messages)
	})
	out.Next = c
	return out, err
}

// parsers read one line each: they note in the cursor what it says, and append what it
// says that a message used.
var parsers = map[Format]func(c *Cursor, line []byte, list []Message) []Message{
	Claude: claudeLine, Codex: codexLine, Gemini: geminiLine,
}

// begins reports whether a file is the one that the cursor is for.
func (c Cursor) begins(r io.ReaderAt, size int64) (bool, error) {
	if c.HeadSize == 0 {
		return c.Offset == 0, nil
	}
	if size < c.Offset || size < c.HeadSize {
		return false, nil
	}
	now, err := head(r, c.HeadSize)
	return now == c.Head, err
}

// note remembers the beginning. It grows with the file up to headSize.
func (c *Cursor) note(r io.ReaderAt, size int64) (err error) {
	if n := min(size, headSize); n > c.HeadSize {
		c.Head, err = head(r, n)
		c.HeadSize = n
	}
	return err
}

func head(r io.ReaderAt, n int64) (string, error) {
	buffer := make([]byte, min(n, headSize))
	if _, err := r.ReadAt(buffer, 0); err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	sum := sha256.Sum256(buffer)
	return hex.EncodeToString(sum[:8]), nil
}

// geminiRoot is the directory that gemini notes beside the transcripts of a project.
func geminiRoot(path string) string {
	file, err := sqlite.OpenRegular(filepath.Join(filepath.Dir(filepath.Dir(path)), ".project_root"))
	if err != nil {
		return ""
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxDir+2))
	if err != nil {
		return ""
	}
	return dir(strings.TrimSpace(string(text)))
}
