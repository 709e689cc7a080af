// Server is the link shortener's HTTP API.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"example.com/polyglot/go-services/internal/health"
	"example.com/polyglot/go-services/internal/httpserve"
	"example.com/polyglot/go-services/internal/store"
	"example.com/polyglot/go-services/internal/version"
)

func main() {
	addr := flag.String("addr", cmp.Or(os.Getenv("LISTEN_ADDR"), ":8080"), "`address` to listen on (LISTEN_ADDR)")
	data := flag.String("data", cmp.Or(os.Getenv("DATA_DIR"), "/data"), "`directory` to keep the links in (DATA_DIR)")
	probe := flag.Bool("healthcheck", false, "ask the server at the address for its health, and exit 0 or 1")
	printVersion := flag.Bool("version", false, "print the version and exit")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	var err error
	switch {
	case flag.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flag.Arg(0))
	case *printVersion:
		fmt.Println("server", version.String())
	case *probe:
		err = health.Probe(ctx, *addr)
	default:
		err = run(ctx, *addr, *data)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

// run serves the links in the data directory until ctx is done.
func run(ctx context.Context, addr, data string) (err error) {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))

	st, err := store.Open(data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()

	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	log.Info("listening", "addr", ln.Addr().String(), "data", data, "version", version.String())
	err = httpserve.Serve(ctx, ln, newHandler(st, log))
	log.Info("stopped")
	return err
}
