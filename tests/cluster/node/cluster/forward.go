package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// forwarder lets programs on the host's loopback reach addresses inside the node's network namespace.
type forwarder struct {
	namespace *os.File
	resolver  *net.Resolver
	mu        sync.Mutex
	listeners []net.Listener
}

// newForwarder reaches into the network namespace of a process.
func newForwarder(pid int) (*forwarder, error) {
	namespace, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		return nil, err
	}
	f := &forwarder{namespace: namespace}
	f.resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return f.enter(ctx, "udp", dnsService+":53")
	}}
	return f, nil
}

// close ends all listeners.
func (f *forwarder) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, listener := range f.listeners {
		_ = listener.Close()
	}
	_ = f.namespace.Close()
}

// add forwards a host address (port 0: any) to an address inside, given as IP:PORT or NAME.NAMESPACE.svc:PORT, and
// returns the one it listens on.
func (f *forwarder) add(listen, to string) (string, error) {
	if _, _, err := net.SplitHostPort(to); err != nil {
		return "", err
	}
	listener, err := net.Listen("tcp4", listen)
	if err != nil {
		return "", err
	}
	f.keep(listener)
	go serve(listener, func(conn net.Conn) {
		target, err := f.dial(to)
		if err != nil {
			fmt.Fprintf(os.Stderr, "forward to %s: %v\n", to, err)
			_ = conn.Close()
			return
		}
		splice(conn, target)
	})
	return listener.Addr().String(), nil
}

func (f *forwarder) keep(listener net.Listener) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.listeners = append(f.listeners, listener)
}

// serve handles each connection on its own until the listener closes.
func serve(listener net.Listener, handle func(net.Conn)) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go handle(conn)
	}
}

// dial connects from inside; a name is resolved by the cluster's own DNS.
func (f *forwarder) dial(to string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	host, port, err := net.SplitHostPort(to)
	if err != nil {
		return nil, err
	}
	if net.ParseIP(host) == nil {
		addresses, err := f.resolver.LookupIP(ctx, "ip4", host+".cluster.local.")
		if err != nil {
			return nil, err
		}
		host = addresses[0].String()
	}
	return f.enter(ctx, "tcp4", net.JoinHostPort(host, port))
}

// enter makes one connection on a thread that is inside the namespace. A socket stays where it was made, so the
// connection can be used from anywhere; the thread is locked and so ends with its goroutine, never to be reused.
func (f *forwarder) enter(ctx context.Context, network, address string) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	results := make(chan result, 1)
	go func() {
		runtime.LockOSThread()
		if err := unix.Setns(int(f.namespace.Fd()), unix.CLONE_NEWNET); err != nil {
			results <- result{err: err}
			return
		}
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		results <- result{conn, err}
	}()
	r := <-results
	return r.conn, r.err
}

// splice copies both ways until both are done, passing on each side's end of input.
func splice(a, b net.Conn) {
	var both sync.WaitGroup
	for _, pair := range [][2]net.Conn{{a, b}, {b, a}} {
		both.Add(1)
		go func() {
			defer both.Done()
			_, _ = io.Copy(pair[0], pair[1])
			if half, ok := pair[0].(*net.TCPConn); ok {
				_ = half.CloseWrite()
			}
		}()
	}
	both.Wait()
	_ = a.Close()
	_ = b.Close()
}

// request is one line on the control socket; the answer is one line too.
type request struct {
	Forward *struct {
		Listen string `json:"listen"`
		To     string `json:"to"`
	} `json:"forward"`
}

type answer struct {
	Listen string `json:"listen,omitempty"`
	Error  string `json:"error,omitempty"`
}

// control takes requests on a unix socket and returns its path.
func (f *forwarder) control(path string) (string, error) {
	listener, err := net.Listen("unix", path)
	if err != nil {
		return "", err
	}
	f.keep(listener)
	go serve(listener, func(conn net.Conn) {
		defer conn.Close()
		lines := bufio.NewScanner(conn)
		for lines.Scan() {
			var a answer
			listen, err := f.handle(lines.Bytes())
			if a.Listen = listen; err != nil {
				a.Error = err.Error()
			}
			if json.NewEncoder(conn).Encode(a) != nil {
				return
			}
		}
	})
	return path, nil
}

// handle answers one request.
func (f *forwarder) handle(line []byte) (string, error) {
	var r request
	if err := json.Unmarshal(line, &r); err != nil {
		return "", err
	}
	if r.Forward == nil {
		return "", errors.New("unknown request")
	}
	return f.add(r.Forward.Listen, r.Forward.To)
}
