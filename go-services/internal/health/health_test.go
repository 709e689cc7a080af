package health

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestProbe(t *testing.T) {
	var state error
	mux := http.NewServeMux()
	mux.Handle("GET "+Path, Handler(func(context.Context) error { return state }))
	srv := httptest.NewServer(mux)
	defer srv.Close()
	_, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}

	for _, host := range []string{"127.0.0.1", "0.0.0.0", ""} {
		addr := net.JoinHostPort(host, port)
		if err := Probe(t.Context(), addr); err != nil {
			t.Errorf("Probe(%q): %v", addr, err)
		}
	}

	state = errors.New("store is closed")
	if err := Probe(t.Context(), ":"+port); err == nil || !strings.Contains(err.Error(), "503 Service Unavailable: store is closed") {
		t.Errorf("Probe of an unhealthy service = %v", err)
	}

	srv.Close()
	if err := Probe(t.Context(), ":"+port); err == nil {
		t.Error("Probe of a closed port succeeded")
	}
}
