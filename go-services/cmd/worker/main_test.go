package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/polyglot/go-services/internal/health"
	"example.com/polyglot/go-services/internal/version"
)

func TestCommand(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+health.Path, func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /links", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `[{"code":"abcd2345","url":"http://`+r.Host+`/healthz"}]`)
	})
	mux.HandleFunc("PUT /links/abcd2345/check", func(http.ResponseWriter, *http.Request) {})
	srv := httptest.NewServer(mux)
	defer srv.Close()
	t.Setenv("SERVER_URL", srv.URL)
	t.Setenv("LISTEN_ADDR", srv.Listener.Addr().String())

	tests := []struct {
		args     string
		out, err string // a part of it; no error if empty
	}{
		{args: "--version", out: "worker " + version.String() + "\n"},
		{args: "healthcheck"},
		{args: "healthcheck --addr 127.0.0.1:1", err: "unhealthy"},
		{args: "once", out: "0 up, 1 down"}, // the link is to a loopback address
		{args: "once --allow-private", out: "1 up, 0 down"},
		{args: "once --server localhost", err: "not an absolute url"},
		{args: "once --interval 0s", err: "at least 1s"},
		{args: "run", err: "address already in use"},
		{args: "", err: "address already in use"},
		{args: "sleep", err: "unknown command"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			var out bytes.Buffer
			cmd := newCommand()
			cmd.SetArgs(strings.Fields(tt.args))
			cmd.SetOut(&out)
			err := cmd.ExecuteContext(t.Context())
			if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error = %v, want %q", err, tt.err)
			}
			if !strings.Contains(out.String(), tt.out) {
				t.Errorf("output = %q, want %q", &out, tt.out)
			}
		})
	}
}
