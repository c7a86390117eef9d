package backup

// sealedSize is the least size of a file of n bytes that is encrypted: 16 bytes more for
// each part of 64 KiB, and a header.
func sealedSize(n int64) int64 {
	parts := max(1, (n+sealedPart-1)/sealedPart)
	return n + 16*parts + sealedHeader
}

const (
	sealedPart = 64 << 10
	// sealedHeader is less than any header of age takes.
	sealedHeader = 100
)
