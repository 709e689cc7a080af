//go:build !unix

package main

import "os"

// wakeups returns a channel that never receives: there is no SIGUSR1 here.
func wakeups() <-chan os.Signal { return nil }
