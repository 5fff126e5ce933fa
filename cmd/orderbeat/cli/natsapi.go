package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"

	"orderbeat/clients"
	"orderbeat/jobs"
	"orderbeat/worker/api"
	"orderbeat/worker/bus"
	"orderbeat/worker/problems"
	"orderbeat/worker/tokens"
)

// Client calls the request/reply API of a running worker.
type Client struct {
	conn   *nats.Conn
	prefix string
	server string // URL, for messages
	shared bool   // several workers may use this server
	// deadline is the worker's time limit for a request, 0 for its default.
	deadline time.Duration
	// place is the host and database path of the worker that replied last, "" if unknown.
	place string
}

// usageError turns the errors "invalid" and "not_found" of the worker into usage errors.
func usageError(err error) error {
	if e, ok := errors.AsType[*api.Error](err); ok && (e.Code == "invalid" || e.Code == "not_found") {
		return Misuse("%v", e)
	}
	return err
}

// NoWorkerError reports that no worker responds.
type NoWorkerError struct{ server string }

func (e *NoWorkerError) Error() string {
	return fmt.Sprintf("no orderbeat worker responds at %s; start one with `orderbeat run`", e.server)
}

// Dial connects to the configured NATS; call Close.
func Dial(c bus.Config, more ...nats.Option) (*Client, error) {
	server, err := ServerURL(c)
	if err != nil {
		return nil, err
	}
	a := &Client{prefix: c.Prefix, server: server, shared: c.URL != ""}
	options := []nats.Option{nats.Name("orderbeat command"), nats.MaxReconnects(-1), nats.ReconnectWait(time.Second)}
	access, err := c.Access()
	if err != nil {
		return nil, MissingPassword(err, server)
	}
	options = append(append(options, access...), more...)
	a.conn, err = nats.Connect(a.server, options...)
	if errors.Is(err, nats.ErrNoServers) && c.URL == "" {
		return nil, &NoWorkerError{a.server}
	}
	if err != nil {
		return nil, fmt.Errorf("connect to NATS at %s: %w", a.server, c.Explain(err))
	}
	return a, nil
}

// ServerURL returns the URL of the configured NATS.
func ServerURL(c bus.Config) (string, error) {
	server := c.ClientURL(c.Listen)
	if server == "" {
		return "", errors.New(`nats.listen is "": the embedded NATS cannot be reached from other processes; set an address`)
	}
	return server, nil
}

// MissingPassword turns a missing password file into a NoWorkerError: the first start of a
// worker creates it.
func MissingPassword(err error, server string) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &NoWorkerError{server}
	}
	return err
}

// requestTimeout is longer than the worker's default deadline of 30 s for a request.
const requestTimeout = 35 * time.Second

// Call sends a request to an endpoint of the running worker, such as "runs.start", and returns
// the reply. If there may be several workers it prints which one replied.
func Call[R any](ctx context.Context, a *App, endpoint string, request any) (R, error) {
	return callAnd[R](ctx, a, endpoint, request, a.noteWorker)
}

// Act is [Call] for an endpoint that changes something: it prints which worker replied.
func Act[R any](ctx context.Context, a *App, endpoint string, request any) (R, error) {
	return callAnd[R](ctx, a, endpoint, request, func(w *Client) { w.PrintWorker(a.Stderr) })
}

func callAnd[R any](ctx context.Context, a *App, endpoint string, request any, replied func(*Client)) (reply R, err error) {
	w, err := a.DialWorker()
	if err != nil {
		return reply, err
	}
	defer w.Close()
	reply, err = CallOver[R](ctx, w, endpoint, request)
	replied(w)
	return reply, err
}

// PrintWorker prints which worker replied last.
func (a *Client) PrintWorker(w io.Writer) {
	if a.place != "" {
		fmt.Fprintf(w, "answered by the worker at %s\n", Plain(a.place))
	}
}

// CallOver is [Call] over an existing connection.
func CallOver[R any](ctx context.Context, w *Client, endpoint string, request any) (reply R, err error) {
	err = w.Request(ctx, requestTimeout, endpoint, request, &reply)
	return reply, usageError(err)
}

// SetDeadline sets the worker's time limit for each request.
func (a *Client) SetDeadline(deadline time.Duration) { a.deadline = deadline }

// Close ends the connection.
func (a *Client) Close() { a.conn.Close() }

// Request sends a request to an endpoint and decodes the reply. An error reply is an [*api.Error].
func (a *Client) Request(ctx context.Context, timeout time.Duration, endpoint string, request, reply any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	message := nats.NewMsg(a.prefix + ".api." + endpoint)
	message.Data = body
	if a.deadline > 0 {
		message.Header.Set(api.HeaderTimeout, a.deadline.String())
	}
	msg, err := a.conn.RequestMsgWithContext(ctx, message)
	if errors.Is(err, nats.ErrNoResponders) {
		return &NoWorkerError{a.server}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", endpoint, err)
	}
	a.place = msg.Header.Get(api.HeaderWorker)
	if msg.Header.Get("Nats-Service-Error-Code") != "" {
		var e api.ErrorReply
		if json.Unmarshal(msg.Data, &e) != nil || e.Error.Code == "" {
			e.Error = api.Error{Code: clients.Code(msg.Header.Get("Nats-Service-Error-Code")), Message: msg.Header.Get("Nats-Service-Error")}
		}
		return &e.Error
	}
	if err := json.Unmarshal(msg.Data, reply); err != nil {
		return fmt.Errorf("%s: unexpected reply: %w", endpoint, err)
	}
	return nil
}

// RunRequest is the request of runs.start.
type RunRequest struct {
	Provider string         `json:"provider"`
	Kind     string         `json:"kind"`
	Params   map[string]any `json:"params,omitempty"`
	Accounts []string       `json:"accounts,omitempty"`
}

// StartRun starts a run and returns the accepted run.
func StartRun(ctx context.Context, w *Client, request RunRequest) (jobs.Run, error) {
	reply, err := CallOver[api.Run](ctx, w, "runs.start", request)
	return reply.Run, err
}

// TokenBucket returns the token store of an external NATS for a command without a worker, and a function
// that closes its connection.
func TokenBucket(c bus.Config) (bucket *tokens.Store, disconnect func(), err error) {
	log := slog.New(slog.DiscardHandler) // failures are returned as errors
	conn, err := bus.Open(c, nil, problems.NewSet(log), log, func(error) {})
	if err != nil {
		return nil, nil, err
	}
	if !conn.NATS.IsConnected() {
		err := conn.NATS.LastError()
		conn.Close()
		return nil, nil, fmt.Errorf("connect to NATS at %s: %w", c.URL, c.Explain(err))
	}
	bucket = tokens.New(tokens.Config{NATS: c, Log: log})
	bucket.Attach(conn, nil)
	return bucket, conn.Close, nil
}
