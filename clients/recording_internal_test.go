package clients // inside, to fill a recording without asking anybody for so much

import "testing"

func TestTooManyBytesAreNotAllRecorded(t *testing.T) {
	r := &Recording{packing: make(chan struct{}, 1)}
	large := make([]byte, recordedBytes/2)
	for range 3 {
		r.add(func() *Exchange { return &Exchange{Op: "sample", ResponseGzip: large, Keep: KeepFull} })
	}
	for i, x := range r.Exchanges() {
		if kept := len(x.ResponseGzip) > 0; kept != (i < 2) || x.Truncated == kept || x.Op != "sample" {
			t.Errorf("exchange %d: got %d bytes, truncated %t, want the bodies of the first two alone", i, len(x.ResponseGzip), x.Truncated)
		}
	}
}
