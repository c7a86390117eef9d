package leaks

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkScan searches texts of the sizes that documents have.
func BenchmarkScan(b *testing.B) {
	s, err := NewScanner()
	if err != nil {
		b.Fatal(err)
	}
	for _, size := range []int{250, 4 << 10, 1 << 20} {
		text := strings.Repeat("Read the queue, take the oldest bead, and report when it is done. ", size/66+1)[:size]
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				if found := s.Scan(map[string]string{"text": text}); len(found) > 0 {
					b.Fatal(found)
				}
			}
		})
	}
}
