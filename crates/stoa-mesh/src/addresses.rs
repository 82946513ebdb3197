//! The mesh's addresses on this machine. All addresses of 127.0.0.0/8 are loopback addresses. So every Pod gets its own loopback
//! address. Every mesh gets its own loopback network, such as 127.7.8.0/24.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};

use crate::compiled::{Compiled, Proxy};

/// This number is added to a Pod's port below 1024, because only root may listen on such a port. For example, port 80 becomes
/// 10080.
const PRIVILEGED_OFFSET: u16 = 10_000;
/// This number is added to the port of a sidecar's egress listener. For example, port 80 becomes 11080. In a Pod, the egress
/// listener uses 127.0.0.1, which all Pods would share on this machine. So on this machine, the egress listener uses the Pod's
/// loopback address. There, port 10080 already belongs to the inbound listener.
const EGRESS_OFFSET: u16 = 11_000;
/// This number is added to the port of a workload's own listener. For example, port 80 becomes 12080. In a Pod, the workload and
/// its sidecar's inbound listener both use port 80, but on different addresses. On this machine, both have the same address, so
/// they need different ports.
const APP_OFFSET: u16 = 12_000;
/// The port of an Envoy's administration interface. It is the same port as on a cluster.
const ADMIN_PORT: u16 = 15_000;
/// If a needed port is in use in the first loopback network, other loopback networks are tried. This is the maximum number of these
/// other networks.
const NETWORK_RETRIES: usize = 64;

/// The addresses on this machine that replace the Pods' addresses.
#[derive(Debug, Clone)]
pub struct Addresses {
    pods: BTreeMap<Ipv4Addr, Pod>,
}

/// A Pod's addresses on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pod {
    /// The Pod's own loopback address.
    pub ip: Ipv4Addr,
    proxy: Proxy,
}

/// Every loopback network that was tried has a needed port in use. `address` is that port's address in the last of these networks.
#[derive(Debug, thiserror::Error)]
#[error(
    "a needed port is in use in every loopback network that was tried; in the last network, cannot listen on {address}: {error}"
)]
pub struct NoAddresses {
    address: SocketAddr,
    error: std::io::Error,
}

impl Pod {
    /// The address on this machine for a port of the Pod.
    pub fn port(&self, port: u16) -> SocketAddr {
        self.at(if port < 1024 {
            port + PRIVILEGED_OFFSET
        } else {
            port
        })
    }

    /// The address on this machine at which the workload accepts the requests from its sidecar. In Istio's output, this address is
    /// 127.0.0.1 with `port`.
    pub fn app(&self, port: u16) -> SocketAddr {
        self.at(port.wrapping_add(APP_OFFSET))
    }

    /// The address on this machine at which the sidecar accepts the calls of its workload. In Istio's output, this address is
    /// 127.0.0.1 with `port`.
    pub fn egress(&self, port: u16) -> SocketAddr {
        self.at(port.wrapping_add(EGRESS_OFFSET))
    }

    /// The administration address of the Pod's Envoy.
    pub fn admin(&self) -> SocketAddr {
        self.at(ADMIN_PORT)
    }

    fn at(&self, port: u16) -> SocketAddr {
        SocketAddrV4::new(self.ip, port).into()
    }
}

impl Addresses {
    /// Chooses an address for every workload, in a loopback network where all needed ports are free.
    ///
    /// # Errors
    /// If a needed port is in use in each network that was tried.
    pub fn choose(compiled: &Compiled) -> Result<Self, NoAddresses> {
        let mut attempt = 0;
        loop {
            // The second byte of the address is not 0, because other programs use addresses in 127.0.x.x.
            let network = [fastrand::u8(1..=254), fastrand::u8(0..=254)];
            let chosen = Self::within(network, compiled);
            match chosen.first_in_use() {
                None => return Ok(chosen),
                Some((address, error)) if attempt == NETWORK_RETRIES => {
                    return Err(NoAddresses { address, error });
                }
                Some(_) => attempt += 1,
            }
        }
    }

    fn within([second, third]: [u8; 2], compiled: &Compiled) -> Self {
        let hosts = (1..=254).cycle();
        let pods = compiled.workloads.iter().zip(hosts).enumerate();
        let pods = pods.map(|(index, (workload, host))| {
            // A network has 254 addresses. So from the 255th Pod on, Pods get addresses of the next network.
            let third = third.wrapping_add(u8::try_from(index / 254).unwrap_or(0));
            let pod = Pod {
                ip: Ipv4Addr::new(127, second, third, host),
                proxy: workload.proxy,
            };
            (workload.ip, pod)
        });
        Self {
            pods: pods.collect(),
        }
    }

