package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	nodeName    = "qsl-node"
	nodeAddress = "10.100.0.1"
	podCIDR     = "10.244.0.0/16"
	dnsService  = "10.96.0.10"
	apiPort     = 6443
)

// nodeOptions are what the node shape can be asked for.
type nodeOptions struct {
	root   string
	assets assets
	with   commands
}

// commands are extra programs that run inside the node's namespaces, by name.
type commands map[string][]string

// String is the flag's default, which is none.
func (c *commands) String() string { return "" }

// Set takes one NAME=JSON array.
func (c *commands) Set(value string) error {
	name, list, found := strings.Cut(value, "=")
	var argv []string
	if !found || json.Unmarshal([]byte(list), &argv) != nil || len(argv) == 0 {
		return fmt.Errorf("%q is not NAME=[\"program\",\"argument\"…]", value)
	}
	if *c == nil {
		*c = commands{}
	}
	(*c)[name] = argv
	return nil
}

// settings are what the inside is told by the outside, in <run>/settings.json.
type settings struct {
	Assets assets   `json:"assets"`
	CNI    string   `json:"cni"`
	With   commands `json:"with"`
}

// node runs a whole node until stop closes. All of it lives in namespaces of its own for processes, mounts and
// network, whose first process the kernel kills when this program ends in whatever way; and with that process go all
// others, the containers' too, and every mount and interface. What is left to remove are a folder and control groups.
func node(options nodeOptions, stop <-chan struct{}) error {
	cni, err := requirements()
	if err != nil {
		return err
	}
	if err := options.assets.missing("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet",
		"kube-proxy", "coredns"); err != nil {
		return err
	}
	dir, err := newRun(options.root, "node")
	if err != nil {
		return err
	}
	defer removeRun(dir)
	defer makeMountPoints()()
	if err := prepare(dir, settings{options.assets, cni, options.with}); err != nil {
		return err
	}
	first, err := startFirst(dir)
	if err != nil {
		return err
	}
	defer func() {
		_ = first.cmd.Process.Kill()
		<-first.done
	}()
	f, err := newForwarder(first.cmd.Process.Pid)
	if err != nil {
		return err
	}
	defer f.close()
	control, err := f.control(filepath.Join(dir, "control.sock"))
	if err != nil {
		return err
	}
	api, err := f.add("127.0.0.1:0", fmt.Sprintf("%s:%d", nodeAddress, apiPort))
	if err != nil {
		return err
	}
	if err := hostKubeconfig(dir, api); err != nil {
		return err
	}
	err = await("the node", 5*time.Minute, stop, []*process{first}, func() error {
		_, err := os.Stat(filepath.Join(dir, "ready"))
		return err
	})
	if err != nil {
		return errors.Join(err, keepLogs(dir))
	}
	pid := first.cmd.Process.Pid
	announce(map[string]any{
		"kubeconfig": filepath.Join(dir, "kubeconfig"), "insideKubeconfig": filepath.Join(dir, "inside.kubeconfig"),
		"apiServer": "https://" + api, "nodeAddress": nodeAddress, "pid": pid, "netns": fmt.Sprintf("/proc/%d/ns/net", pid),
		"state": dir, "control": control, "containerd": filepath.Join(dir, "containerd.sock"),
	})
	select {
	case <-stop:
		return nil
	case <-first.done:
		return errors.Join(first.exited(), keepLogs(dir))
	}
}

// prepare writes what the inside reads: settings, keys, kubeconfigs, configuration files.
func prepare(dir string, s settings) error {
	c, err := newCredentials(filepath.Join(dir, "pki"), append([]string{nodeAddress}, serverNames...))
	if err != nil {
		return err
	}
	kubelet, err := c.authority.server(nodeAddress, nodeName)
	if err != nil {
		return err
	}
	server := fmt.Sprintf("https://%s:%d", nodeAddress, apiPort)
	for file, user := range map[string][]string{
		"inside.kubeconfig":             {"qsl-admin", "system:masters"},
		"controller-manager.kubeconfig": {"system:kube-controller-manager"},
		"scheduler.kubeconfig":          {"system:kube-scheduler"},
		"proxy.kubeconfig":              {"system:kube-proxy"},
		"coredns.kubeconfig":            {"system:coredns"},
		"kubelet.kubeconfig":            {"system:node:" + nodeName, "system:nodes"},
	} {
		if err := c.writeKubeconfig(filepath.Join(dir, file), server, user[0], user[1:]...); err != nil {
			return err
		}
	}
	content, err := json.Marshal(s)
	if err != nil {
		return err
	}
	files := configuration(dir, s)
	files["settings.json"] = content
	files["pki/kubelet.crt"], files["pki/kubelet.key"] = kubelet.cert, kubelet.key
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return err
		}
	}
	return makeCgroups(cgroupName(dir))
}

// startFirst starts the first process of the new namespaces.
func startFirst(dir string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "node.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(self, "init", dir)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS,
	}
	first, err := launch("the node's first process", log.Name(), cmd)
	if err != nil {
		return nil, fmt.Errorf("this cannot be a node: new namespaces are not to be had (%w); give an existing cluster with --context instead", err)
	}
	return first, nil
}

// hostKubeconfig is the inside's, with the address that the forwarder listens on.
func hostKubeconfig(dir, api string) error {
	content, err := os.ReadFile(filepath.Join(dir, "inside.kubeconfig"))
	if err != nil {
		return err
	}
	inside := fmt.Sprintf("https://%s", net.JoinHostPort(nodeAddress, fmt.Sprint(apiPort)))
	host := strings.Replace(string(content), inside, "https://"+api, 1)
	return os.WriteFile(filepath.Join(dir, "kubeconfig"), []byte(host), 0o600)
}

// keepLogs copies the components' logs out of a run that failed, since its folder goes, and says where they are.
func keepLogs(dir string) error {
	kept := filepath.Join(filepath.Dir(dir), "failed-node-logs")
	_ = os.RemoveAll(kept)
	if err := os.MkdirAll(kept, 0o755); err != nil {
		return err
	}
	logs, _ := filepath.Glob(filepath.Join(dir, "*.log"))
	for _, log := range logs {
		if content, err := os.ReadFile(log); err == nil {
			_ = os.WriteFile(filepath.Join(kept, filepath.Base(log)), content, 0o644)
		}
	}
	return fmt.Errorf("the logs are in %s", kept)
}

// stopRun ends the run of a folder: politely, then not; only if its process is the one the folder was made by.
func stopRun(dir string) error {
	pid, start, ok := parseRun(filepath.Base(dir))
	if !ok {
		return fmt.Errorf("%s is not the folder of a run", dir)
	}
	for round := 0; alive(pid, start); round++ {
		switch round {
		case 0:
			_ = syscall.Kill(pid, syscall.SIGTERM)
		case 300:
			_ = syscall.Kill(pid, syscall.SIGKILL)
		case 600:
			return fmt.Errorf("process %d of %s does not end", pid, dir)
		}
		time.Sleep(50 * time.Millisecond)
	}
	removeRun(dir)
	return nil
}
