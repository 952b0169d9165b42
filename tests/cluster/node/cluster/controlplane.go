package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// controlPlaneOptions are what the control-plane shape can be asked for.
type controlPlaneOptions struct {
	root              string
	assets            assets
	controllerManager bool
}

// controlPlane runs etcd and an API server on free loopback ports until stop closes, and says on stdout when they are
// ready. It needs no root. Without the controller manager nothing makes the service accounts that pods need and
// nothing ends a namespace, so the admission that would wait for the former is off.
func controlPlane(options controlPlaneOptions, stop <-chan struct{}) error {
	need := []string{"etcd", "kube-apiserver"}
	if options.controllerManager {
		need = append(need, "kube-controller-manager")
	}
	if err := options.assets.missing(need...); err != nil {
		return err
	}
	dir, err := newRun(options.root, "control-plane")
	if err != nil {
		return err
	}
	defer removeRun(dir)
	// Another program may take a port between our look and the component's: then the component ends, and we try anew.
	for attempt := 1; ; attempt++ {
		processes, announcement, err := startControlPlane(options, dir, stop)
		if err == nil {
			announce(announcement)
			select {
			case <-stop:
			case err = <-firstExit(processes):
			}
			stopAll(processes, 3*time.Second)
			return err
		}
		stopAll(processes, time.Second)
		if attempt == 3 || errors.Is(err, errStopped) {
			return err
		}
	}
}

// startControlPlane starts the processes; those already running are returned with an error too.
func startControlPlane(options controlPlaneOptions, dir string, stop <-chan struct{}) ([]*process, any, error) {
	ports, err := freePorts(4)
	if err != nil {
		return nil, nil, err
	}
	local := func(i int) string { return fmt.Sprintf("127.0.0.1:%d", ports[i]) }
	c, err := newCredentials(filepath.Join(dir, "pki"), serverNames)
	if err != nil {
		return nil, nil, err
	}
	server := "https://" + local(2)
	kubeconfig := filepath.Join(dir, "kubeconfig")
	if err := c.writeKubeconfig(kubeconfig, server, "qsl-admin", "system:masters"); err != nil {
		return nil, nil, err
	}
	var processes []*process
	run := func(name string, argv []string) error {
		p, err := start(dir, name, nil, argv...)
		if err == nil {
			processes = append(processes, p)
		}
		return err
	}
	if err := run("etcd", options.assets.etcd(dir, "http://"+local(0), "http://"+local(1))); err != nil {
		return processes, nil, err
	}
	more := []string{"--authorization-mode=RBAC", "--endpoint-reconciler-type=none"}
	if !options.controllerManager {
		more = append(more, "--disable-admission-plugins=ServiceAccount")
	}
	if err := run("kube-apiserver", options.assets.apiServer(c, "http://"+local(0), "127.0.0.1", ports[2], more...)); err != nil {
		return processes, nil, err
	}
	if err := await("the API server", 2*time.Minute, stop, processes, c.ready(local(2))); err != nil {
		return processes, nil, err
	}
	if options.controllerManager {
		own := filepath.Join(dir, "controller-manager.kubeconfig")
		if err := c.writeKubeconfig(own, server, "system:kube-controller-manager"); err != nil {
			return processes, nil, err
		}
		if err := run("kube-controller-manager", options.assets.controllerManager(c, own, "127.0.0.1", ports[3])); err != nil {
			return processes, nil, err
		}
	}
	return processes, map[string]any{"kubeconfig": kubeconfig, "apiServer": server, "state": dir}, nil
}
