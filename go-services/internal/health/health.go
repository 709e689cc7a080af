// Package health answers health checks and makes them. A program that probes
// itself needs neither a shell nor curl in its image.
package health

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Path is where both services answer health checks.
const Path = "/healthz"

const probeTimeout = 2 * time.Second

// Handler answers 200 as long as check returns nil, and 503 otherwise.
func Handler(check func(context.Context) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := check(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
}

// Probe asks the service that listens on addr for its health. As in
// [net.Dial], an address such as ":8080" means this machine.
func Probe(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()

	// Dialing addr ourselves accepts every listen address and bypasses proxies.
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, addr)
		},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+Path, nil)
	if err != nil {
		return err
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("unhealthy: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		reason, _ := io.ReadAll(io.LimitReader(resp.Body, 512)) // the status says enough
		return fmt.Errorf("unhealthy: %s: %s", resp.Status, bytes.TrimSpace(reason))
	}
	return nil
}
