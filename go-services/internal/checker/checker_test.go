package checker

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/polyglot/go-services/internal/link"
)

// roundTrip stands in for the network.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// web answers a request for /404 with status 404, and so on.
var web = roundTrip(func(r *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	switch r.URL.Path {
	case "/200":
	case "/302":
		http.Redirect(rec, r, "/200", http.StatusFound)
	case "/404":
		http.NotFound(rec, r)
	default:
		return nil, errors.New("connection refused")
	}
	return rec.Result(), nil
})

func newChecker(t *testing.T, server string, interval time.Duration) *Checker {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	return New(u, interval, web, slog.New(slog.DiscardHandler))
}

func TestRound(t *testing.T) {
	var mu sync.Mutex
	got := map[string]link.Check{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /links", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode([]link.Link{
			{Code: "up", URL: "https://go.dev/200", Check: &link.Check{CheckedAt: time.Now()}},
			{Code: "moved", URL: "https://go.dev/302"},
			{Code: "gone", URL: "https://go.dev/404"},
			{Code: "dead", URL: "https://go.dev/dead"},
		})
	})
	mux.HandleFunc("PUT /links/{code}/check", func(w http.ResponseWriter, r *http.Request) {
		var c link.Check
		if err := json.NewDecoder(r.Body).Decode(&c); err != nil || c.Validate() != nil {
			t.Errorf("report on %s: %+v, %v, %v", r.PathValue("code"), c, err, c.Validate())
		}
		c.CheckedAt = time.Time{}
		mu.Lock()
		defer mu.Unlock()
		got[r.PathValue("code")] = c
		w.WriteHeader(http.StatusNoContent)
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()

	sum, err := newChecker(t, srv.URL, time.Minute).Round(t.Context())
	if want := (Summary{Up: 2, Down: 2}); err != nil || sum != want {
		t.Errorf("Round() = %+v, %v; want %+v", sum, err, want)
	}
	want := map[string]link.Check{
		"up":    {OK: true, Status: 200},
		"moved": {OK: true, Status: 200},
		"gone":  {Status: 404},
		"dead":  {},
	}
	if !maps.Equal(got, want) {
		t.Errorf("reports = %+v, want %+v", got, want)
	}
}

func TestRoundReportsServerError(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	_, err := newChecker(t, srv.URL, time.Minute).Round(t.Context())
	if err == nil || !strings.Contains(err.Error(), "list links: 404 Not Found") {
		t.Errorf("Round() error = %v", err)
	}
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // on a fake clock
		ctx, cancel := context.WithCancel(t.Context())
		var rounds atomic.Int64
		c := newChecker(t, "http://server", time.Minute)
		c.api.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			if rounds.Add(1) == 5 { // hangs, against all that the transport promises
				<-ctx.Done()
			}
			return nil, errors.New("connection refused")
		})
		expect := func(want int64, healthy bool) {
			t.Helper()
			synctest.Wait()
			if n, err := rounds.Load(), c.Health(ctx); n != want || (err == nil) != healthy {
				t.Fatalf("%d rounds, health %v; want %d, healthy = %t", n, err, want, healthy)
			}
		}

		expect(0, false)
		wake := make(chan os.Signal)
		done := make(chan struct{})
		go func() { c.Run(ctx, wake); close(done) }()
		expect(1, true)
		time.Sleep(2 * time.Minute)
		expect(3, true)
		wake <- os.Interrupt
		expect(4, true)
		time.Sleep(time.Minute)
		expect(5, true)
		time.Sleep(4 * time.Minute)
		expect(5, false)
		cancel()
		<-done
	})
}

func TestPublicOnly(t *testing.T) {
	for address, want := range map[string]bool{
		"8.8.8.8:443":               true,
		"[2001:4860:4860::8888]:53": true,
		"127.0.0.1:80":              false,
		"10.1.2.3:80":               false,
		"192.168.0.1:80":            false,
		"169.254.169.254:80":        false, // cloud metadata
		"0.0.0.0:80":                false,
		"[::1]:80":                  false,
		"[fd00::1]:80":              false,
		"[fe80::1%eth0]:80":         false,
		"[::ffff:127.0.0.1]:80":     false,
		"100.63.255.255:80":         true,
		"100.100.100.200:80":        false, // cloud metadata, too
		"[64:ff9b::808:808]:80":     true,  // 8.8.8.8 by NAT64
		"[64:ff9b::a9fe:a9fe]:80":   false, // 169.254.169.254 by NAT64
		"not an address":            false,
	} {
		if err := publicOnly("tcp", address, nil); (err == nil) != want {
			t.Errorf("publicOnly(%q) = %v, want allowed = %t", address, err, want)
		}
	}
}
