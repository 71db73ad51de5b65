package limits

import (
	"errors"
	"math"
	"strconv"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/prometheus/client_golang/prometheus"
)

func init() {
	caddy.RegisterModule(Handler{})
	caddy.RegisterModule(Listener{})
	httpcaddyfile.RegisterHandlerDirective("limits", parseHandler)
	httpcaddyfile.RegisterDirectiveOrder("limits", httpcaddyfile.Before, "request_body")
}

var tables sync.Map

// sharedTable returns the zone's table. A zone has one table in the whole process.
func sharedTable(zone string) *table {
	found, _ := tables.LoadOrStore(zone, newTable())
	return found.(*table)
}

// counter counts a zone's rejected requests and connections.
type counter struct{ refused *prometheus.CounterVec }

func newCounter(ctx caddy.Context, zone string) counter {
	refused := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "edge_refused_total",
		Help: "Requests answered with 429, and connections closed at once, by zone and reason.",
	}, []string{"zone", "reason"})
	var known prometheus.AlreadyRegisteredError
	if err := ctx.GetMetricsRegistry().Register(refused); errors.As(err, &known) {
		refused = known.ExistingCollector.(*prometheus.CounterVec)
	}
	return counter{refused.MustCurryWith(prometheus.Labels{"zone": zone})}
}

func (c counter) add(reason string) { c.refused.WithLabelValues(reason).Inc() }

func parseHandler(helper httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	handler := new(Handler)
	return handler, handler.UnmarshalCaddyfile(helper.Dispenser)
}

// UnmarshalCaddyfile reads
//
//	limits <zone> {
//		address_rate <a second> <burst>
//		total_rate <a second> <burst>
//		requests <of an address> <in total>
//		failed_logins
//		logged_in
//		exempt <networks...>
//	}
//
// where 0 means no limit.
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if !d.AllArgs(&h.Zone) {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		switch name := d.Val(); name {
		case "failed_logins":
			h.FailedLogins = true
		case "logged_in":
			h.LoggedIn = true
		case "exempt":
			h.Exempt = d.RemainingArgs()
		case "address_rate", "total_rate", "requests":
			first, second, err := twoNumbers(d)
			if err != nil {
				return err
			}
			switch name {
			case "address_rate":
				h.AddressRate, h.AddressBurst = first, second
			case "total_rate":
				h.TotalRate, h.TotalBurst = first, second
			default:
				h.AddressRequests, h.TotalRequests = int32(first), int32(second)
			}
		default:
			return d.Errf("limits: unknown option %q", name)
		}
	}
	return nil
}

// UnmarshalCaddyfile reads the most connections per address and in total, then networks without these limits.
func (l *Listener) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	each, all, err := twoNumbers(d)
	l.PerAddress, l.Total = int32(each), int32(all)
	l.Exempt = d.RemainingArgs()
	return err
}

func twoNumbers(d *caddyfile.Dispenser) (float64, float64, error) {
	var texts [2]string
	if !d.Args(&texts[0], &texts[1]) {
		return 0, 0, d.ArgErr()
	}
	var numbers [2]float64
	for index, text := range texts {
		number, err := strconv.ParseFloat(text, 64)
		if err != nil || !(number >= 0 && number <= math.MaxInt32) {
			return 0, 0, d.Errf("limits: %q is not a number from 0 to %d", text, math.MaxInt32)
		}
		numbers[index] = number
	}
	return numbers[0], numbers[1], nil
}

var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
	_ caddyfile.Unmarshaler       = (*Handler)(nil)
	_ caddy.Provisioner           = (*Listener)(nil)
	_ caddy.ListenerWrapper       = (*Listener)(nil)
	_ caddyfile.Unmarshaler       = (*Listener)(nil)
)
