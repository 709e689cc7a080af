package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"example.com/polyglot/go-services/internal/health"
	"example.com/polyglot/go-services/internal/link"
	"example.com/polyglot/go-services/internal/store"
)

//go:embed index.html
var indexHTML []byte

const maxBody = 8 << 10

type api struct {
	store *store.Store
	log   *slog.Logger
}

// newHandler returns the whole HTTP surface of the server.
func newHandler(st *store.Store, log *slog.Logger) http.Handler {
	a := &api{st, log}

	latency := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "linkshort_http_request_duration_seconds",
		Help: "Time to answer a request.",
	}, []string{"route", "method", "code"})
	links := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "linkshort_links",
		Help: "Number of stored links.",
	}, a.countLinks)
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(latency, links, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	mux := http.NewServeMux()
	handle := func(pattern string, h http.Handler) {
		route := prometheus.Labels{"route": pattern}
		mux.Handle(pattern, promhttp.InstrumentHandlerDuration(latency.MustCurryWith(route), h))
	}
	handle("GET /{$}", http.HandlerFunc(index))
	handle("POST /links", a.answer(a.create))
	handle("GET /links", a.answer(a.list))
	handle("GET /links/{code}", a.answer(a.get))
	handle("PUT /links/{code}/check", a.answer(a.putCheck))
	handle("GET /{code}", a.answer(a.redirect))
	mux.Handle("GET "+health.Path, health.Handler(a.health))
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	return mux
}

func index(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(indexHTML)
}

func (a *api) create(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		URL string `json:"url"`
	}
	if err := readJSON(w, r, &body); err != nil {
		return err
	}
	for {
		l, err := link.New(body.URL)
		if err != nil {
			return err
		}
		if err := a.store.Add(l); errors.Is(err, store.ErrExists) {
			continue // one code in 2^40 is taken: draw again
		} else if err != nil {
			return err
		}
		w.Header().Set("Location", "/links/"+l.Code)
		writeJSON(w, http.StatusCreated, l)
		return nil
	}
}

func (a *api) list(w http.ResponseWriter, _ *http.Request) error {
	links, err := a.store.List()
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, links)
	return nil
}

func (a *api) get(w http.ResponseWriter, r *http.Request) error {
	l, err := a.lookup(r)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, l)
	return nil
}

func (a *api) redirect(w http.ResponseWriter, r *http.Request) error {
	l, err := a.lookup(r)
	if err != nil {
		return err
	}
	http.Redirect(w, r, l.URL, http.StatusFound)
	return nil
}

// putCheck is for the worker. Like the rest of the API it asks for no
// credentials: who may reach it is up to the network.
func (a *api) putCheck(w http.ResponseWriter, r *http.Request) error {
	var c link.Check
	if err := readJSON(w, r, &c); err != nil {
		return err
	}
	if err := c.Validate(); err != nil {
		return err
	}
	if err := a.store.SetCheck(r.PathValue("code"), c); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *api) lookup(r *http.Request) (link.Link, error) {
	code := r.PathValue("code")
	if !link.ValidCode(code) { // favicon.ico and the like
		return link.Link{}, store.ErrNotFound
	}
	return a.store.Get(code)
}

func (a *api) countLinks() float64 {
	n, err := a.store.Len()
	if err != nil {
		a.log.Error("count links", "err", err)
	}
	return float64(n)
}

func (a *api) health(context.Context) error { return a.store.Ping() }

// answer makes an [http.Handler] of h, which either answers the request or
// returns an error and leaves the answer to us.
func (a *api) answer(h func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r)
		if err == nil {
			return
		}
		status, message := http.StatusInternalServerError, "internal error"
		switch {
		case errors.Is(err, link.ErrInvalid):
			status, message = http.StatusBadRequest, err.Error()
		case errors.Is(err, store.ErrNotFound):
			status, message = http.StatusNotFound, err.Error()
		default:
			a.log.ErrorContext(r.Context(), "request failed", "method", r.Method, "route", r.Pattern, "err", err)
		}
		writeJSON(w, status, map[string]string{"error": message})
	})
}

func readJSON(w http.ResponseWriter, r *http.Request, v any) error {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("%w json: %w", link.ErrInvalid, err)
	}
	return nil
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) // fails only if the client has gone
}
