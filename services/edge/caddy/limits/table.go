package limits

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

const slots = 1 << 16

// table counts by address in a fixed amount of memory, however many addresses there are. An address has a slot in each
// of two rows, and the lower count applies. Addresses that share one slot still differ in the other. Seeds are random
// at each start, so nobody can target another address.
type table struct {
	mutex  sync.Mutex
	seeds  [2]maphash.Seed
	used   [2][slots]int64 // when a full allowance is restored: nanoseconds since start
	open   [2][slots]int32 // currently open, by address
	opened int32           // currently open, in total
	total  int64           // like used, for all addresses together
	start  time.Time
}

func newTable() *table {
	return &table{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, start: time.Now()}
}

// source identifies a sender: an IPv4 address, or an IPv6 /64 network, which a single customer gets.
type source struct{ first, second uint64 }

func (t *table) source(address netip.Addr) source {
	bits := 64
	if address = address.Unmap(); address.Is4() {
		bits = 32
	}
	prefix, err := address.WithZone("").Prefix(bits)
	if err != nil { // not an IP address, such as a Unix socket
		return source{}
	}
	return source{maphash.Comparable(t.seeds[0], prefix) % slots, maphash.Comparable(t.seeds[1], prefix) % slots}
}

// rate is an allowance per second with a burst. Zero means no limit.
type rate struct{ perSecond, burst float64 }

func (r rate) limited() bool { return r.perSecond > 0 }

func (r rate) lasting(cost float64) int64 { return int64(cost / r.perSecond * float64(time.Second)) }

// after returns when the full allowance is restored if cost is used now, and how long to wait before it can be used.
func (r rate) after(used, now int64, cost float64) (int64, time.Duration) {
	next := max(used, now) + r.lasting(min(cost, r.burst))
	return next, time.Duration(next - now - r.lasting(r.burst))
}

// take uses cost from the address's and the total allowance. If one is exhausted, it returns which one and for how long.
// For an exempt source, only the total counts.
func (t *table) take(who source, cost float64, each, all rate, exempt bool) (string, time.Duration) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	now := int64(time.Since(t.start))
	first, second := &t.used[0][who.first], &t.used[1][who.second]
	var mine, total int64
	var wait time.Duration
	if each.limited() && !exempt {
		if mine, wait = each.after(min(*first, *second), now, cost); wait > 0 {
			return "address_rate", wait
		}
	}
	if all.limited() {
		if total, wait = all.after(t.total, now, cost); wait > 0 {
			return "total_rate", wait
		}
		t.total = total
	}
	*first, *second = max(*first, mine), max(*second, mine)
	return "", 0
}

// giveBack returns an unused part of the cost, or charges additional cost.
func (t *table) giveBack(who source, taken, needed float64, each, all rate, exempt bool) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	now := int64(time.Since(t.start))
	if each.limited() && !exempt {
		more := each.lasting(needed - min(taken, each.burst))
		t.used[0][who.first] = corrected(t.used[0][who.first], now, more)
		t.used[1][who.second] = corrected(t.used[1][who.second], now, more)
	}
	if all.limited() {
		t.total = corrected(t.total, now, all.lasting(needed-min(taken, all.burst)))
	}
}

// corrected adds more to used. Additional cost of a long request counts from now, not from the request's start.
func corrected(used, now, more int64) int64 {
	if more > 0 {
		used = max(used, now)
	}
	return used + more
}

// enter counts one more as open, unless the address or the total is at its limit. Zero means no limit.
func (t *table) enter(who source, each, all int32, exempt bool) string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	first, second := &t.open[0][who.first], &t.open[1][who.second]
	if each > 0 && !exempt && min(*first, *second) >= each {
		return "address"
	}
	if all > 0 && t.opened >= all {
		return "total"
	}
	*first++
	*second++
	t.opened++
	return ""
}

// leave reverses enter.
func (t *table) leave(who source) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.open[0][who.first]--
	t.open[1][who.second]--
	t.opened--
}
