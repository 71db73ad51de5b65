package limits

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

const slots = 1 << 16

// table counts by address in memory of a fixed size, however many addresses there are. An address has a slot in each
// of two rows, and the smaller of the two counts. Addresses that share one slot still differ in the other one; seeds
// are chosen at the start, so nobody can aim at another address.
type table struct {
	mutex  sync.Mutex
	seeds  [2]maphash.Seed
	used   [2][slots]int64 // when a full allowance is restored: nanoseconds since start
	open   [2][slots]int32 // what is open now
	opened int32           // in total
	total  int64           // as used, of all addresses together
	start  time.Time
}

func newTable() *table {
	return &table{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, start: time.Now()}
}

// source is what counts as one sender: an IPv4 address, or the /64 network that a customer gets with IPv6.
type source struct{ first, second uint64 }

func (t *table) source(address netip.Addr) source {
	bits := 64
	if address = address.Unmap(); address.Is4() {
		bits = 32
	}
	prefix, err := address.WithZone("").Prefix(bits)
	if err != nil { // no address at all, such as that of a Unix socket
		return source{}
	}
	return source{maphash.Comparable(t.seeds[0], prefix) % slots, maphash.Comparable(t.seeds[1], prefix) % slots}
}

// rate is how much may be used: so much a second, and as much at once as burst says. Zero: without limit.
type rate struct{ perSecond, burst float64 }

func (r rate) limited() bool { return r.perSecond > 0 }

func (r rate) lasting(cost float64) int64 { return int64(cost / r.perSecond * float64(time.Second)) }

// after returns when a full allowance will be restored if cost is used now, and how long to wait until it may be.
func (r rate) after(used, now int64, cost float64) (int64, time.Duration) {
	next := max(used, now) + r.lasting(min(cost, r.burst))
	return next, time.Duration(next - now - r.lasting(r.burst))
}

// take uses so much of an address's allowance and of the total one. Otherwise it says which does not allow it, and
// for how long. What an exempt source uses counts only in total.
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

// giveBack takes back what was taken but not needed, or takes what was needed besides.
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

// corrected adds more to what was used. What a long request needed besides is used now, not when it began.
func corrected(used, now, more int64) int64 {
	if more > 0 {
		used = max(used, now)
	}
	return used + more
}

// enter counts one more that is open, unless that were too many, for that address or in total. Zero: without limit.
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

// leave takes back an enter.
func (t *table) leave(who source) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.open[0][who.first]--
	t.open[1][who.second]--
	t.opened--
}
