package reports

import "math"

// durations counts calls by their duration: element i counts those of up to 2^(i/2) milliseconds. It is a
// JSON array without the zeros at its end.
type durations []int64

// maxDurations bounds the array: 2^20 ms are 17 minutes.
const maxDurations = 41

func (d *durations) add(ms int64) {
	i := 0
	if ms > 1 {
		i = min(maxDurations-1, int(math.Ceil(2*math.Log2(float64(ms)))))
	}
	d.grow(i + 1)
	(*d)[i]++
}

func (d *durations) merge(other durations) {
	d.grow(len(other))
	for i, n := range other {
		(*d)[i] += n
	}
}

func (d *durations) grow(n int) {
	for len(*d) < min(n, maxDurations) {
		*d = append(*d, 0)
	}
}

// quantile estimates, within a fifth, the milliseconds that a share of the calls did not exceed; false
// if there are no calls.
func (d durations) quantile(share float64) (ms float64, ok bool) {
	total := int64(0)
	for _, n := range d {
		total += n
	}
	if total == 0 {
		return 0, false
	}
	rank, seen := int64(math.Ceil(share*float64(total))), int64(0)
	for i, n := range d {
		if seen += n; seen >= rank {
			return math.Round(math.Pow(2, (float64(i)-0.5)/2)), true
		}
	}
	return 0, false
}
