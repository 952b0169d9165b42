// cluster starts and stops a Kubernetes for tests and for the demo, in one of two shapes from the same parts:
//
//	cluster control-plane   etcd and kube-apiserver on loopback; no root; ready in seconds
//	cluster node            a whole node that runs pods, in namespaces of its own; root, Linux
//
// In: the folder with the components (the one binary of the folder above, under each component's name).
// Out: one line of JSON on stdout once it is ready; then it runs until its standard input closes (unless --stay),
// or until SIGTERM or SIGINT. Whatever way it ends, the kernel ends its children: see process.go and node.go.
//
// Rooms: pki.go (certificates, kubeconfigs), process.go (children), state.go (folders, control groups),
// apiserver.go (arguments both shapes share), controlplane.go; node.go (a node from outside), requirements.go (what
// it takes), namespaces.go (its first process), inside.go (its components), config.go (their files), image.go (the
// pause image), forward.go (ways in from the host); guard.go (any other server that must end with its starter).
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
)

func main() {
	if len(os.Args) < 2 {
		usage()
	}
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

// run is one subcommand.
func run(command string, arguments []string) error {
	flags := flag.NewFlagSet("cluster "+command, flag.ExitOnError)
	root := flags.String("root", filepath.Join(os.TempDir(), fmt.Sprintf("qsl-cluster-%d", os.Getuid())), "folder for the folders of runs")
	folder := flags.String("assets", os.Getenv("KUBEBUILDER_ASSETS"), "folder of the components")
	stay := flags.Bool("stay", false, "do not stop when standard input closes")
	switch command {
	case "control-plane":
		manager := flags.Bool("controller-manager", false, "run kube-controller-manager too")
		_ = flags.Parse(arguments)
		return controlPlane(controlPlaneOptions{*root, assets(*folder), *manager}, stopSignal(!*stay))
	case "node":
		var with commands
		flags.Var(&with, "with", "NAME=JSON array: a command to run inside; {node} is the node's address (repeatable)")
		_ = flags.Parse(arguments)
		return node(nodeOptions{*root, assets(*folder), with}, stopSignal(!*stay))
	case "guard":
		page := flags.String("ready", "/", "the page that answers 200 when the server is ready")
		_ = flags.Parse(arguments)
		return guard(*root, *page, flags.Args(), stopSignal(!*stay))
	case "init":
		return initProcess(arguments)
	case "inside":
		return inside(arguments)
	case "pause":
		pause()
	case "sweep":
		_ = flags.Parse(arguments)
		sweep(*root)
	case "alive":
		_ = flags.Parse(arguments)
		if pid, start, ok := parseRun(filepath.Base(flags.Arg(0))); !ok || !alive(pid, start) {
			return errors.New("not running")
		}
	case "stop":
		_ = flags.Parse(arguments)
		return stopRun(flags.Arg(0))
	default:
		usage()
	}
	return nil
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: cluster control-plane [--root DIR] [--assets DIR] [--stay] [--controller-manager]\n"+
		"       cluster node [--root DIR] [--assets DIR] [--stay] [--with NAME=JSON]...\n"+
		"       cluster guard [--ready PAGE] -- PROGRAM [ARGUMENT]...  ({port}, {run})\n"+
		"       cluster alive RUN-FOLDER\n"+
		"       cluster stop RUN-FOLDER\n"+
		"       cluster sweep [--root DIR]")
	os.Exit(64)
}

// stopSignal closes when we are told to stop: SIGTERM, SIGINT, or the end of standard input.
func stopSignal(watchInput bool) <-chan struct{} {
	stop := make(chan struct{})
	var once sync.Once
	end := func() { once.Do(func() { close(stop) }) }
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	if watchInput {
		signal.Notify(signals, syscall.SIGHUP)
	} else {
		signal.Ignore(syscall.SIGHUP) // It stays when the terminal goes.
	}
	go func() {
		<-signals
		end()
	}()
	if watchInput {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			end()
		}()
	}
	return stop
}

// announce prints the one line of JSON by which the starter knows that all is ready.
func announce(facts any) {
	line, err := json.Marshal(facts)
	if err != nil {
		panic(err) // Maps of strings always encode.
	}
	fmt.Println(string(line))
}
