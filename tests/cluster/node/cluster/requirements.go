package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
)

// requirements finds what a node needs of this machine, or says in one sentence what is missing.
func requirements() (cni string, err error) {
	if os.Geteuid() != 0 {
		return "", errors.New("this cannot be a node: it takes root; give an existing cluster with --context instead")
	}
	var lacking []string
	for program, pkg := range map[string]string{
		"containerd": "containerd", "ctr": "containerd", "runc": "runc", "ip": "iproute2", "nft": "nftables", "conntrack": "conntrack",
	} {
		if _, err := exec.LookPath(program); err != nil {
			lacking = append(lacking, fmt.Sprintf("%s (Debian package %s)", program, pkg))
		}
	}
	for _, folder := range []string{"/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"} {
		if _, err := os.Stat(filepath.Join(folder, "ptp")); err == nil {
			cni = folder
			break
		}
	}
	if cni == "" {
		lacking = append(lacking, "the CNI plugins (Debian package containernetworking-plugins)")
	}
	if len(lacking) > 0 {
		sort.Strings(lacking)
		return "", fmt.Errorf("this cannot be a node: %s missing; install it, or give an existing cluster with --context", strings.Join(lacking, ", "))
	}
	return cni, nil
}

// mountPoints are folders whose path the kubelet and the CNI library have fixed; the inside mounts its own over them.
var mountPoints = []string{"/var/lib/kubelet", "/var/lib/cni", "/var/log"}

// makeMountPoints makes those that are not there, and returns what removes them again.
func makeMountPoints() (undo func()) {
	var made []string
	for _, path := range mountPoints {
		if os.Mkdir(path, 0o755) == nil {
			made = append(made, path)
		}
	}
	return func() {
		for _, path := range made {
			_ = os.Remove(path) // Only if empty: another node may be using it.
		}
	}
}