    /// The first needed address that cannot be bound, and the error that binding it returned.
    fn first_in_use(&self) -> Option<(SocketAddr, std::io::Error)> {
        let needed = self.pods.values().flat_map(|pod| {
            let pod_addresses: &[SocketAddr] = match pod.proxy {
                Proxy::None => &[pod.app(80)],
                Proxy::Gateway => &[pod.port(8080), pod.port(8443), pod.admin()],
                Proxy::Sidecar => &[pod.app(80), pod.egress(80), pod.port(80), pod.admin()],
            };
            pod_addresses.to_vec()
        });
        needed
            .into_iter()
            .find_map(|address| TcpListener::bind(address).err().map(|e| (address, e)))
    }

    /// The Pod that has the address `ip` on a cluster.
    pub fn pod(&self, ip: Ipv4Addr) -> Option<&Pod> {
        self.pods.get(&ip)
    }

    /// The address on this machine that replaces `ip` and `port`, which are a Pod's address and port on a cluster.
    pub fn endpoint(&self, ip: Ipv4Addr, port: u16) -> Option<SocketAddr> {
        let pod = self.pod(ip)?;
        Some(match pod.proxy {
            Proxy::None => pod.app(port),
            _ => pod.port(port),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::compiled::Workload;

    fn compiled(pods: u16, proxy: Proxy) -> Compiled {
        let workload = |number: u16| Workload {
            namespace: "shop".to_owned(),
            pod: format!("pod-{number}"),
            owner: "owner".to_owned(),
            kind: "SpinApp".to_owned(),
            service_account: "account".to_owned(),
            ip: ip(number),
            labels: BTreeMap::new(),
            proxy,
        };
        Compiled {
            folder: "/".into(),
            workloads: (0..pods).map(workload).collect(),
            services: Vec::new(),
            spin_apps: Vec::new(),
        }
    }

    fn ip(number: u16) -> Ipv4Addr {
        let [high, low] = number.to_be_bytes();
        Ipv4Addr::new(10, 1, high, low)
    }

    #[test]
    fn every_pod_has_a_loopback_address_of_its_own() {
        // A network has 254 addresses, so 600 Pods need three networks.
        let addresses = Addresses::within([7, 255], &compiled(600, Proxy::Sidecar));
        let ips: BTreeSet<_> = addresses.pods.values().map(|pod| pod.ip).collect();
        assert_eq!(ips.len(), 600);
        for ip in ips {
            let [first, second, _, last] = ip.octets();
            assert!(
                first == 127 && second == 7 && last != 0 && last != 255,
                "{ip}"
            );
        }
    }

    #[test]
    fn a_port_below_1024_becomes_a_port_that_does_not_need_root() {
        let addresses = Addresses::within([7, 8], &compiled(1, Proxy::Sidecar));
        let pod = addresses.pod(ip(0)).expect("a Pod");
        let ports = [pod.port(80), pod.port(1023), pod.port(1024), pod.port(8080)];
        let ports = ports.map(|address| address.port());
        assert_eq!(ports, [10_080, 11_023, 1024, 8080]);
        // Three of these addresses have port 80 on a cluster. Here, all four addresses differ.
        let at_80 = [pod.port(80), pod.app(80), pod.egress(80), pod.admin()];
        assert_eq!(BTreeSet::from(at_80).len(), 4);
    }

    #[test]
    fn a_connection_goes_to_the_sidecar_or_without_a_sidecar_to_the_workload() {
        for (proxy, port) in [
            (Proxy::Sidecar, 10_080),
            (Proxy::Gateway, 10_080),
            (Proxy::None, 12_080),
        ] {
            let addresses = Addresses::within([7, 8], &compiled(1, proxy));
            let endpoint = addresses.endpoint(ip(0), 80).expect("a Pod");
            assert_eq!(endpoint.port(), port, "{proxy:?}");
        }
        let addresses = Addresses::within([7, 8], &compiled(1, Proxy::None));
        assert_eq!(addresses.endpoint(ip(1), 80), None);
    }

    #[test]
    fn a_network_with_an_address_in_use_is_not_chosen() {
        let compiled = compiled(3, Proxy::Sidecar);
        let chosen = Addresses::choose(&compiled).expect("a network");
        assert!(chosen.first_in_use().is_none());
        let address = chosen.pod(ip(2)).expect("a Pod").admin();
        let _listener = TcpListener::bind(address).expect("an unused address");
        let (in_use, _) = chosen.first_in_use().expect("an address in use");
        assert_eq!(in_use, address);
        let other = Addresses::choose(&compiled).expect("another network");
        assert_ne!(other.pod(ip(2)), chosen.pod(ip(2)));
    }
}
