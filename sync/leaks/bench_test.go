package leaks

import (
	"encoding/base64"
	"fmt"
	"math/rand"
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

// BenchmarkScanRecord searches the text of a record in which nearly every word of a
// rule occurs, whole and before something is cut out of it.
func BenchmarkScanRecord(b *testing.B) {
	s, err := NewScanner()
	if err != nil {
		b.Fatal(err)
	}
	raw := make([]byte, 768<<10)
	rand.New(rand.NewSource(1)).Read(raw)
	text := base64.StdEncoding.EncodeToString(raw)
	b.Run("whole", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			s.Scan(map[string]string{"notes": text})
		}
	})
	b.Run("cut", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			s.ScanCut("notes", text, [][2]int{{0, 10}})
		}
	})
}

// BenchmarkScanRandom searches a text in which nearly every word of a rule occurs.
func BenchmarkScanRandom(b *testing.B) {
	s, err := NewScanner()
	if err != nil {
		b.Fatal(err)
	}
	raw := make([]byte, 48<<10)
	rand.New(rand.NewSource(1)).Read(raw)
	text := base64.StdEncoding.EncodeToString(raw)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		s.ScanDocument(text)
	}
}
