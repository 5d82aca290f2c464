package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"roomrelay/internal/config"
)

const healthLong = `Asks a worker on this machine, at its admin-addr, whether it is ready (with --live: whether it is alive), and ends with 0 if it is, else with 1 and the reason. It is made for containers, in which there is no other program to ask with; it takes the worker's own settings.`

// healthWait is shorter than the usual time-outs of whoever asks for a container's health.
const healthWait = 3 * time.Second

func (p *program) healthCommand() *cobra.Command {
	var live bool
	var url string
	c := p.command("health", "Ask a worker whether it is ready", healthLong, config.Worker,
		func(ctx context.Context, f *config.Flags) error {
			// The mistakes in other settings are for the worker to tell.
			s, _ := config.Load(f, p.environ)
			if url == "" && s.AdminAddr == "" {
				return errors.New("admin-addr is off: nobody can ask this worker")
			}
			path := "/readyz"
			if live {
				path = "/livez"
			}
			return p.health(ctx, cmp.Or(url, "http://"+reachable(s.AdminAddr)+path))
		})
	c.Flags().BoolVar(&live, "live", false, "ask whether it is alive, ready or not")
	c.Flags().StringVar(&url, "url", "", "ask this `URL` instead: any answer with status 200 is a good one")
	return c
}

// reachable is an address to which a listener on addr can be asked from the same machine.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

func (p *program) health(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, healthWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return fmt.Errorf("asking for health: %w", err)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("asking for health: %w", err)
	}
	defer answer.Body.Close()
	const most = 4 << 10 // a reason is a line
	text, err := io.ReadAll(io.LimitReader(answer.Body, most))
	if err != nil {
		return fmt.Errorf("reading the answer of %s: %w", url, err)
	}
	said := strings.TrimSpace(string(text))
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", answer.Status, said)
	}
	fmt.Fprintln(p.out, said)
	return nil
}
