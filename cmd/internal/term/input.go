package term

import (
	"context"
	"errors"
	"io"
)

// ErrTooLong reports more input than the caller takes.
var ErrTooLong = errors.New("there is too much input")

// ReadAll reads a stream to its end, at most so many bytes, or until ctx ends. A terminal
// has nothing to read.
func ReadAll(ctx context.Context, from io.Reader, most int) (data []byte, err error) {
	if IsTerminal(from) {
		return nil, nil
	}
	buf := make([]byte, 32<<10)
	for {
		if err := awaitStream(ctx, from); errors.Is(err, io.EOF) {
			return data, nil
		} else if err != nil {
			return data, err
		}
		n, err := from.Read(buf)
		data = append(data, buf[:n]...)
		switch {
		case len(data) > most:
			return data[:most], ErrTooLong
		case errors.Is(err, io.EOF):
			return data, nil
		case err != nil:
			return data, err
		}
	}
}

// awaitStream waits until a stream has data or has ended, where that can be known.
func awaitStream(ctx context.Context, from io.Reader) (err error) {
	if !withDescriptor(from, func(fd int) {
		if fd < 0 { // a stream that the caller did not open
			err = io.EOF
			return
		}
		err = awaitData(ctx, fd)
	}) {
		return ctx.Err()
	}
	return err
}
