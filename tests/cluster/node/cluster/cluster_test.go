package main

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestStartTimeIsReadBehindANameWithSpacesAndBrackets(t *testing.T) {
	stat := "7 (a ) b) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4242 0 0"
	if got, err := parseStartTime(stat); err != nil || got != 4242 {
		t.Fatalf("got %d, %v", got, err)
	}
	if _, err := parseStartTime(strings.Replace(stat, " S ", " Z ", 1)); err == nil {
		t.Fatal("a zombie counts as alive")
	}
	if _, err := parseStartTime("nonsense"); err == nil {
		t.Fatal("nonsense has a start time")
	}
}

func TestARunsFolderSaysWhetherTheRunIsAlive(t *testing.T) {
	root := t.TempDir()
	dir, err := newRun(root, "some-shape")
	if err != nil {
		t.Fatal(err)
	}
	pid, start, ok := parseRun(filepath.Base(dir))
	if !ok || pid != os.Getpid() || !alive(pid, start) {
		t.Fatalf("%s: %d %d %v", dir, pid, start, ok)
	}
	if alive(pid, start+1) {
		t.Fatal("a later process of the same id is taken for this one")
	}
	for _, name := range []string{"node", "node-1", "node-x-2", "node-1-2", "failed-node-logs"} {
		if _, _, ok := parseRun(name); ok {
			t.Errorf("%s is taken for a run", name)
		}
	}
}

func TestSweepRemovesDeadRunsAndNothingElse(t *testing.T) {
	root := t.TempDir()
	mine, err := newRun(root, "mine")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"node-99999999-1", "something-else"} {
		if err := os.Mkdir(filepath.Join(root, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	sweep(root)
	for path, want := range map[string]bool{mine: true, filepath.Join(root, "something-else"): true, filepath.Join(root, "node-99999999-1"): false} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s: there is %v, wanted %v", path, err == nil, want)
		}
	}
}

func TestCertificatesAreGoodForTheirNamesAndNoOthers(t *testing.T) {
	ca, err := newAuthority()
	if err != nil {
		t.Fatal(err)
	}
	id, err := ca.server("127.0.0.1", "localhost")
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(id.cert)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	for name, want := range map[string]bool{"localhost": true, "127.0.0.1": true, "example.com": false, "10.0.0.1": false} {
		if _, err := cert.Verify(x509.VerifyOptions{DNSName: name, Roots: roots}); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEveryConfigurationFileOfJSONIsJSON(t *testing.T) {
	for name, content := range configuration("/run/somewhere/node-1-2", settings{CNI: "/usr/lib/cni"}) {
		if strings.HasSuffix(name, ".json") || strings.HasSuffix(name, ".conflist") {
			if !json.Valid(content) {
				t.Errorf("%s: %s", name, content)
			}
		}
	}
	for _, o := range bootstrapObjects() {
		if !json.Valid([]byte(o.body)) {
			t.Errorf("%s: %s", o.path, o.body)
		}
	}
}

func TestANodeIsReadyWithoutTaintsAndWithItsCondition(t *testing.T) {
	for body, want := range map[string]bool{
		`{"status":{"conditions":[{"type":"Ready","status":"True"}]}}`:                             true,
		`{"spec":{"taints":[{"key":"node.kubernetes.io/not-ready"}]},"status":{"conditions":[]}}`:  false,
		`{"status":{"conditions":[{"type":"Ready","status":"False","message":"no network yet"}]}}`: false,
		`{"status":{"conditions":[{"type":"MemoryPressure","status":"True"}]}}`:                    false,
	} {
		if err := nodeIsReady([]byte(body)); (err == nil) != want {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestCommandsAreANameAndAListOfStrings(t *testing.T) {
	var c commands
	if err := c.Set(`aws=["env","A=b=c","program"]`); err != nil || c["aws"][1] != "A=b=c" {
		t.Fatalf("%v, %v", c, err)
	}
	for _, bad := range []string{"aws", "aws=[]", "aws=program", `aws={"a":1}`} {
		if c.Set(bad) == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

func TestFreePortsAreDifferentAndFree(t *testing.T) {
	ports, err := freePorts(20)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, port := range ports {
		if seen[port] {
			t.Fatalf("%d twice", port)
		}
		seen[port] = true
	}
}

func TestSpliceCarriesBothWaysAndEndsWithBoth(t *testing.T) {
	a, b := net.Pipe()
	c, d := net.Pipe()
	done := make(chan struct{})
	go func() { splice(b, c); close(done) }()
	go func() { _, _ = a.Write([]byte("there")) }()
	buffer := make([]byte, 5)
	if _, err := d.Read(buffer); err != nil || string(buffer) != "there" {
		t.Fatalf("%s, %v", buffer, err)
	}
	_ = a.Close()
	_ = d.Close()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Fatal("it does not end")
	}
}
