package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

// pauseImage is the image whose container holds a pod's namespaces. It is this program.
const pauseImage = "docker.io/library/qsl-pause:latest"

// pause waits to be told to end, and collects whatever is left to it.
func pause() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for received := range signals {
		if received != syscall.SIGCHLD {
			os.Exit(0)
		}
		for {
			if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
				break
			}
		}
	}
}

// writePauseImage writes an image of one layer with one file in the form that `ctr image import` takes.
func writePauseImage(path string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	program, err := os.ReadFile(self)
	if err != nil {
		return err
	}
	layer, err := archive(map[string][]byte{"pause": program}, "pause")
	if err != nil {
		return err
	}
	digest := func(content []byte) string {
		sum := sha256.Sum256(content)
		return hex.EncodeToString(sum[:])
	}
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": map[string]any{"User": "65535:65535", "Entrypoint": []string{"/pause", "pause"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + digest(layer)}},
	})
	if err != nil {
		return err
	}
	manifest, err := json.Marshal([]any{map[string]any{
		"Config": digest(config) + ".json", "RepoTags": []string{pauseImage}, "Layers": []string{"layer.tar"},
	}})
	if err != nil {
		return err
	}
	content, err := archive(map[string][]byte{
		"layer.tar": layer, digest(config) + ".json": config, "manifest.json": manifest,
	}, "layer.tar", digest(config)+".json", "manifest.json")
	if err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o644)
}

// archive is a tar of these files in this order.
func archive(files map[string][]byte, order ...string) ([]byte, error) {
	var out bytes.Buffer
	writer := tar.NewWriter(&out)
	for _, name := range order {
		content := files[name]
		if err := writer.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content))}); err != nil {
			return nil, err
		}
		if _, err := writer.Write(content); err != nil {
			return nil, err
		}
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
