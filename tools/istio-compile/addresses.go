package main

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"strings"
)

// The networks of the Pods and of the Services. Their sizes are usual for a cluster.
var (
	podNetwork     = netip.MustParsePrefix("10.128.0.0/9")
	serviceNetwork = netip.MustParsePrefix("10.96.0.0/12")
)

// addresses assigns a different address to each Pod and each Service. The address depends only on the name, unless the hashes of
// two names collide. So the addresses of all other workloads stay unchanged when a workload is added or removed.
type addresses map[netip.Addr]bool

func (a addresses) next(network netip.Prefix, name string) string {
	base, hosts := network.Addr().As4(), uint32(1)<<(32-network.Bits())
	for attempt := 0; ; attempt++ {
		sum := sha256.Sum256([]byte(name + strings.Repeat("+", attempt)))
		var made [4]byte
		number := binary.BigEndian.Uint32(sum[:4]) % hosts
		binary.BigEndian.PutUint32(made[:], binary.BigEndian.Uint32(base[:])|number)
		address := netip.AddrFrom4(made)
		// An address that ends in 0 or 255 looks like a network or broadcast address, so it is skipped.
		if made[3] != 0 && made[3] != 255 && !a[address] {
			a[address] = true
			return address.String()
		}
	}
}
