package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A run's folder is named <shape>-<pid>-<start time of that process>. So whoever finds it later can tell whether the
// run is alive, and a process that merely got the same pid is never taken for it.

// newRun makes the folder of this run below root, after removing what dead runs left there.
func newRun(root, shape string) (string, error) {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return "", err
	}
	sweep(root)
	pid := os.Getpid()
	start, err := startTime(pid)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, fmt.Sprintf("%s-%d-%d", shape, pid, start))
	return dir, os.MkdirAll(dir, 0o700)
}

// sweep removes the folders and control groups of runs whose process is gone. Processes, mounts and network
// namespaces are not its business: they end with the run's first process, by the kernel's hand.
func sweep(root string) {
	entries, _ := os.ReadDir(root)
	for _, entry := range entries {
		pid, start, ok := parseRun(entry.Name())
		if !ok || alive(pid, start) {
			continue
		}
		removeRun(filepath.Join(root, entry.Name()))
	}
}

// removeRun deletes a run's control groups and its folder.
func removeRun(dir string) {
	removeCgroups(cgroupName(dir))
	_ = os.RemoveAll(dir)
}

// parseRun reads pid and start time from a run folder's name.
func parseRun(name string) (pid int, start uint64, ok bool) {
	parts := strings.Split(name, "-")
	if len(parts) < 3 {
		return 0, 0, false
	}
	pid, err := strconv.Atoi(parts[len(parts)-2])
	if err != nil || pid <= 1 {
		return 0, 0, false
	}
	start, err = strconv.ParseUint(parts[len(parts)-1], 10, 64)
	return pid, start, err == nil
}

// alive tells whether the process with this pid is still the one that started then.
func alive(pid int, start uint64) bool {
	now, err := startTime(pid)
	return err == nil && now == start
}

// startTime is a process's start in clock ticks since boot (field 22 of its stat file).
func startTime(pid int) (uint64, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseStartTime(string(content))
}

// parseStartTime skips the command's name, which may hold spaces and brackets, and takes the twentieth field after it.
func parseStartTime(stat string) (uint64, error) {
	end := strings.LastIndexByte(stat, ')')
	fields := strings.Fields(stat[end+1:])
	if end < 0 || len(fields) < 20 {
		return 0, fmt.Errorf("not a process's stat: %q", stat)
	}
	if fields[0] == "Z" || fields[0] == "X" {
		return 0, errors.New("the process has ended; only its parent has not looked yet")
	}
	return strconv.ParseUint(fields[19], 10, 64)
}

// cgroupName is the control group that a run's pods live in.
func cgroupName(dir string) string { return "qsl-" + filepath.Base(dir) }

// cgroupRoots are the folders in which a control group is made: one a controller (v1), or the one tree (v2).
func cgroupRoots() []string {
	const base = "/sys/fs/cgroup"
	if _, err := os.Stat(filepath.Join(base, "cgroup.controllers")); err == nil {
		return []string{base}
	}
	var roots []string
	entries, _ := os.ReadDir(base)
	for _, entry := range entries {
		if _, err := os.Stat(filepath.Join(base, entry.Name(), "cgroup.procs")); err == nil && entry.IsDir() {
			roots = append(roots, filepath.Join(base, entry.Name()))
		}
	}
	return roots
}

// makeCgroups makes a control group in every tree. In the cpuset tree of v1 a new group has no processors and no
// memory until they are written.
func makeCgroups(name string) error {
	for _, root := range cgroupRoots() {
		dir := filepath.Join(root, name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			if content, err := os.ReadFile(filepath.Join(root, file)); err == nil {
				_ = os.WriteFile(filepath.Join(dir, file), content, 0o644)
			}
		}
	}
	return nil
}

// removeCgroups removes a control group and all below it. Its processes may take a moment to be gone.
func removeCgroups(name string) {
	for _, root := range cgroupRoots() {
		top := filepath.Join(root, name)
		for range 60 {
			removeTree(top)
			if _, err := os.Stat(top); err != nil {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
}

// removeTree removes empty control groups from the leaves up; their files vanish with them.
func removeTree(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		if entry.IsDir() {
			removeTree(filepath.Join(dir, entry.Name()))
		}
	}
	_ = syscall.Rmdir(dir)
}
