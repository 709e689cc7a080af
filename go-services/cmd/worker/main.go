// Worker checks on a schedule whether the stored links still answer.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"example.com/polyglot/go-services/internal/checker"
	"example.com/polyglot/go-services/internal/health"
	"example.com/polyglot/go-services/internal/httpserve"
	"example.com/polyglot/go-services/internal/version"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := newCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
}

type config struct {
	server       string
	addr         string
	interval     time.Duration
	allowPrivate bool
}

func newCommand() *cobra.Command {
	var cfg config
	run := &cobra.Command{
		Use:   "run",
		Short: "Check the links once per interval (the default)",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cfg.run(cmd.Context()) },
	}
	once := &cobra.Command{
		Use:   "once",
		Short: "Check the links once",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := cfg.newChecker()
			if err != nil {
				return err
			}
			sum, err := c.Round(cmd.Context())
			fmt.Fprintf(cmd.OutOrStdout(), "%d up, %d down\n", sum.Up, sum.Down)
			return err
		},
	}
	healthcheck := &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask the worker at the address for its health, and exit 0 or 1",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return health.Probe(cmd.Context(), cfg.addr) },
	}

	// Cobra's own --version can be worded only by a template, and to link
	// text/template adds 2 MB to the binary.
	var printVersion bool
	root := &cobra.Command{
		Use:   "worker",
		Short: "Check whether the stored links still answer",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if printVersion {
				fmt.Fprintln(cmd.OutOrStdout(), "worker", version.String())
				return nil
			}
			return run.RunE(cmd, args)
		},
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.Flags().BoolVar(&printVersion, "version", false, "print the version and exit")
	flags := root.PersistentFlags()
	flags.StringVar(&cfg.server, "server", cmp.Or(os.Getenv("SERVER_URL"), "http://localhost:8080"), "`url` of the server (SERVER_URL)")
	flags.StringVar(&cfg.addr, "addr", cmp.Or(os.Getenv("LISTEN_ADDR"), ":8081"), "`address` to answer health checks on (LISTEN_ADDR)")
	flags.DurationVar(&cfg.interval, "interval", 5*time.Minute, "time from one round of checks to the next")
	flags.BoolVar(&cfg.allowPrivate, "allow-private", false, "check links to private addresses, too")
	root.AddCommand(run, once, healthcheck)
	return root
}

func (cfg config) newChecker() (*checker.Checker, error) {
	server, err := url.Parse(cfg.server)
	if err != nil {
		return nil, err
	}
	if server.Host == "" {
		return nil, fmt.Errorf("server %q is not an absolute url", cfg.server)
	}
	if cfg.interval < time.Second {
		return nil, errors.New("the interval must be at least 1s")
	}
	web := checker.PublicTransport()
	if cfg.allowPrivate {
		web = http.DefaultTransport
	}
	return checker.New(server, cfg.interval, web, slog.New(slog.NewJSONHandler(os.Stderr, nil))), nil
}

// run checks links and answers health checks until ctx is done.
func (cfg config) run(ctx context.Context) error {
	c, err := cfg.newChecker()
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", cfg.addr)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("GET "+health.Path, health.Handler(c.Health))

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	served := make(chan error, 1)
	go func() {
		defer cancel() // without health checks there is no point in going on
		served <- httpserve.Serve(ctx, ln, mux)
	}()
	c.Run(ctx, wakeups())
	return <-served
}
