package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// process is a child that dies with us: by our hand, or by the kernel's when we are killed.
type process struct {
	name string
	cmd  *exec.Cmd
	log  string
	done chan struct{}
	err  error
}

// starts hands commands to the one thread that forks. The kernel's "parent died" signal goes out when the forking
// *thread* ends, so that thread is locked and never does.
var starts = make(chan func())

func init() {
	go func() {
		runtime.LockOSThread()
		for start := range starts {
			start()
		}
	}()
}

// start runs a command in a process group of its own with its output in <dir>/<name>.log.
func start(dir, name string, env []string, argv ...string) (*process, error) {
	log, err := os.OpenFile(filepath.Join(dir, name+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = log, log
	return launch(name, log.Name(), cmd)
}

// launch starts a prepared command so that it cannot outlive this program.
func launch(name, log string, cmd *exec.Cmd) (*process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	started := make(chan error)
	starts <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("%s does not start: %w", name, err)
	}
	p := &process{name: name, cmd: cmd, log: log, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// exited is an error that says how the process ended, with the last lines it wrote; nil while it runs.
func (p *process) exited() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s ended (%v); its last lines:\n%s", p.name, p.err, tail(p.log, 15))
	default:
		return nil
	}
}

// stop ends the process group: a polite signal, and after the grace period the other one.
func (p *process) stop(grace time.Duration) {
	group := -p.cmd.Process.Pid
	_ = syscall.Kill(group, syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(grace):
	}
	_ = syscall.Kill(group, syscall.SIGKILL)
	<-p.done
}

// stopAll ends processes in the reverse of the order they started in.
func stopAll(processes []*process, grace time.Duration) {
	for i := len(processes) - 1; i >= 0; i-- {
		processes[i].stop(grace)
	}
}

// firstExit is closed with the name of the first process that ends.
func firstExit(processes []*process) <-chan error {
	out := make(chan error, len(processes))
	for _, p := range processes {
		go func() {
			<-p.done
			out <- p.exited()
		}()
	}
	return out
}

// await polls until ready says so, a process ends, stop closes, or the time is over.
func await(what string, limit time.Duration, stop <-chan struct{}, processes []*process, ready func() error) error {
	deadline := time.Now().Add(limit)
	for {
		err := ready()
		if err == nil {
			return nil
		}
		for _, p := range processes {
			if exit := p.exited(); exit != nil {
				return exit
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s is not ready after %s: %w", what, limit, err)
		}
		select {
		case <-stop:
			return errStopped
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// errStopped ends a start that was interrupted.
var errStopped = errors.New("stopped before it was ready")

// tail is the last lines of a file, or the reason there are none.
func tail(path string, lines int) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(content), "\n"), "\n")
	if len(all) > lines {
		all = all[len(all)-lines:]
	}
	return strings.Join(all, "\n")
}
