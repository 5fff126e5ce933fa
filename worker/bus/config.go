package bus

import (
	"orderbeat/auth/secret"
	"time"
)

// Config says how to reach NATS, or how to run it.
type Config struct {
	URL        string // "" runs the embedded server
	Listen     string // embedded: host:port, "" for in-process only
	Store      string // embedded: folder of JetStream's files
	SyncAlways bool   // embedded: every acknowledged message is on disk
	SyncEvery  time.Duration
	MaxPayload int32  // embedded: largest message, in bytes
	Prefix     string // first token of every subject
	Creds      string // file with user credentials (JWT and seed)
	NKey       string // file with an nkey seed
	// User and Password, or Token, are what the embedded server demands, and what an
	// external one is told.
	User            string
	Password, Token secret.Secret
	// PasswordFile has the password of the embedded server's default user; it is made at
	// start when it is absent. "" if User or Token is set.
	PasswordFile string
	// Cert and Key are PEM files: the embedded server's certificate, or the client
	// certificate for an external one. CA has the authorities that servers are verified by.
	CA, Cert, Key string
	TLSFirst      bool   // the TLS handshake comes before the server's INFO
	Domain        string // of JetStream, "" for the server's own
	// Streams that Orderbeat makes have so many replicas, at most so many bytes (0 for no
	// limit) and this placement in a cluster.
	Replicas int
	MaxBytes int64
	Cluster  string
	Tags     []string
}
