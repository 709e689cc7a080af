// Package version tells which build of the program is running.
package version

import "runtime/debug"

// version is set at link time:
//
//	-ldflags "-X example.com/polyglot/go-services/internal/version.version=v1.2.3"
var version string

// String returns the version given at link time, or else the main module's
// version as the go command recorded it, or else "devel".
func String() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		if v := info.Main.Version; v != "" && v != "(devel)" {
			return v
		}
	}
	return "devel"
}
