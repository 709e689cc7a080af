// Package link holds the types the server and the worker exchange, and the
// rules for what is valid in them.
package link

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

const (
	codeLen   = 8
	codeChars = "abcdefghijklmnopqrstuvwxyz234567" // base32, as rand.Text has it
	maxURLLen = 2048
)

// ErrInvalid is wrapped by every validation error.
var ErrInvalid = errors.New("invalid")

// Link is a shortened URL.
type Link struct {
	Code      string    `json:"code"`
	URL       string    `json:"url"`
	CreatedAt time.Time `json:"created_at"`
	Check     *Check    `json:"check,omitempty"` // nil until first checked
}

// Check is the outcome of requesting a link's URL.
type Check struct {
	OK        bool      `json:"ok"`
	Status    int       `json:"status,omitempty"` // 0 if there was no response
	CheckedAt time.Time `json:"checked_at"`
}

// New returns a Link to rawURL with a fresh random code.
func New(rawURL string) (Link, error) {
	if err := validateURL(rawURL); err != nil {
		return Link{}, err
	}
	code := strings.ToLower(rand.Text()[:codeLen])
	return Link{Code: code, URL: rawURL, CreatedAt: time.Now().UTC()}, nil
}

// ValidCode reports whether code has the form of a code made by [New].
func ValidCode(code string) bool {
	return len(code) == codeLen && strings.Trim(code, codeChars) == ""
}

// Validate reports what is wrong with c, if anything.
func (c Check) Validate() error {
	switch {
	case c.Status != 0 && (c.Status < 100 || c.Status > 599):
		return fmt.Errorf("%w check: status %d is not an HTTP status", ErrInvalid, c.Status)
	case c.OK && c.Status == 0:
		return fmt.Errorf("%w check: ok without a status", ErrInvalid)
	case c.CheckedAt.IsZero():
		return fmt.Errorf("%w check: checked_at is missing", ErrInvalid)
	}
	return nil
}

func validateURL(raw string) error {
	if len(raw) > maxURLLen {
		return fmt.Errorf("%w url: longer than %d bytes", ErrInvalid, maxURLLen)
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return fmt.Errorf("%w url: %w", ErrInvalid, err)
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%w url: scheme must be http or https", ErrInvalid)
	case u.Hostname() == "":
		return fmt.Errorf("%w url: no host", ErrInvalid)
	case u.User != nil:
		return fmt.Errorf("%w url: must not carry credentials", ErrInvalid)
	}
	return nil
}
