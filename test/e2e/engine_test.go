//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	stdlog "log"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"
)

// labelRun is borne by everything that a run makes, with the run's id.
const labelRun = "roomrelay.e2e.run"

// engine is the Docker engine.
type engine struct {
	client *testcontainers.DockerClient
}

func newEngine(ctx context.Context) (e *engine, err error) {
	log.SetDefault(stdlog.New(io.Discard, "", 0)) // each container would be told in many lines
	defer func() {
		if r := recover(); r != nil { // the library panics where it finds no address of an engine
			e, err = nil, fmt.Errorf("looking for its address: %v", r)
		}
	}()
	c, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := c.Ping(ctx, client.PingOptions{}); err != nil {
		return nil, err
	}
	return &engine{c}, nil
}

// labels are those of what this run makes.
func labels() map[string]string { return map[string]string{labelRun: run.id} }

// idOf makes a run's id, which names its process: what a process left that has ended may be removed.
func idOf(pid int) string {
	return fmt.Sprintf("%s-%d-%d", here(), pid, time.Now().Unix())
}

// here is this host: of other hosts' processes nothing is known.
func here() string {
	name, err := os.Hostname()
	if err != nil {
		name = "unknown"
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // it never fails
	return fmt.Sprintf("%08x", h.Sum32())
}

// orphaned says that the run's process was one of this host and has ended.
func orphaned(id string) bool {
	parts := strings.Split(id, "-")
	if len(parts) != 3 || parts[0] != here() {
		return false
	}
	pid, err := strconv.Atoi(parts[1])
	return err == nil && pid > 0 && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

// sweep removes what earlier runs left whose process has ended.
func (e *engine) sweep(ctx context.Context) error { return e.remove(ctx, orphaned) }

// removeRun removes what the run made.
func (e *engine) removeRun(ctx context.Context, id string) error {
	return e.remove(ctx, func(of string) bool { return of == id })
}

func (e *engine) remove(ctx context.Context, which func(id string) bool) error {
	containers, err := e.client.ContainerList(ctx, client.ContainerListOptions{All: true})
	if err != nil {
		return fmt.Errorf("listing containers: %w", err)
	}
	var failed []error
	for _, c := range containers.Items {
		if id := runOf(c.Labels); id != "" && which(id) {
			_, err := e.client.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
			failed = append(failed, err)
		}
	}
	networks, err := e.client.NetworkList(ctx, client.NetworkListOptions{})
	if err != nil {
		return errors.Join(append(failed, fmt.Errorf("listing networks: %w", err))...)
	}
	for _, n := range networks.Items {
		if id := runOf(n.Labels); id != "" && which(id) {
			_, err := e.client.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{})
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// runOf is the id of the run that something belongs to by its labels; "": of none. Compose labels with its
// project, which is named by the run.
func runOf(labels map[string]string) string {
	if id := labels[labelRun]; id != "" {
		return id
	}
	if id, ours := strings.CutPrefix(labels[labelProject], prefixProject); ours {
		return id
	}
	return ""
}

// count is how many containers bear the run's label.
func (e *engine) count(ctx context.Context, id string) (int, error) {
	list, err := e.client.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: make(client.Filters).Add("label", labelRun+"="+id)})
	if err != nil {
		return 0, fmt.Errorf("listing containers: %w", err)
	}
	return len(list.Items), nil
}
