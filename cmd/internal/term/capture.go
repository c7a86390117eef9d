package term

import (
	"bytes"
	"io"
)

// Capture holds what is written to it. Text for it is formatted as for the stream
// that it stands for: as wide, and with colours where that is a terminal.
type Capture struct {
	bytes.Buffer
	stream io.Writer
}

// NewCapture returns a Capture that stands for a stream.
func NewCapture(stream io.Writer) *Capture { return &Capture{stream: stream} }
