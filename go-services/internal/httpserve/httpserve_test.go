package httpserve

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// A request that is open when the context ends is still answered in full.
func TestServeFinishesOpenRequests(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ln := listen(t)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cancel()
		for { // until the listener is closed, that is, until shutdown has begun
			conn, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				break
			}
			conn.Close()
		}
		io.WriteString(w, "done")
	})
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, ln, h) }()

	resp, err := http.Get("http://" + ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "done" {
		t.Errorf("body = %q, %v", body, err)
	}
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestServeReportsFailure(t *testing.T) {
	ln := listen(t)
	ln.Close()
	if err := Serve(t.Context(), ln, http.NotFoundHandler()); err == nil {
		t.Error("Serve on a closed listener returned nil")
	}
}
