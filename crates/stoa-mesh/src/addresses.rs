//! Addresses on this machine. All of 127.0.0.0/8 is loopback: every Pod gets its own address there, and every mesh its own network.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};

use crate::compiled::{Compiled, Proxy};

/// Offset for ports below 1024, which need root: port 80 becomes 10080.
const PRIVILEGED_OFFSET: u16 = 10_000;
/// Offset of the sidecar's egress listeners: port 80 becomes 11080. In a Pod they listen on 127.0.0.1, which here is shared.
const EGRESS_OFFSET: u16 = 11_000;
/// Offset of the workload's own listener: port 80 becomes 12080. In a Pod both it and the sidecar's inbound listener use port 80.
const APP_OFFSET: u16 = 12_000;
/// Envoy's administration port, as on a cluster.
const ADMIN_PORT: u16 = 15_000;
/// Loopback networks to try.
const ATTEMPTS: usize = 64;

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

/// No network of 127.0.0.0/8 has all the ports free.
#[derive(Debug, thiserror::Error)]
#[error("no loopback network has its ports free; the last one that was tried: {address}: {error}")]
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

    /// Where the workload listens for its sidecar. In the Pod this is 127.0.0.1 and the same port.
    pub fn app(&self, port: u16) -> SocketAddr {
        self.at(port.wrapping_add(APP_OFFSET))
    }

    /// Where the sidecar listens for its workload. In the Pod this is 127.0.0.1 and the same port.
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
    /// Chooses an address for every workload, in a network where the ports are free.
    ///
    /// # Errors
    /// If no network has all the ports free.
    pub fn choose(compiled: &Compiled) -> Result<Self, NoAddresses> {
        let mut attempt = 0;
        loop {
            // Not 127.0.x.x, which other programs use.
            let network = [fastrand::u8(1..=254), fastrand::u8(0..=254)];
            let chosen = Self::within(network, compiled);
            match chosen.taken() {
                None => return Ok(chosen),
                Some((address, error)) if attempt == ATTEMPTS => {
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
            // More than 254 Pods continue in the next network.
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

    /// The first address that is in use, and the error.
    fn taken(&self) -> Option<(SocketAddr, std::io::Error)> {
        let needed = self.pods.values().flat_map(|pod| {
            let own: &[SocketAddr] = match pod.proxy {
                Proxy::None => &[pod.app(80)],
                Proxy::Gateway => &[pod.port(8080), pod.port(8443), pod.admin()],
                Proxy::Sidecar => &[pod.app(80), pod.egress(80), pod.port(80), pod.admin()],
            };
            own.to_vec()
        });
        needed
            .into_iter()
            .find_map(|address| TcpListener::bind(address).err().map(|e| (address, e)))
    }

    /// The Pod with this cluster address.
    pub fn pod(&self, ip: Ipv4Addr) -> Option<&Pod> {
        self.pods.get(&ip)
    }

    /// The address on this machine for this Pod and port.
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
        // More Pods than one network of 254 holds.
        let addresses = Addresses::within([7, 255], &compiled(600, Proxy::Sidecar));
        let own: BTreeSet<_> = addresses.pods.values().map(|pod| pod.ip).collect();
        assert_eq!(own.len(), 600);
        for ip in own {
            let [first, second, _, last] = ip.octets();
            assert!(
                first == 127 && second == 7 && last != 0 && last != 255,
                "{ip}"
            );
        }
    }

    #[test]
    fn a_port_that_needs_root_becomes_one_for_everybody() {
        let addresses = Addresses::within([7, 8], &compiled(1, Proxy::Sidecar));
        let pod = addresses.pod(ip(0)).expect("a Pod");
        let ports = [pod.port(80), pod.port(1023), pod.port(1024), pod.port(8080)];
        let ports = ports.map(|address| address.port());
        assert_eq!(ports, [10_080, 11_023, 1024, 8080]);
        // The four addresses for port 80 all differ.
        let at_80 = [pod.port(80), pod.app(80), pod.egress(80), pod.admin()];
        assert_eq!(BTreeSet::from(at_80).len(), 4);
    }

    #[test]
    fn a_connection_goes_to_the_sidecar_or_where_there_is_none_to_the_workload() {
        for (proxy, port) in [
            (Proxy::Sidecar, 10_080),
            (Proxy::Gateway, 10_080),
            (Proxy::None, 12_080),
        ] {
            let addresses = Addresses::within([7, 8], &compiled(1, proxy));
            let there = addresses.endpoint(ip(0), 80).expect("a Pod");
            assert_eq!(there.port(), port, "{proxy:?}");
        }
        let addresses = Addresses::within([7, 8], &compiled(1, Proxy::None));
        assert_eq!(addresses.endpoint(ip(1), 80), None);
    }

    #[test]
    fn a_network_in_which_somebody_listens_is_not_taken() {
        let compiled = compiled(3, Proxy::Sidecar);
        let chosen = Addresses::choose(&compiled).expect("a network");
        assert!(chosen.taken().is_none());
        let address = chosen.pod(ip(2)).expect("a Pod").admin();
        let _listener = TcpListener::bind(address).expect("nobody listens yet");
        let (taken, _) = chosen.taken().expect("somebody listens");
        assert_eq!(taken, address);
        let other = Addresses::choose(&compiled).expect("another network");
        assert_ne!(other.pod(ip(2)), chosen.pod(ip(2)));
    }
}
