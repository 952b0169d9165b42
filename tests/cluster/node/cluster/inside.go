package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// cluster is the inside while it runs.
type cluster struct {
	dir       string
	settings  settings
	keys      *credentials
	client    *http.Client
	processes []*process
	never     chan struct{}
}

// inside starts all components in order, says they are ready by the file `ready`, and runs until one of them ends.
func inside(arguments []string) error {
	if len(arguments) != 1 || os.Getppid() != 1 {
		return errors.New("inside is started by `cluster init`")
	}
	c := &cluster{dir: arguments[0], never: make(chan struct{})}
	content, err := os.ReadFile(c.path("settings.json"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(content, &c.settings); err != nil {
		return err
	}
	if c.keys, err = openCredentials(c.path("pki")); err != nil {
		return err
	}
	if c.client, err = c.keys.httpClient(nil); err != nil {
		return err
	}
	for _, step := range []func() error{network, c.base, c.api, c.extras, c.agents, c.settle} {
		if err := step(); err != nil {
			return err
		}
	}
	if err := os.WriteFile(c.path("ready"), nil, 0o600); err != nil {
		return err
	}
	return <-firstExit(c.processes)
}

func (c *cluster) path(name string) string { return filepath.Join(c.dir, name) }

// run starts one component with its log in the run's folder.
func (c *cluster) run(name string, argv ...string) error {
	p, err := start(c.dir, name, nil, argv...)
	if err == nil {
		c.processes = append(c.processes, p)
	}
	return err
}

// await waits for one thing to become ready.
func (c *cluster) await(what string, ready func() error) error {
	return await(what, 2*time.Minute, c.never, c.processes, ready)
}

// base starts what needs nothing: the store and the container runtime.
func (c *cluster) base() error {
	if err := c.run("containerd", "containerd", "--config", c.path("containerd.toml")); err != nil {
		return err
	}
	return c.run("etcd", c.settings.Assets.etcd(c.dir, "http://127.0.0.1:2379", "http://127.0.0.1:2380")...)
}

// api starts the API server and what only needs it.
func (c *cluster) api() error {
	a := c.settings.Assets
	err := c.run("kube-apiserver", a.apiServer(c.keys, "http://127.0.0.1:2379", nodeAddress, apiPort,
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
		"--kubelet-certificate-authority="+c.keys.path("ca.crt"), "--kubelet-preferred-address-types=InternalIP",
		"--kubelet-client-certificate="+c.keys.path("admin.crt"), "--kubelet-client-key="+c.keys.path("admin.key"))...)
	if err != nil {
		return err
	}
	if err := c.await("the API server", c.keys.ready(fmt.Sprintf("%s:%d", nodeAddress, apiPort))); err != nil {
		return err
	}
	if err := c.run("kube-controller-manager",
		a.controllerManager(c.keys, c.path("controller-manager.kubeconfig"), "127.0.0.1", 10257)...); err != nil {
		return err
	}
	own := c.path("scheduler.kubeconfig")
	return c.run("kube-scheduler", a.program("kube-scheduler"), "--kubeconfig="+own, "--authentication-kubeconfig="+own,
		"--authorization-kubeconfig="+own, "--leader-elect=false", "--bind-address=127.0.0.1", "--cert-dir="+c.keys.dir)
}

// extras starts the caller's commands.
func (c *cluster) extras() error {
	for name, argv := range c.settings.With {
		own := make([]string, len(argv))
		for i, argument := range argv {
			own[i] = strings.NewReplacer("{node}", nodeAddress, "{run}", c.dir).Replace(argument)
		}
		if err := c.run(name, own...); err != nil {
			return err
		}
	}
	return nil
}

// agents imports the pause image and starts kubelet, kube-proxy and CoreDNS.
func (c *cluster) agents() error {
	image := c.path("pause.tar")
	if err := writePauseImage(image); err != nil {
		return err
	}
	if err := c.await("containerd", func() error { return c.ctr("images", "import", image) }); err != nil {
		return err
	}
	for _, object := range bootstrapObjects() {
		if err := c.await(object.path, func() error { return c.create(object) }); err != nil {
			return err
		}
	}
	a := c.settings.Assets
	if err := c.run("kubelet", a.program("kubelet"), "--config="+c.path("kubelet.json"), "--root-dir=/var/lib/kubelet",
		"--kubeconfig="+c.path("kubelet.kubeconfig"), "--hostname-override="+nodeName, "--node-ip="+nodeAddress,
		"--cert-dir="+c.keys.dir); err != nil {
		return err
	}
	if err := c.run("kube-proxy", a.program("kube-proxy"), "--config="+c.path("proxy.json")); err != nil {
		return err
	}
	return c.run("coredns", a.program("coredns"), "-conf", c.path("Corefile"))
}

// ctr runs containerd's own client.
func (c *cluster) ctr(arguments ...string) error {
	arguments = append([]string{"--address", c.path("containerd.sock"), "--namespace", "k8s.io"}, arguments...)
	if output, err := exec.Command("ctr", arguments...).CombinedOutput(); err != nil {
		return fmt.Errorf("ctr: %w: %s", err, output)
	}
	return nil
}

// create posts one object; that it is there already is fine.
func (c *cluster) create(o object) error {
	url := fmt.Sprintf("https://%s:%d%s", nodeAddress, apiPort, o.path)
	answer, err := c.client.Post(url, "application/json", strings.NewReader(o.body))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusCreated || answer.StatusCode == http.StatusConflict {
		return nil
	}
	return fmt.Errorf("%s: %s", o.path, answer.Status)
}

// settle waits until pods can run, Services answer and names resolve.
func (c *cluster) settle() error {
	if err := c.await("the node", c.nodeReady); err != nil {
		return err
	}
	if err := c.await("kube-proxy", healthy("http://127.0.0.1:10256/healthz")); err != nil {
		return err
	}
	return c.await("CoreDNS", healthy("http://127.0.0.1:8181/ready"))
}

// healthy is a check that a page answers 200.
func healthy(url string) func() error {
	client := &http.Client{Timeout: 2 * time.Second}
	return func() error {
		_, err := get(client, url)
		return err
	}
}

// nodeReady is nil once the Node object's condition Ready is True and no taint keeps pods away.
func (c *cluster) nodeReady() error {
	body, err := get(c.client, fmt.Sprintf("https://%s:%d/api/v1/nodes/%s", nodeAddress, apiPort, nodeName))
	if err != nil {
		return err
	}
	return nodeIsReady(body)
}

// nodeIsReady judges the Node object.
func nodeIsReady(body []byte) error {
	var node struct {
		Spec   struct{ Taints []struct{ Key string } }
		Status struct {
			Conditions []struct{ Type, Status, Message string }
		}
	}
	if err := json.Unmarshal(body, &node); err != nil {
		return err
	}
	if len(node.Spec.Taints) > 0 {
		return fmt.Errorf("the node has the taint %s", node.Spec.Taints[0].Key)
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == "Ready" && condition.Status == "True" {
			return nil
		}
		if condition.Type == "Ready" {
			return errors.New(condition.Message)
		}
	}
	return errors.New("the node has no condition Ready yet")
}
