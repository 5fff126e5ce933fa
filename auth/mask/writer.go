package mask

import "io"

// Writer passes on what is written to it without the secrets. Each Write is masked on its own: a
// secret must not be split between two.
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
