package stricttest_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"
)

var (
	withPanva = flag.Bool("panva", false, "test against panva's oidc-provider too; run npm install in panva/ before")
	fleetFor  = flag.Duration("fleet", 30*time.Second, "for how long a fleet calls")
	fleetLife = flag.Duration("life", 2*time.Second, "how long a fleet's access tokens live, in whole seconds")
)

// childOrders holds, in a child process of the tests, what it has to do.
const childOrders = "ORDERBEAT_STRICTTEST"

func TestMain(m *testing.M) {
	if written := os.Getenv(childOrders); written != "" {
		if err := child(written); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	flag.Parse()
	if !*withPanva {
		delete(servers, "panva")
		fmt.Fprintln(os.Stderr, "NOT RUN: the tests against panva's oidc-provider, which need -panva")
	}
	os.Exit(m.Run())
}

// child is one process of a fleet. It reports on its standard output.
func child(written string) error {
	var o orders
	if err := json.Unmarshal([]byte(written), &o); err != nil {
		return err
	}
	r, err := o.carryOut()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}
