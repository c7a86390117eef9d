package vault

// Held are the buffers with the values that a source holds.
func Held(s *Source) (all [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.held {
		all = append(all, v.text)
	}
	return all
}
