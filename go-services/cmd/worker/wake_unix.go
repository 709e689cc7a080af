//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// wakeups returns a channel that receives whenever the operator asks for a
// round of checks at once, with SIGUSR1.
func wakeups() <-chan os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1)
	return c
}
