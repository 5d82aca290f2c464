//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"roomrelay/internal/imsim"
)

// envCompose is the command of Compose; default: docker compose.
const envCompose = "ROOMRELAY_TEST_COMPOSE"

// project is what the Compose file starts.
type project struct {
	name string
	env  []string
	sim  *simulator
}

// labelProject is Compose's own label. The names of projects of runs begin with prefixProject; their run's id follows.
const (
	labelProject  = "com.docker.compose.project"
	prefixProject = "roomrelay-e2e-"
)

// newProject gives the project ports that are free. Nothing is started yet.
func newProject(t *testing.T) *project {
	t.Helper()
	ports, err := freePorts(4)
	if err != nil {
		t.Fatal(err)
	}
	p := &project{name: prefixProject + run.id, env: os.Environ(), sim: &simulator{url: "http://" + local(ports[0])}}
	for i, name := range []string{"SIM_PORT", "KAFKA_PORT", "ADMIN_PORT_1", "ADMIN_PORT_2"} {
		p.env = append(p.env, name+"="+strconv.Itoa(ports[i]))
	}
	if image := os.Getenv(envImage); image != "" {
		p.env = append(p.env, "KAFKA_IMAGE="+image)
	}
	return p
}

// compose runs a command of Compose in the project.
func (p *project) compose(ctx context.Context, t *testing.T, args ...string) {
	t.Helper()
	command := []string{"docker", "compose"}
	if own := os.Getenv(envCompose); own != "" {
		command = strings.Fields(own)
	}
	command = append(append(command, "--project-name", p.name, "--project-directory", root), args...)
	ctx, cancel := context.WithTimeout(ctx, 6*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, command[0], command[1:]...)
	c.Env = p.env
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Run(); err != nil {
		t.Fatalf("%q: %v (Compose v2 is needed; %s names another command)\n%s", command, err, envCompose, out.String())
	}
}

// boxes are the project's containers, by service.
func (p *project) boxes(t *testing.T) map[string]container.InspectResponse {
	t.Helper()
	list, err := run.engine.client.ContainerList(t.Context(), client.ContainerListOptions{All: true, Filters: make(client.Filters).Add("label", labelProject+"="+p.name)})
	if err != nil {
		t.Fatalf("listing containers: %v", err)
	}
	all := map[string]container.InspectResponse{}
	for _, x := range list.Items {
		got, err := run.engine.client.ContainerInspect(t.Context(), x.ID, client.ContainerInspectOptions{})
		if err != nil {
			t.Fatalf("looking at container %s: %v", x.ID, err)
		}
		all[x.Labels["com.docker.compose.service"]] = got.Container
	}
	return all
}

// From a clone to messages in rooms in one step, and to nothing in another.
func TestComposeUpIsAllThatItTakes(t *testing.T) {
	if external() != nil {
		t.Skip("there is no Docker engine")
	}
	p := newProject(t)
	t.Cleanup(func() { p.compose(context.WithoutCancel(t.Context()), t, "down", "-v") })
	began := time.Now()
	p.compose(t.Context(), t, "up", "-d", "--build")
	var stats imsim.Stats
	poll(t, 2*time.Minute, "messages appear in rooms", func() (bool, string) {
		stats = p.sim.stats(t)
		return stats.Shown >= 200 && stats.Rooms >= 5, strconv.FormatInt(stats.Shown, 10) + " were shown"
	})
	t.Logf("%d messages in %d rooms after %.0f s", stats.Shown, stats.Rooms, time.Since(began).Seconds())
	if stats.ShownTwice > 0 || stats.Unflagged > 0 {
		t.Errorf("%d were shown twice, %d sent again unflagged", stats.ShownTwice, stats.Unflagged)
	}
	poll(t, time.Minute, "the workers and the simulator are healthy", func() (bool, string) {
		for _, service := range []string{"worker-1", "worker-2", "imsim"} {
			if h := p.boxes(t)[service].State.Health; h == nil || h.Status != container.Healthy {
				return false, service + " isn't"
			}
		}
		return true, ""
	})
	for service, box := range p.boxes(t) {
		confined(t, service, &box)
	}
	small(t)
	p.compose(t.Context(), t, "down", "-v")
	nothing(t, p)
}

// confined fails the test if one of our containers may do more than it needs, or any is published to others.
func confined(t *testing.T, service string, box *container.InspectResponse) {
	t.Helper()
	for port, bindings := range box.HostConfig.PortBindings {
		for _, b := range bindings {
			if !b.HostIP.IsLoopback() {
				t.Errorf("%s publishes %v on %v", service, port, b.HostIP)
			}
		}
	}
	if service == "kafka" || service == "topics" {
		return
	}
	if !box.HostConfig.ReadonlyRootfs || len(box.HostConfig.CapDrop) == 0 || box.Config.User == "" || strings.HasPrefix(box.Config.User, "0") {
		t.Errorf("%s runs as %q, root read-only: %t, capabilities dropped: %v", service, box.Config.User, box.HostConfig.ReadonlyRootfs, box.HostConfig.CapDrop)
	}
}

// small fails the test if the image isn't.
func small(t *testing.T) {
	t.Helper()
	image, err := run.engine.client.ImageInspect(t.Context(), "roomrelay:dev")
	if err != nil {
		t.Fatalf("looking at the image: %v", err)
	}
	const most = 40 << 20 // two programs of Go
	t.Logf("the image has %.1f MB", float64(image.Size)/1e6)
	if image.Size > most || image.Config.Healthcheck == nil {
		t.Errorf("the image has %d bytes, health check: %v", image.Size, image.Config.Healthcheck)
	}
}

// nothing fails the test if the project left anything but its image.
func nothing(t *testing.T, p *project) {
	t.Helper()
	if left := p.boxes(t); len(left) > 0 {
		t.Errorf("containers are left: %v", left)
	}
	ours := make(client.Filters).Add("label", labelProject+"="+p.name)
	networks, err := run.engine.client.NetworkList(t.Context(), client.NetworkListOptions{Filters: ours})
	if err != nil || len(networks.Items) > 0 {
		t.Errorf("networks are left: %v (%v)", networks.Items, err)
	}
	volumes, err := run.engine.client.VolumeList(t.Context(), client.VolumeListOptions{Filters: ours})
	if err != nil || len(volumes.Items) > 0 {
		t.Errorf("volumes are left: %v (%v)", volumes.Items, err)
	}
	if _, err := http.Get(p.sim.url); err == nil {
		t.Error("the simulator still answers")
	}
}
