package link

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestNew(t *testing.T) {
	tests := []struct {
		name, url string
		ok        bool
	}{
		{"https", "https://go.dev/doc", true},
		{"port and query", "http://localhost:8080/?q=1#top", true},
		{"upper-case scheme", "HTTPS://go.dev", true},
		{"empty", "", false},
		{"relative", "/doc", false},
		{"script", "javascript:alert(1)", false},
		{"no host", "https:///doc", false},
		{"only a port", "http://:80/", false},
		{"credentials", "https://user:pass@go.dev", false},
		{"control character", "https://go.dev/\n", false},
		{"too long", "https://go.dev/" + strings.Repeat("a", maxURLLen), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, err := New(tt.url)
			if !tt.ok {
				if !errors.Is(err, ErrInvalid) {
					t.Fatalf("New(%q) error = %v, want ErrInvalid", tt.url, err)
				}
				return
			}
			if err != nil {
				t.Fatalf("New(%q): %v", tt.url, err)
			}
			if l.URL != tt.url || !ValidCode(l.Code) || l.CreatedAt.IsZero() || l.Check != nil {
				t.Errorf("New(%q) = %+v", tt.url, l)
			}
		})
	}
}

func TestValidCode(t *testing.T) {
	for code, want := range map[string]bool{
		"abcd2345":  true,
		"":          false,
		"healthz":   false,
		"abcd23456": false,
		"ABCD2345":  false,
		"abc/2345":  false,
		"abcd2341":  false,
	} {
		if got := ValidCode(code); got != want {
			t.Errorf("ValidCode(%q) = %t, want %t", code, got, want)
		}
	}
}

func TestCheckValidate(t *testing.T) {
	now := time.Now()
	tests := []struct {
		name  string
		check Check
		ok    bool
	}{
		{"up", Check{OK: true, Status: 200, CheckedAt: now}, true},
		{"down", Check{Status: 503, CheckedAt: now}, true},
		{"no response", Check{CheckedAt: now}, true},
		{"ok without status", Check{OK: true, CheckedAt: now}, false},
		{"bad status", Check{Status: 42, CheckedAt: now}, false},
		{"no time", Check{OK: true, Status: 200}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.check.Validate()
			if tt.ok && err != nil || !tt.ok && !errors.Is(err, ErrInvalid) {
				t.Errorf("Validate() = %v, want ok = %t", err, tt.ok)
			}
		})
	}
}
