package browsertest

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

var (
	program = flag.String("orderbeat", "", "a built orderbeat")
	shots   = flag.String("shots", "", "folder for screenshots")
)

const config = `
[nats]
listen = ""
[db]
path = "data/orderbeat.db"
[web]
listen = "%s"
auth = { user = "ops", password = "env:OPS_PASSWORD" }
auth_readonly = { user = "guest", password = "env:GUEST_PASSWORD" }
[sandbox]
listen = "%s"
day = "5s"
[providers.michelin]
kind = "michelin"
environment = "sandbox"
fresh_for = "2h"
[[providers.michelin.accounts]]
name = "detroit"
bill_to = "1111111"
ship_to = "1234567"
timezone = "America/Detroit"
[[providers.michelin.accounts]]
name = "toledo"
bill_to = "2222222"
ship_to = "2345678"
timezone = "America/New_York"
[[schedules]]
name = "recent"
cron = "@every 2s"
at_start = true
provider = "michelin"
kind = "sync"
params = { lookback = "14d" }
[[schedules]]
name = "despatches"
cron = "@every 5s"
at_start = true
provider = "michelin"
kind = "despatch"
[[schedules]]
name = "invoices"
cron = "@every 5s"
provider = "michelin"
kind = "invoice"
`

// worker is a running orderbeat.
type worker struct{ web, sandbox string }

// freeAddress is an address on loopback that nothing listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func start(t *testing.T) worker {
	t.Helper()
	bin := *program
	if bin == "" {
		bin = filepath.Join(t.TempDir(), "orderbeat")
		build := exec.Command("go", "build", "-o", bin, "./cmd/orderbeat")
		build.Dir = "../../.."
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build: %v\n%s", err, out)
		}
	}
	w := worker{web: freeAddress(t), sandbox: freeAddress(t)}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "config.toml"), fmt.Appendf(nil, config, w.web, w.sandbox), 0o600); err != nil {
		t.Fatal(err)
	}
	run := exec.Command(bin, "run")
	run.Dir, run.Env = folder, append(os.Environ(), "OPS_PASSWORD=operator-password", "GUEST_PASSWORD=guest-password")
	out, err := run.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	running := make(chan struct{})
	logged := &lines{}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			logged.add(scanner.Text())
			if strings.Contains(scanner.Text(), "orderbeat is running") {
				close(running)
			}
		}
	}()
	t.Cleanup(func() {
		_ = run.Process.Signal(os.Interrupt)
		<-read
		if err := run.Wait(); err != nil {
			t.Errorf("orderbeat: %v", err)
		}
		if t.Failed() {
			t.Logf("the log:\n%s", logged)
		}
	})
	select {
	case <-running:
	case <-read:
		t.Fatal("orderbeat ended at once")
	case <-time.After(time.Minute):
		t.Fatal("orderbeat does not start")
	}
	return w
}

type lines struct {
	mu   sync.Mutex
	list []string
}

func (l *lines) add(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, text)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.list[max(0, len(l.list)-200):], "\n")
}

// fault lets the sandbox reject the next request for orders.
func (w worker) fault(t *testing.T) {
	t.Helper()
	resp, err := http.Post("http://"+w.sandbox+"/_sandbox/fault", "application/json", strings.NewReader(`{"op":"order_status","status":400,"times":1}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode >= 300 {
		t.Fatalf("fault: %s %s", resp.Status, text)
	}
}

// browser is a tab of chromium.
type browser struct {
	t      *testing.T
	ctx    context.Context
	web    string
	errors *lines // of the console
}

func open(t *testing.T, web string) *browser {
	t.Helper()
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox)...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx, web: web, errors: &lines{}}
	// The browser lives as long as the context of the first step.
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank"), chromedp.EmulateViewport(1280, 900)); err != nil {
		t.Fatal(err)
	}
	err := chromedp.Listen(ctx, func(ev any) {
		switch e := ev.(type) {
		case *log.EventEntryAdded:
			if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
				b.errors.add(e.Entry.Text + " " + e.Entry.URL)
			}
		case *runtime.EventConsoleAPICalled:
			if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
				b.errors.add(fmt.Sprint("console: ", e.Args))
			}
		case *runtime.EventExceptionThrown:
			b.errors.add("exception: " + e.ExceptionDetails.Text)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, log.Enable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// eval is the value of a JavaScript expression.
func eval[T any](b *browser, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%v in %s", err, expression)
	}
	return v
}

// wait waits until a JavaScript expression is true.
func (b *browser) wait(what, expression string) {
	b.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !eval[bool](b, "!!("+expression+")") {
		if time.Now().After(deadline) {
			b.t.Fatalf("timed out waiting for: %s; the page is\n%s", what, eval[string](b, "document.body.innerText"))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// login sends a user's password with every request.
func (b *browser) login(user, password string) {
	b.t.Helper()
	r := &http.Request{Header: http.Header{}}
	r.SetBasicAuth(user, password)
	headers := network.Headers{"Authorization": r.Header.Get("Authorization")}
	if _, err := chromedp.Call(b.ctx, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: headers}); err != nil {
		b.t.Fatal(err)
	}
}

// visit opens a page and waits for its content.
func (b *browser) visit(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate("http://" + b.web + path))
	b.wait("content of "+path, `document.querySelector("main h1")`)
}

func (b *browser) scheme(name string) {
	b.t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}}
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, media); err != nil {
		b.t.Fatal(err)
	}
}

// shot stores a screenshot of the window if -shots is set.
func (b *browser) shot(name string) {
	b.t.Helper()
	if *shots == "" {
		return
	}
	time.Sleep(200 * time.Millisecond) // transitions
	image, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(*shots, name+".png"), image, 0o600)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}
