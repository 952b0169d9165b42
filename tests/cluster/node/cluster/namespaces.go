package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// initProcess is the first process of the node's namespaces. It mounts what must be the node's own, starts the rest,
// collects the dead, and ends with the rest.
func initProcess(arguments []string) error {
	if len(arguments) != 1 || os.Getpid() != 1 {
		return errors.New("init is started by `cluster node`")
	}
	dir := arguments[0]
	if err := mounts(dir); err != nil {
		return err
	}
	if err := syscall.Sethostname([]byte(nodeName)); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	child, err := syscall.ForkExec(self, []string{"cluster", "inside", dir}, &syscall.ProcAttr{
		Env: os.Environ(), Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		return err
	}
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		if pid == child {
			return fmt.Errorf("the node's supervisor ended: %v", status)
		}
	}
}

// mounts gives the node its own /proc (of its own processes), /run (sockets, locks, pods' namespaces) and the fixed
// folders of kubelet and CNI. Nothing of it is seen outside.
func mounts(dir string) error {
	for _, m := range []struct {
		source, target, kind string
		flags                uintptr
	}{
		{"none", "/", "", syscall.MS_REC | syscall.MS_PRIVATE},
		{"none", "/", "", syscall.MS_REC | syscall.MS_SHARED}, // The kubelet wants shared mounts, among its own.
		{"proc", "/proc", "proc", 0},
		{"tmpfs", "/run", "tmpfs", 0},
		{filepath.Join(dir, "kubelet"), "/var/lib/kubelet", "", syscall.MS_BIND},
		{"tmpfs", "/var/lib/cni", "tmpfs", 0},
		{"tmpfs", "/var/log", "tmpfs", 0},
	} {
		if m.flags&syscall.MS_BIND != 0 {
			if err := os.MkdirAll(m.source, 0o755); err != nil {
				return err
			}
		}
		if err := syscall.Mount(m.source, m.target, m.kind, m.flags, ""); err != nil {
			return fmt.Errorf("this cannot be a node: mounting %s: %w", m.target, err)
		}
	}
	return nil
}

// network gives the namespace its address. It sits on a bridge, since not every kernel has dummy devices, and a
// default route leads there, so that Service addresses have a way to go before they are rewritten.
func network() error {
	for _, line := range []string{
		"link set lo up",
		"link add qsl0 type bridge",
		"addr add " + nodeAddress + "/24 dev qsl0",
		"link set qsl0 up",
		"route add default dev qsl0",
	} {
		if output, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			return fmt.Errorf("this cannot be a node: ip %s: %w: %s", line, err, output)
		}
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644)
}
