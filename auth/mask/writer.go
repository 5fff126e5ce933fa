package mask

import "io"

// Writer returns a writer that masks secrets and writes the result to w. Each Write is masked separately: a
// secret must not be split between two writes.
func (s *Set) Writer(w io.Writer) io.Writer { return writer{s, w} }

type writer struct {
	set *Set
	to  io.Writer
}

func (w writer) Write(p []byte) (int, error) {
	if _, err := w.to.Write(w.set.Bytes(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}
