package term

import (
	"bufio"
	"context"
	"io"
	"strings"
)

// ReadLine reads an answer. The reader of an abandoned question ends with the
// process: a read of a terminal cannot be interrupted otherwise.
func ReadLine(ctx context.Context, from io.Reader) (string, error) {
	type answer struct {
		text string
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		text, err := bufio.NewReader(from).ReadString('\n')
		got <- answer{text, err}
	}()
	select {
	case r := <-got:
		if r.text != "" {
			return r.text, nil
		}
		return "", r.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// Yes reports whether an answer agrees.
func Yes(answer string) bool {
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true
	}
	return false
}
