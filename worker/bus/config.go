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
	SyncAlways bool   // embedded: messages are synced to disk before they are acknowledged
	SyncEvery  time.Duration
	MaxPayload int32  // embedded: largest message, in bytes
	Prefix     string // first token of every subject
	Creds      string // file with user credentials (JWT and seed)
	NKey       string // file with an nkey seed
	// User and Password, or Token, are the login: the embedded server requires it; it is sent to an
	// external server.
	User            string
	Password, Token secret.Secret
	// PasswordFile contains the password of the embedded server's default user. It is created at startup
	// if absent. "" if User or Token is set.
	PasswordFile string
	// Cert and Key are PEM files: the embedded server's certificate, or the client certificate
	// for an external server. CA is a PEM file with the CAs that sign server certificates.
	CA, Cert, Key string
	TLSFirst      bool   // the TLS handshake precedes the server's INFO
	Domain        string // JetStream domain, "" for the server's own
	// Streams that Orderbeat creates have this many replicas, at most this many bytes (0 is no
	// limit) and this placement in a cluster.
	Replicas int
	MaxBytes int64
	Cluster  string
	Tags     []string
}
