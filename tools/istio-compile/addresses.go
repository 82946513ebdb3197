package main

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"strings"
)

// Networks of the size that is usual on clusters.
var (
	podNetwork     = netip.MustParsePrefix("10.128.0.0/9")
	serviceNetwork = netip.MustParsePrefix("10.96.0.0/12")
)

// addresses gives each name its own address. It depends only on the name, unless two names collide, so adding or
// removing a workload leaves the other addresses unchanged.
type addresses map[netip.Addr]bool

func (a addresses) next(network netip.Prefix, name string) string {
	base, hosts := network.Addr().As4(), uint32(1)<<(32-network.Bits())
	for attempt := 0; ; attempt++ {
		sum := sha256.Sum256([]byte(name + strings.Repeat("+", attempt)))
		var made [4]byte
		number := binary.BigEndian.Uint32(sum[:4]) % hosts
		binary.BigEndian.PutUint32(made[:], binary.BigEndian.Uint32(base[:])|number)
		address := netip.AddrFrom4(made)
		// Addresses that end in 0 or 255 look like network or broadcast addresses.
		if made[3] != 0 && made[3] != 255 && !a[address] {
			a[address] = true
			return address.String()
		}
	}
}
