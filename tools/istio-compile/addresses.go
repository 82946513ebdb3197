package main

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"strings"
)

// Networks of the size that clusters give them.
var (
	podNetwork     = netip.MustParsePrefix("10.128.0.0/9")
	serviceNetwork = netip.MustParsePrefix("10.96.0.0/12")
)

// addresses gives each name an address of its own that depends on the name alone, unless two names collide: a workload
// that comes or goes leaves the others where they are.
type addresses map[netip.Addr]bool

func (a addresses) next(network netip.Prefix, name string) string {
	base, hosts := network.Addr().As4(), uint32(1)<<(32-network.Bits())
	for attempt := 0; ; attempt++ {
		sum := sha256.Sum256([]byte(name + strings.Repeat("+", attempt)))
		var made [4]byte
		number := binary.BigEndian.Uint32(sum[:4]) % hosts
		binary.BigEndian.PutUint32(made[:], binary.BigEndian.Uint32(base[:])|number)
		address := netip.AddrFrom4(made)
		// Those that end in 0 or 255 look like a network's own.
		if made[3] != 0 && made[3] != 255 && !a[address] {
			a[address] = true
			return address.String()
		}
	}
}
