package bus

import (
	"time"

	"orderbeat/auth/secret"
)

// Config is how to connect to NATS, or how to run the embedded server.
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
	// User and Password, or Token, are the login: the embedded server requires them, an external
	// one is sent them.
	User            string
	Password, Token secret.Secret
	// PasswordFile has the password of the embedded server's default user; it is created at start
	// if absent. "" if User or Token is set.
	PasswordFile string
	// Cert and Key are PEM files: the embedded server's certificate, or the client certificate
	// for an external one. CA has the authorities that verify servers.
	CA, Cert, Key string
	TLSFirst      bool   // the TLS handshake comes before the server's INFO
	Domain        string // of JetStream, "" for the server's own
	// Streams that Orderbeat creates have this many replicas, at most this many bytes (0 is no
	// limit) and this placement in a cluster.
	Replicas int
	MaxBytes int64
	Cluster  string
	Tags     []string
}
