// Package limits bounds requests and connections, per address and in total.
//
// Caddy has no built-in limits. caddy-ratelimit stores a list of times for each address, so many addresses can exhaust
// the memory. It counts neither bodies nor connections, and has no metrics.
package limits

import (
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// bodyUnit is the number of body bytes that cost as much as a request.
const bodyUnit = 1024

// unknownLength is the provisional cost of a body without Content-Length, until it has arrived.
const unknownLength = 16

// loggedIn is the request variable with the function to call once its credentials are accepted.
const loggedIn = "limits.logged_in"

// Handler rejects requests over a limit with 429 and Retry-After. Handlers with the same Zone share their counts.
type Handler struct {
	Zone string `json:"zone"`
	// A request costs 1, and each KiB of its body costs 1.
	AddressRate  float64 `json:"address_rate,omitempty"`
	AddressBurst float64 `json:"address_burst,omitempty"`
	TotalRate    float64 `json:"total_rate,omitempty"`
	TotalBurst   float64 `json:"total_burst,omitempty"`
	// Concurrent requests.
	AddressRequests int32 `json:"address_requests,omitempty"`
	TotalRequests   int32 `json:"total_requests,omitempty"`
	// Only failed logins count towards the rates: requests with credentials that are answered with 401.
	FailedLogins bool `json:"failed_logins,omitempty"`
	// Placed after the password check: a request that gets here has logged in.
	LoggedIn bool `json:"logged_in,omitempty"`
	// Networks without limits per address.
	Exempt []string `json:"exempt,omitempty"`

	exempt  networks
	table   *table
	refused counter
}

// CaddyModule registers the handler.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.limits", New: func() caddy.Module { return new(Handler) }}
}

// Provision prepares the handler for requests.
func (h *Handler) Provision(ctx caddy.Context) (err error) {
	h.table = sharedTable(h.Zone)
	h.refused = newCounter(ctx, h.Zone)
	h.exempt, err = parseNetworks(h.Exempt)
	return err
}

// ServeHTTP passes the request on or rejects it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if h.LoggedIn {
		if giveBack, ok := caddyhttp.GetVar(r.Context(), loggedIn).(func()); ok {
			giveBack()
		}
		return next.ServeHTTP(w, r)
	}
	text, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	address := addressOf(text)
	who, exempt := h.table.source(address), h.exempt.contain(address)
	each, all := rate{h.AddressRate, h.AddressBurst}, rate{h.TotalRate, h.TotalBurst}
	if h.FailedLogins {
		return h.logIn(w, r, next, who, each)
	}
	if reason := h.table.enter(who, h.AddressRequests, h.TotalRequests, exempt); reason != "" {
		return h.refuse(w, r, reason+"_requests", time.Second)
	}
	defer h.table.leave(who)
	units := float64(r.ContentLength) / bodyUnit
	if r.ContentLength < 0 {
		units = unknownLength
	}
	if reason, wait := h.table.take(who, 1+units, each, all, exempt); reason != "" {
		return h.refuse(w, r, reason, wait)
	}
	if r.ContentLength < 0 {
		body := &countedBody{ReadCloser: r.Body}
		r.Body = body
		defer func() { h.table.giveBack(who, 1+units, 1+float64(body.bytes)/bodyUnit, each, all, exempt) }()
	}
	return next.ServeHTTP(w, r)
}

// logIn rejects credentials from an address that has sent too many wrong ones, before Caddy hashes them.
func (h *Handler) logIn(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, who source, each rate) error {
	if r.Header.Get("Authorization") == "" {
		return next.ServeHTTP(w, r)
	}
	// Count first, so that concurrent attempts do not all pass. Give the cost back if the login succeeds.
	if reason, wait := h.table.take(who, 1, each, rate{}, false); reason != "" {
		return h.refuse(w, r, "failed_logins", wait)
	}
	giveBack := sync.OnceFunc(func() { h.table.giveBack(who, 1, 0, each, rate{}, false) })
	// Called before the backend responds, since a console sends more than ten concurrent requests.
	caddyhttp.SetVar(r.Context(), loggedIn, giveBack)
	err := next.ServeHTTP(w, r)
	var failed caddyhttp.HandlerError
	if !errors.As(err, &failed) || failed.StatusCode != http.StatusUnauthorized {
		giveBack()
	}
	return err
}

func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, reason string, wait time.Duration) error {
	h.refused.add(reason)
	// Count rejected requests, but keep them out of the access log, which a flood would fill.
	caddyhttp.SetVar(r.Context(), caddyhttp.LogSkipVar, true)
	w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	return caddyhttp.Error(http.StatusTooManyRequests, nil)
}

type countedBody struct {
	io.ReadCloser
	bytes int64
}

func (b *countedBody) Read(into []byte) (int, error) {
	count, err := b.ReadCloser.Read(into)
	b.bytes += int64(count)
	return count, err
}
