package limits

import (
	"net"
	"sync"

	"github.com/caddyserver/caddy/v2"
)

// Listener closes connections over a limit, per address and in total.
type Listener struct {
	PerAddress int32 `json:"per_address,omitempty"`
	Total      int32 `json:"total,omitempty"`
	// Networks of proxies, whose connections carry many visitors' requests.
	Exempt []string `json:"exempt,omitempty"`

	exempt  networks
	table   *table
	refused counter
}

// CaddyModule registers the wrapper.
func (Listener) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "caddy.listeners.limits", New: func() caddy.Module { return new(Listener) }}
}

// Provision prepares the wrapper for connections. All listeners share their counts.
func (l *Listener) Provision(ctx caddy.Context) (err error) {
	l.table = sharedTable("connections")
	l.refused = newCounter(ctx, "connections")
	l.exempt, err = parseNetworks(l.Exempt)
	return err
}

// WrapListener adds the limits to a listener.
func (l *Listener) WrapListener(listener net.Listener) net.Listener {
	return &limited{listener, l}
}

type limited struct {
	net.Listener
	limits *Listener
}

func (l *limited) Accept() (net.Conn, error) {
	for {
		accepted, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		limits := l.limits
		address := addressOf(accepted.RemoteAddr().String())
		who := limits.table.source(address)
		reason := limits.table.enter(who, limits.PerAddress, limits.Total, limits.exempt.contain(address))
		if reason == "" {
			return &connection{Conn: accepted, leave: sync.OnceFunc(func() { limits.table.leave(who) })}, nil
		}
		limits.refused.add(reason + "_connections")
		_ = accepted.Close()
	}
}

type connection struct {
	net.Conn
	leave func()
}

func (c *connection) Close() error {
	c.leave()
	return c.Conn.Close()
}
