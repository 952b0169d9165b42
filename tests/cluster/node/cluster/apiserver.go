package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

const (
	issuer      = "https://kubernetes.default.svc.cluster.local"
	serviceCIDR = "10.96.0.0/16"
	apiService  = "10.96.0.1"
)

// serverNames are what the API server's certificate is good for, besides its own address.
var serverNames = []string{
	"kubernetes.default.svc.cluster.local", "kubernetes.default.svc", "kubernetes.default", "kubernetes", "localhost",
	"127.0.0.1", apiService,
}

// assets is where the components' programs are: KUBEBUILDER_ASSETS' folder, or that of the one binary's names.
type assets string

// program is the path of a component.
func (a assets) program(name string) string { return filepath.Join(string(a), name) }

// etcd are the arguments of an etcd whose data may be lost with the machine: nothing here outlives a run.
func (a assets) etcd(dir, client, peer string) []string {
	return []string{a.program("etcd"),
		"--name=qsl", "--data-dir=" + filepath.Join(dir, "etcd"), "--unsafe-no-fsync", "--log-level=warn",
		"--listen-client-urls=" + client, "--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer, "--initial-cluster=qsl=" + peer,
	}
}

// apiServer are the arguments that both shapes of cluster share.
func (a assets) apiServer(c *credentials, etcd, bind string, port int, more ...string) []string {
	return append([]string{a.program("kube-apiserver"),
		"--etcd-servers=" + etcd,
		"--bind-address=" + bind, "--advertise-address=" + bind, fmt.Sprintf("--secure-port=%d", port),
		"--tls-cert-file=" + c.path("apiserver.crt"), "--tls-private-key-file=" + c.path("apiserver.key"),
		"--client-ca-file=" + c.path("ca.crt"), "--cert-dir=" + c.dir,
		"--service-account-issuer=" + issuer, "--service-account-key-file=" + c.path("sa.pub"),
		"--service-account-signing-key-file=" + c.path("sa.key"),
		"--service-cluster-ip-range=" + serviceCIDR,
		// Nobody holds such a certificate; without the flags every component complains every few seconds.
		"--requestheader-client-ca-file=" + c.path("ca.crt"), "--requestheader-allowed-names=front-proxy",
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--allow-privileged=true", "--profiling=false", "--event-ttl=3h",
	}, more...)
}

// controllerManager are the arguments of the controller manager.
func (a assets) controllerManager(c *credentials, kubeconfig, bind string, port int) []string {
	return []string{a.program("kube-controller-manager"),
		"--kubeconfig=" + kubeconfig, "--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig,
		"--bind-address=" + bind, fmt.Sprintf("--secure-port=%d", port), "--cert-dir=" + c.dir,
		"--leader-elect=false", "--use-service-account-credentials", "--profiling=false",
		"--service-account-private-key-file=" + c.path("sa.key"), "--root-ca-file=" + c.path("ca.crt"),
		"--cluster-signing-cert-file=" + c.path("ca.crt"), "--cluster-signing-key-file=" + c.path("ca.key"),
	}
}

// ready asks the API server whether it is.
func (c *credentials) ready(address string) func() error {
	client, err := c.httpClient(nil)
	if err != nil {
		return func() error { return err }
	}
	return func() error {
		_, err := get(client, "https://"+address+"/readyz")
		return err
	}
}

// httpClient speaks to the API server as the administrator, over connections that dial makes.
func (c *credentials) httpClient(dial func(context.Context, string, string) (net.Conn, error)) (*http.Client, error) {
	pair, err := tls.LoadX509KeyPair(c.path("admin.crt"), c.path("admin.key"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(c.authority.cert)
	return &http.Client{
		Timeout: 5 * time.Second,
		Transport: &http.Transport{
			DialContext:     dial,
			TLSClientConfig: &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: roots},
		},
	}, nil
}

// get is the body of a 200 answer.
func get(client *http.Client, url string) ([]byte, error) {
	answer, err := client.Get(url)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s: %s", url, answer.Status, body)
	}
	return body, nil
}

// freePorts finds loopback ports nobody listens on, below the range from which the kernel takes ports for outgoing
// connections, at random so that clusters starting together hardly ever want the same one.
func freePorts(count int) ([]int, error) {
	var ports []int
	for range 1000 {
		if len(ports) == count {
			return ports, nil
		}
		port := 20000 + rand.IntN(12000)
		listener, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		defer listener.Close() // Held until all are found, so that none is taken twice.
		ports = append(ports, port)
	}
	return nil, fmt.Errorf("no %d free ports on 127.0.0.1 between 20000 and 32000", count)
}

// missing names the components that are not in the folder.
func (a assets) missing(names ...string) error {
	for _, name := range names {
		if _, err := os.Stat(a.program(name)); err != nil {
			return fmt.Errorf("%s is not there: `cargo xtask cluster build` builds it", a.program(name))
		}
	}
	return nil
}
