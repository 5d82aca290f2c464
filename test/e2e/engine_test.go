//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"
)

// Labels of everything that a run makes. Whose process has ended is left over.
const (
	labelRun   = "roomrelay.e2e.run"
	labelOwner = "roomrelay.e2e.owner" // host/pid of the test's process
)

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
func labels() map[string]string {
	return map[string]string{labelRun: run.id, labelOwner: owner(os.Getpid())}
}

func owner(pid int) string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return host + "/" + strconv.Itoa(pid)
}

// orphaned says that the process that owned something has ended. Of other hosts' nothing is known.
func orphaned(name string) bool {
	here := strings.TrimSuffix(owner(0), "0")
	pid, err := strconv.Atoi(strings.TrimPrefix(name, here))
	if !strings.HasPrefix(name, here) || err != nil || pid <= 0 {
		return false
	}
	return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

// sweep removes what earlier runs left whose process has ended.
func (e *engine) sweep(ctx context.Context) error {
	return e.remove(ctx, func(l map[string]string) bool { return orphaned(l[labelOwner]) })
}

// removeRun removes what the run made.
func (e *engine) removeRun(ctx context.Context, id string) error {
	return e.remove(ctx, func(l map[string]string) bool { return l[labelRun] == id })
}

func (e *engine) remove(ctx context.Context, which func(labels map[string]string) bool) error {
	ours := make(client.Filters).Add("label", labelRun)
	containers, err := e.client.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: ours})
	if err != nil {
		return fmt.Errorf("listing containers: %w", err)
	}
	var failed []error
	for _, c := range containers.Items {
		if which(c.Labels) {
			_, err := e.client.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
			failed = append(failed, err)
		}
	}
	networks, err := e.client.NetworkList(ctx, client.NetworkListOptions{Filters: ours})
	if err != nil {
		return errors.Join(append(failed, fmt.Errorf("listing networks: %w", err))...)
	}
	for _, n := range networks.Items {
		if which(n.Labels) {
			_, err := e.client.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{})
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// count is how many containers bear the run's label.
func (e *engine) count(ctx context.Context, id string) (int, error) {
	list, err := e.client.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: make(client.Filters).Add("label", labelRun+"="+id)})
	if err != nil {
		return 0, fmt.Errorf("listing containers: %w", err)
	}
	return len(list.Items), nil
}
