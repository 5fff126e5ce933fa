package db_test

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"orderbeat/db"
	"orderbeat/db/dbtest"
)

// childRead is the environment variable with the database path for a child process, which reads until its
// standard input is closed.
const childRead = "ORDERBEAT_TEST_READ_DB"

func readForATime(path string) error {
	pool, err := sql.Open("sqlite3", "file:"+path+"?mode=ro")
	if err != nil {
		return err
	}
	reading, err := pool.Begin()
	if err != nil {
		return err
	}
	var n int
	if err := reading.QueryRow("SELECT count(*) FROM orders").Scan(&n); err != nil {
		return err
	}
	fmt.Println("reading")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func TestWALIsBoundedAndALongReaderIsLogged(t *testing.T) {
	path := dbtest.Blank(t)
	var log bytes.Buffer
	d, err := db.Open(t.Context(), db.Options{Path: path, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	watch := d.Inspect().NewWALWatch()
	defer watch.Close()
	onWriter(t, d, "CREATE TABLE filler (b BLOB)")
	fill := func(megabytes int) {
		for range megabytes {
			if err := d.Write(t.Context(), true, func(exec db.Exec) error {
				_, err := exec("INSERT INTO filler VALUES (randomblob(1 << 20))")
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	now := dbtest.Noon
	look := func(after time.Duration) string {
		log.Reset()
		now = now.Add(after)
		watch.Look(t.Context(), now)
		return log.String()
	}

	fill(60)
	if told := look(time.Second); d.WALBytes() > 20<<20 || told != "" {
		t.Errorf("without a reader it has %d bytes, log %q, want at most 20 MB and no warning", d.WALBytes(), told)
	}

	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childRead+"="+path)
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "reading\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	fill(40)
	if told := look(0) + look(9*time.Second); told != "" {
		t.Errorf("after 9 s: log %q, want no warning yet", told)
	}
	told := look(2 * time.Second)
	by := fmt.Sprintf("(pid %d)", child.Process.Pid)
	for _, want := range []string{"level=WARN", "write-ahead log grows", "for=11s", fmt.Sprintf("wal_bytes=%d", d.WALBytes()), by} {
		if !strings.Contains(told, want) {
			t.Errorf("log %q, want %s", told, want)
		}
	}
	if told := look(time.Second); told != "" {
		t.Errorf("log %q, want warnings at intervals", told)
	}
	if told := look(time.Minute); !strings.Contains(told, "for=1m12s") {
		t.Errorf("log %q, want another warning", told)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err != nil {
		t.Fatal(err)
	}
	look(time.Second)
	if told := look(time.Second); d.WALBytes() > 1<<20 || !strings.Contains(told, "small again") {
		t.Errorf("it has %d bytes, log %q, want it truncated after the reader ended, without a write", d.WALBytes(), told)
	}
}

// onWriter runs a statement on the writer's connection.
func onWriter(t *testing.T, d *db.DB, statement string) {
	t.Helper()
	if err := d.OnWriter(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

func TestWatchNoticesWithinSeconds(t *testing.T) {
	path := dbtest.Blank(t)
	d := dbtest.OpenAt(t, path)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); d.Watch(ctx) }()
	other := path + ".other"
	for _, step := range []struct {
		from, to string
		lost     bool
	}{{path, other, true}, {other, path, false}} {
		if err := os.Rename(step.from, step.to); err != nil {
			t.Fatal(err)
		}
		deadline := time.Now().Add(10 * time.Second)
		for (d.Ping(t.Context()) != nil) != step.lost {
			if time.Now().After(deadline) {
				t.Fatalf("lost %t was not noticed within 10 s", step.lost)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	stop()
	<-done
}
