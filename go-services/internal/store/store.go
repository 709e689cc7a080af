// Package store keeps links in a bbolt database file.
package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"

	"example.com/polyglot/go-services/internal/link"
)

var (
	// ErrNotFound is returned for a code that has no link.
	ErrNotFound = errors.New("link not found")
	// ErrExists is returned when a code is already taken.
	ErrExists = errors.New("code already exists")
)

var bucket = []byte("links")

// Store is a set of links by code. It is safe for concurrent use.
type Store struct {
	db *bbolt.DB
}

// Open opens the store in dir, and creates both if need be. Only one process
// at a time can have a store open.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, openError(dir, err)
	}
	db, err := bbolt.Open(filepath.Join(dir, "links.db"), 0o600, &bbolt.Options{Timeout: 2 * time.Second})
	if err != nil {
		return nil, openError(dir, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(bucket)
		return err
	})
	if err != nil {
		return nil, openError(dir, errors.Join(err, db.Close()))
	}
	return &Store{db}, nil
}

// openError says what the operator can do about err.
func openError(dir string, err error) error {
	if errors.Is(err, bbolt.ErrTimeout) {
		return fmt.Errorf("data directory %q is in use by another process", dir)
	}
	return fmt.Errorf("data directory %q must be writable by uid %d (mount a volume or tmpfs there): %w", dir, os.Getuid(), err)
}

// Close waits for open transactions and closes the database file.
func (s *Store) Close() error { return s.db.Close() }

// Ping reports whether the store can be read.
func (s *Store) Ping() error {
	return s.db.View(func(*bbolt.Tx) error { return nil })
}

// Add stores a new link, or returns [ErrExists].
func (s *Store) Add(l link.Link) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		if tx.Bucket(bucket).Get([]byte(l.Code)) != nil {
			return ErrExists
		}
		return put(tx, l)
	})
}

// Get returns the link with the given code, or [ErrNotFound].
func (s *Store) Get(code string) (l link.Link, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		l, err = get(tx, code)
		return err
	})
	return l, err
}

// List returns all links in the order of their codes.
func (s *Store) List() ([]link.Link, error) {
	links := []link.Link{} // not nil: an empty list is [] in JSON
	err := s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucket).ForEach(func(_, v []byte) error {
			var l link.Link
			if err := json.Unmarshal(v, &l); err != nil {
				return err
			}
			links = append(links, l)
			return nil
		})
	})
	return links, err
}

// SetCheck records the latest check of the link with the given code, or
// returns [ErrNotFound].
func (s *Store) SetCheck(code string, c link.Check) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		l, err := get(tx, code)
		if err != nil {
			return err
		}
		l.Check = &c
		return put(tx, l)
	})
}

// Len returns the number of links.
func (s *Store) Len() (n int, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		n = tx.Bucket(bucket).Stats().KeyN
		return nil
	})
	return n, err
}

func get(tx *bbolt.Tx, code string) (l link.Link, err error) {
	v := tx.Bucket(bucket).Get([]byte(code))
	if v == nil {
		return l, ErrNotFound
	}
	err = json.Unmarshal(v, &l)
	return l, err
}

func put(tx *bbolt.Tx, l link.Link) error {
	v, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return tx.Bucket(bucket).Put([]byte(l.Code), v)
}
