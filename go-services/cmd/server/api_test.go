package main

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/polyglot/go-services/internal/link"
	"example.com/polyglot/go-services/internal/store"
)

func newTestHandler(t *testing.T) (http.Handler, *store.Store) {
	t.Helper()
	st, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return newHandler(st, slog.New(slog.DiscardHandler)), st
}

func do(h http.Handler, method, path, body string) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(method, path, strings.NewReader(body)))
	return rec
}

func TestAPI(t *testing.T) {
	h, st := newTestHandler(t)
	rec := do(h, "POST", "/links", `{"url":"https://go.dev/doc"}`)
	var l link.Link
	if err := json.Unmarshal(rec.Body.Bytes(), &l); err != nil {
		t.Fatal(err)
	}
	if rec.Code != http.StatusCreated || rec.Header().Get("Location") != "/links/"+l.Code || l.URL != "https://go.dev/doc" {
		t.Fatalf("POST /links = %d %v %s", rec.Code, rec.Header(), rec.Body)
	}
	check := "/links/" + l.Code + "/check"

	tests := []struct {
		method, path, body string
		status             int
		want               string // a part of the body
	}{
		{"GET", "/", "", 200, "<title>linkshort"},
		{"GET", "/healthz", "", 200, "ok"},
		{"GET", "/links", "", 200, `[{"code":"` + l.Code},
		{"GET", "/links/" + l.Code, "", 200, `"url":"https://go.dev/doc"`},
		{"GET", "/links/abcd2345", "", 404, `"error":"link not found"`},
		{"GET", "/" + l.Code, "", 302, "https://go.dev/doc"},
		{"HEAD", "/" + l.Code, "", 302, ""},
		{"GET", "/abcd2345", "", 404, "link not found"},
		{"GET", "/favicon.ico", "", 404, "link not found"},
		{"POST", "/links", `{"url":"ftp://go.dev"}`, 400, "scheme must be http or https"},
		{"POST", "/links", `{"uri":"https://go.dev"}`, 400, "unknown field"},
		{"POST", "/links", `{"url":"` + strings.Repeat("a", maxBody) + `"}`, 400, "too large"},
		{"POST", "/links", ``, 400, "invalid json"},
		{"DELETE", "/links", "", 405, ""},
		{"PUT", check, `{"ok":true,"status":200}`, 400, "checked_at is missing"},
		{"PUT", "/links/abcd2345/check", `{"ok":false,"checked_at":"2026-01-02T03:04:05Z"}`, 404, "link not found"},
		{"PUT", check, `{"ok":true,"status":200,"checked_at":"2026-01-02T03:04:05Z"}`, 204, ""},
		{"GET", "/links/" + l.Code, "", 200, `"check":{"ok":true,"status":200,"checked_at":"2026-01-02T03:04:05Z"}`},
		{"GET", "/metrics", "", 200, "linkshort_links 1\n"},
		{"GET", "/metrics", "", 200, `_count{code="302",method="get",route="GET /{code}"} 1`},
	}
	for _, tt := range tests {
		rec := do(h, tt.method, tt.path, tt.body)
		if rec.Code != tt.status || !strings.Contains(rec.Body.String(), tt.want) {
			t.Errorf("%s %s = %d %q, want %d with %q", tt.method, tt.path, rec.Code, rec.Body, tt.status, tt.want)
		}
	}

	st.Close()
	for path, want := range map[string]int{"/healthz": 503, "/links": 500} {
		if rec := do(h, "GET", path, ""); rec.Code != want {
			t.Errorf("GET %s of a closed store = %d, want %d", path, rec.Code, want)
		}
	}
}
