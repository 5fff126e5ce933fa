package main // an inside test: a main package cannot be imported

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// network is a bridge to which the processes of a fleet are connected, each from a network namespace of its
// own. A link that is down drops packets silently, unlike a connection that is closed.
type network struct {
	t      *testing.T
	bridge string
	subnet string // its first three numbers, of those for tests (RFC 2544)
	hosts  int
}

// newNetwork returns nil if this process may not make namespaces, which takes root and the program ip.
func newNetwork(t *testing.T) *network {
	t.Helper()
	id := os.Getpid()
	n := &network{t: t, bridge: fmt.Sprintf("ob%x", id), subnet: fmt.Sprintf("198.%d.%d", 18+(id>>8&1), id&255)}
	t.Cleanup(func() { _ = exec.Command("ip", "link", "del", n.bridge).Run() })
	for _, args := range []string{"link add %s type bridge", "addr add " + n.address(1) + "/24 dev %s", "link set %s up"} {
		if out, err := exec.Command("ip", strings.Fields(fmt.Sprintf(args, n.bridge))...).CombinedOutput(); err != nil {
			t.Logf("links are cut by closing connections, because there is no network namespace: %v %s", err, out)
			return nil
		}
	}
	return n
}

func (n *network) address(host int) string { return fmt.Sprintf("%s.%d", n.subnet, host) }

// host is the address of the test in the network, 127.0.0.1 without one.
func (n *network) host() string {
	if n == nil {
		return "127.0.0.1"
	}
	return n.address(1)
}

// listen listens at the address of the test.
func (n *network) listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", n.host()+":0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// join adds a namespace, whose link has the same name.
func (n *network) join() (name string) {
	n.t.Helper()
	n.hosts++
	name = fmt.Sprintf("%s-%d", n.bridge, n.hosts)
	n.t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", name).Run() })
	for _, args := range []string{
		"netns add %s", "link add %s type veth peer name eth0 netns %[1]s", "link set %s master " + n.bridge + " up",
		"-n %s addr add " + n.address(1+n.hosts) + "/24 dev eth0", "-n %s link set eth0 up", "-n %s link set lo up",
	} {
		n.ip(fmt.Sprintf(args, name))
	}
	return name
}

// cut takes a link down, or up again.
func (n *network) cut(name string, off bool) {
	n.t.Helper()
	n.ip("link set " + name + map[bool]string{true: " down", false: " up"}[off])
}

func (n *network) ip(args string) {
	n.t.Helper()
	if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
		n.t.Fatalf("ip %s: %v %s", args, err, out)
	}
}
