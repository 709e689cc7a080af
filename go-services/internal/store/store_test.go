package store

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"example.com/polyglot/go-services/internal/link"
)

func TestStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	l, err := link.New("https://go.dev")
	if err != nil {
		t.Fatal(err)
	}

	if links, err := s.List(); err != nil || links == nil || len(links) != 0 {
		t.Errorf("List() of a new store = %v, %v", links, err)
	}
	if _, err := s.Get(l.Code); !errors.Is(err, ErrNotFound) {
		t.Errorf("Get error = %v, want ErrNotFound", err)
	}
	if err := s.SetCheck(l.Code, link.Check{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("SetCheck error = %v, want ErrNotFound", err)
	}
	if err := s.Add(l); err != nil {
		t.Fatal(err)
	}
	if err := s.Add(l); !errors.Is(err, ErrExists) {
		t.Errorf("second Add error = %v, want ErrExists", err)
	}
	l.Check = &link.Check{OK: true, Status: 200, CheckedAt: time.Now().UTC().Truncate(time.Second)}
	if err := s.SetCheck(l.Code, *l.Check); err != nil {
		t.Fatal(err)
	}

	// All of it survives a restart.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(dir); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got, err := s.Get(l.Code)
	if err != nil || !reflect.DeepEqual(got, l) {
		t.Errorf("Get() = %+v, %v; want %+v", got, err, l)
	}
	if links, err := s.List(); err != nil || !reflect.DeepEqual(links, []link.Link{l}) {
		t.Errorf("List() = %+v, %v", links, err)
	}
	if n, err := s.Len(); err != nil || n != 1 {
		t.Errorf("Len() = %d, %v", n, err)
	}
}

func TestOpenErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file); err == nil || !strings.Contains(err.Error(), "must be writable by uid") {
		t.Errorf("Open(file) = %v, want a hint about the directory", err)
	}

	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("second Open = %v, want it to say the store is in use", err)
	}
}
