package limits

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// networks are a setting's CIDR ranges and addresses.
type networks []netip.Prefix

func parseNetworks(texts []string) (networks, error) {
	var found networks
	for _, text := range texts {
		if !strings.Contains(text, "/") {
			address, err := netip.ParseAddr(text)
			if err != nil {
				return nil, fmt.Errorf("%q is not an address or a CIDR range", text)
			}
			found = append(found, netip.PrefixFrom(address, address.BitLen()))
			continue
		}
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%q is not an address or a CIDR range", text)
		}
		found = append(found, prefix.Masked())
	}
	return found, nil
}

func (n networks) contain(address netip.Addr) bool {
	address = address.Unmap().WithZone("")
	for _, network := range n {
		if network.Contains(address) {
			return true
		}
	}
	return false
}

// addressOf parses an address with or without a port. Anything else yields the zero Addr, which counts as one sender.
func addressOf(text string) netip.Addr {
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	address, _ := netip.ParseAddr(text)
	return address
}
