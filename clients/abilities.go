package clients

import (
	"context"

	"orderbeat/auth"
)

// What a [Provider] can do besides, each found by a type assertion.
type (
	// StatsReporter knows how calls to it go.
	StatsReporter interface{ Traffic() Traffic }

	// CredentialHolder has the sources of its tokens: one, or one for each user where tokens
	// belong to users.
	CredentialHolder interface{ Credentials() []*auth.Source }

	// RedirectURIProvider knows itself where it sends users back to: the URI that is
	// registered with it; "" leaves it to the web listener.
	RedirectURIProvider interface{ RedirectURI() string }

	// BaseURLProvider knows which base URL it requests.
	BaseURLProvider interface{ BaseURL() string }

	// Noticer knows what is worth knowing of its section although nothing is wrong.
	Noticer interface{ Notices() []string }

	// AccountChecker says what an account lacks that requests for its orders need.
	AccountChecker interface{ Lacks(a Account) error }

	// SampleChecker tries its samples.
	SampleChecker interface {
		CheckSamples(ctx context.Context) (SampleReport, error)
	}
)
