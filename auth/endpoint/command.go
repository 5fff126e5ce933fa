package endpoint

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Command is a Granter of package auth that runs a program. The program prints a token response (RFC
// 6749 section 5.1, or an error of section 5.2) as JSON on its standard output, like kubectl's exec
// plugins and AWS's credential_process. It runs with the rights and the environment of this process,
// without a shell. Output beyond 1 MiB is dropped.
type Command struct {
	endpoint *Endpoint
	argv     []string
}

// NewCommand returns a Command for a program and its arguments. Its output is read in the
// configuration's dialect.
func NewCommand(c Config, argv []string) *Command {
	return &Command{endpoint: New(c), argv: argv}
}

// Grant implements the Granter of package auth.
func (c *Command) Grant(ctx context.Context, r Request) (Answer, error) {
	var stdout, stderr bounded
	cmd := exec.CommandContext(ctx, c.argv[0], c.argv[1:]...) //nolint:gosec // the configured program
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // child processes are killed with it
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	said := c.endpoint.plain(r, stderr.String())
	_, ended := errors.AsType[*exec.ExitError](err)
	switch {
	case ctx.Err() != nil:
		return Answer{}, &Error{Class: ClassTransient, Reason: withDetail("the token command timed out", said), Err: ctx.Err()}
	case err != nil && !ended:
		return Answer{}, &Error{Class: ClassRequest, Reason: "the token command cannot be run: " + reasonOf(err), Hint: "check token_command: a program with its arguments; no shell runs it", Err: err}
	case err != nil && stdout.Len() == 0:
		return Answer{}, &Error{Class: ClassTransient, Reason: withDetail(fmt.Sprintf("the token command failed: %v", err), said), Hint: "run the command by hand as the user of the Orderbeat process", Err: err}
	}
	a, err := c.endpoint.read(r, reply{status: http.StatusOK, body: stdout.Bytes()})
	if e, ok := errors.AsType[*Error](err); ok {
		e.Status = 0
		e.Reason = strings.NewReplacer("token response", "output of the token command", "token endpoint", "token command").Replace(e.Reason)
		e.Hint = strings.ReplaceAll(e.Hint, "token_url", "token_command")
		return Answer{}, e
	}
	return a, nil
}

// reasonOf returns why a program could not start, without its arguments.
func reasonOf(err error) string {
	if e, ok := errors.AsType[*exec.Error](err); ok {
		return e.Err.Error()
	}
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		return e.Error()
	}
	return "it could not be started"
}

// bounded stores the beginning of what is written to it.
type bounded struct{ bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	if left := maxAnswer - b.Len(); len(p) > left {
		_, _ = b.Buffer.Write(p[:max(left, 0)])
		return len(p), nil
	}
	return b.Buffer.Write(p)
}

// ReadFrom hides the buffer's own method, which has no limit.
func (b *bounded) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{b}, r)
}
