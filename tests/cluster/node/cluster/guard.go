package main

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// guard runs any one server on a free loopback port until stop closes, so that it too ends with whoever started it.
// In its arguments {port} is the port and {run} a folder that is removed at the end; page is the path that answers
// 200 when it is ready.
func guard(root, page string, argv []string, stop <-chan struct{}) error {
	if len(argv) == 0 {
		return errors.New("guard takes a command")
	}
	dir, err := newRun(root, "guard")
	if err != nil {
		return err
	}
	defer removeRun(dir)
	ports, err := freePorts(1)
	if err != nil {
		return err
	}
	port := fmt.Sprint(ports[0])
	own := make([]string, len(argv))
	for i, argument := range argv {
		own[i] = strings.NewReplacer("{port}", port, "{run}", dir).Replace(argument)
	}
	server, err := start(dir, "server", nil, own...)
	if err != nil {
		return err
	}
	defer server.stop(3 * time.Second)
	url := "http://127.0.0.1:" + port
	if err := await(url+page, time.Minute, stop, []*process{server}, healthy(url+page)); err != nil {
		return err
	}
	announce(map[string]any{"url": url, "state": dir})
	select {
	case <-stop:
		return nil
	case <-server.done:
		return server.exited()
	}
}
