// Package checker requests the URLs of the stored links and reports to the
// server which of them still answer.
package checker

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/polyglot/go-services/internal/link"
)

const (
	parallel       = 8
	requestTimeout = 10 * time.Second
)

// Checker checks all links once per interval.
type Checker struct {
	server   *url.URL
	interval time.Duration
	log      *slog.Logger
	api      http.Client // talks to the server
	web      http.Client // talks to whatever the links point to
	beat     atomic.Pointer[time.Time]
}

// Summary counts the links of one round.
type Summary struct {
	Up, Down int64
}

// New returns a Checker of the links on server. It requests the links through
// web, which is not used for the server.
func New(server *url.URL, interval time.Duration, web http.RoundTripper, log *slog.Logger) *Checker {
	return &Checker{
		server:   server,
		interval: interval,
		log:      log,
		api:      http.Client{Timeout: requestTimeout},
		web:      http.Client{Timeout: requestTimeout, Transport: web},
	}
}

// Run makes a round at once, then one per interval and one per value received
// from wake, until ctx is done. A nil wake is fine.
func (c *Checker) Run(ctx context.Context, wake <-chan os.Signal) {
	tick := time.NewTicker(c.interval)
	defer tick.Stop()
	for c.mark(); ; c.mark() {
		switch s, err := c.Round(ctx); {
		case ctx.Err() != nil:
			return
		case err != nil:
			c.log.ErrorContext(ctx, "round failed", "err", err)
		default:
			c.log.InfoContext(ctx, "round done", "up", s.Up, "down", s.Down)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-wake:
		}
	}
}

func (c *Checker) mark() {
	now := time.Now()
	c.beat.Store(&now)
}

// Health reports whether Run is making rounds. Rounds that fail count too: to
// restart the worker would not bring back the server.
func (c *Checker) Health(context.Context) error {
	beat := c.beat.Load()
	if beat == nil {
		return fmt.Errorf("not started")
	}
	if age := time.Since(*beat); age > 3*c.interval {
		return fmt.Errorf("last round began %s ago", age.Round(time.Second))
	}
	return nil
}

// Round checks all links, those first that have waited longest. It takes no
// longer than the interval, and leaves the rest to the next round.
func (c *Checker) Round(ctx context.Context) (Summary, error) {
	ctx, cancel := context.WithTimeout(ctx, c.interval)
	defer cancel()

	links, err := c.list(ctx)
	if err != nil {
		return Summary{}, fmt.Errorf("list links: %w", err)
	}
	slices.SortFunc(links, func(a, b link.Link) int {
		return lastChecked(a).Compare(lastChecked(b))
	})

	var up, down atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, l := range links {
		g.Go(func() error {
			check := c.check(ctx, l.URL)
			if err := ctx.Err(); err != nil {
				return err // we broke off: that says nothing about the link
			}
			if err := c.report(ctx, l.Code, check); err != nil {
				return fmt.Errorf("report on %s: %w", l.Code, err)
			}
			if check.OK {
				up.Add(1)
			} else {
				down.Add(1)
			}
			return nil
		})
	}
	err = g.Wait()
	return Summary{up.Load(), down.Load()}, err
}

func lastChecked(l link.Link) time.Time {
	if l.Check == nil {
		return time.Time{}
	}
	return l.Check.CheckedAt
}

// check requests rawURL and follows redirects. No answer is an outcome, not
// an error.
func (c *Checker) check(ctx context.Context, rawURL string) link.Check {
	outcome := link.Check{CheckedAt: time.Now().UTC()}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, rawURL, nil)
	if err != nil {
		return outcome
	}
	req.Header.Set("User-Agent", "linkshort-worker")
	resp, err := c.web.Do(req)
	if err != nil {
		c.log.DebugContext(ctx, "no answer", "url", rawURL, "err", err)
		return outcome
	}
	resp.Body.Close()
	outcome.Status = resp.StatusCode
	outcome.OK = resp.StatusCode < 400
	return outcome
}

func (c *Checker) list(ctx context.Context) (links []link.Link, err error) {
	err = c.call(ctx, http.MethodGet, nil, &links, "links")
	return links, err
}

func (c *Checker) report(ctx context.Context, code string, check link.Check) error {
	body, err := json.Marshal(check)
	if err != nil {
		return err
	}
	return c.call(ctx, http.MethodPut, body, nil, "links", code, "check")
}

// call makes a request to the server's API. If answer is not nil it gets the
// decoded response.
func (c *Checker) call(ctx context.Context, method string, body []byte, answer any, path ...string) error {
	req, err := http.NewRequestWithContext(ctx, method, c.server.JoinPath(path...).String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.api.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		reason, _ := io.ReadAll(io.LimitReader(resp.Body, 512)) // the status says enough
		return fmt.Errorf("%s: %s", resp.Status, bytes.TrimSpace(reason))
	}
	if answer == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(answer)
}
