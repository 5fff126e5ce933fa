package exchange // inside, to fill a recording without asking anybody for so much

import "testing"

func TestFailedCompressionDoesNotEndTheCall(t *testing.T) {
	r := &Recording{packing: make(chan struct{}, 1)}
	r.Add(func() *Exchange { return &Exchange{Op: "first"} })
	r.Add(func() *Exchange { panic("oops") })
	if list := r.Exchanges(); len(list) != 1 || list[0].Op != "first" || !list[0].Truncated {
		t.Errorf("got %+v, want the first, which tells that it is not all", list)
	}
}

func TestRecordingIsLimitedInBytes(t *testing.T) {
	r := &Recording{packing: make(chan struct{}, 1)}
	large := make([]byte, recordedBytes/2)
	for range 3 {
		r.Add(func() *Exchange { return &Exchange{Op: "sample", ResponseGzip: large, Detail: Full} })
	}
	for i, x := range r.Exchanges() {
		if kept := len(x.ResponseGzip) > 0; kept != (i < 2) || x.Truncated == kept || x.Op != "sample" {
			t.Errorf("exchange %d: got %d bytes, truncated %t, want the bodies of the first two alone", i, len(x.ResponseGzip), x.Truncated)
		}
	}
}
