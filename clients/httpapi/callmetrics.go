package httpapi

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// newCallMetrics returns the histogram of a provider's HTTP exchanges, from the first byte sent to the
// end of the response. Waiting for the rate limit and for tokens is not part of it; a call that is
// replayed has two exchanges.
func newCallMetrics(provider string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:        "orderbeat_provider_call_duration_seconds",
		Help:        "Duration of HTTP calls to a provider, by operation and class: the status such as 2xx or 429, timeout or failed.",
		ConstLabels: prometheus.Labels{"provider": provider},
		Buckets:     []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
	}, []string{"operation", "class"})
}

type operationKey struct{}

// withOperation names the operation of the exchanges of a call.
func withOperation(ctx context.Context, op string) context.Context {
	return context.WithValue(ctx, operationKey{}, op)
}

// observe counts an exchange with its status, or its error. Cancelled ones say nothing about the
// provider and are not counted.
func (l *limited) observe(ctx context.Context, began time.Time, status int, err error) {
	class := strconv.Itoa(status/100) + "xx"
	switch {
	case ctx.Err() == context.Canceled:
		return
	case isTimeout(err):
		class = "timeout"
	case err != nil:
		class = "failed"
	case status == 401 || status == 429:
		class = strconv.Itoa(status)
	}
	op, _ := ctx.Value(operationKey{}).(string)
	l.calls.WithLabelValues(op, class).Observe(time.Since(began).Seconds())
}
