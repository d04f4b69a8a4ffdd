//! Which addresses a program of the bot's owner may be called at.
//!
//! A definition names a URL, and whoever writes definitions need not be the one who runs the host. So what lies behind
//! the host's own network (loopback, private ranges, link-local) is refused unless the operator allows it, by
//! `handlers.allow`. What hands out credentials of the machine (metadata services) and Botyard's own listeners are
//! refused always: no list allows them.
//!
//! The name is resolved here, every address is held against the rules, and the connection goes to one that passed:
//! a name that says something else the second time is never asked a second time.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    sync::Arc,
};

use actix_tls::connect::ConnectError;

use super::{
    error::{NetError, NetErrorKind},
    no_proxy::Rule,
};

/// Services that hand the machine's credentials to whoever asks from it, at the large clouds.
const METADATA: [IpAddr; 8] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254)),
];

/// What may be called. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Guard(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    allow: Vec<Rule>,
    /// Our own listeners.
    own: Vec<SocketAddr>,
}

/// Why an address may not be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Barred {
    /// It hands out credentials of the machine.
    Metadata,
    /// Botyard itself listens there.
    Own,
    /// It is nobody's: unspecified, multicast, reserved.
    Nobody,
    /// This machine, the network it stands in, or one like it.
    Near(&'static str),
}

impl Guard {
    /// A guard that lets through what is public, and what `allow` says: hosts, `.suffix`, addresses, ranges.
    ///
    /// # Errors
    /// [`NetErrorKind::Settings`] names the entry that is none of these.
    pub fn new(allow: &[String], own: Vec<SocketAddr>) -> Result<Self, NetError> {
        let entries = allow.iter().map(|entry| entry.trim()).filter(|entry| !entry.is_empty());
        let rules = entries.map(|entry| {
            Rule::parse(entry).ok_or_else(|| {
                let message = format!(
                    "`handlers.allow`: `{entry}` is no host, `.suffix`, address or range like `10.0.0.0/8` (without a port)"
                );
                NetError::before(NetErrorKind::Settings, message)
            })
        });
        Ok(Self(Arc::new(Inner { allow: rules.collect::<Result<_, _>>()?, own })))
    }

    /// The addresses of a name that may be called. None, where a proxy resolves a name that is allowed as such and
    /// cannot be resolved here.
    pub(super) async fn resolve(
        &self,
        host: &str,
        port: u16,
        through_proxy: bool,
    ) -> Result<Vec<SocketAddr>, ConnectError> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let found: Result<Vec<SocketAddr>, io::Error> = match bare.parse::<IpAddr>() {
            Ok(address) => Ok(vec![SocketAddr::new(address, port)]),
            Err(_name) => tokio::net::lookup_host((bare, port)).await.map(Iterator::collect),
        };
        let addresses = match found {
            Ok(addresses) => addresses,
            Err(_) if through_proxy && self.allows_name(bare) => return Ok(Vec::new()),
            Err(error) => {
                let message = format!("the name `{bare}` cannot be resolved: {error}");
                return Err(wrapped(NetError::before(NetErrorKind::Dns, message)));
            }
        };
        self.check(bare, &addresses).map_err(wrapped)
    }

    /// Of these addresses of a host those that may be called.
    fn check(&self, host: &str, addresses: &[SocketAddr]) -> Result<Vec<SocketAddr>, NetError> {
        let mut barred = None;
        let mut free = Vec::with_capacity(addresses.len());
        for address in addresses {
            match self.judge(host, *address) {
                None => free.push(*address),
                Some(why) => barred = barred.or(Some((address.ip(), why))),
            }
        }
        match barred {
            Some((address, why)) if free.is_empty() => {
                Err(NetError::before(NetErrorKind::Guarded, sentence(host, address, why)))
            }
            None if free.is_empty() => {
                Err(NetError::before(NetErrorKind::Dns, format!("the name `{host}` has no address")))
            }
            _ => Ok(free),
        }
    }

    fn judge(&self, host: &str, address: SocketAddr) -> Option<Barred> {
        let ip = plain(address.ip());
        if METADATA.contains(&ip) {
            return Some(Barred::Metadata);
        }
        if self.0.own.iter().any(|own| own.port() == address.port()) && is_here(ip) {
            return Some(Barred::Own);
        }
        let why = place(ip)?;
        if why != Barred::Nobody && self.allows(host, ip) {
            return None;
        }
        Some(why)
    }

    fn allows(&self, host: &str, ip: IpAddr) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.0.allow.iter().any(|rule| rule.matches(&host, Some(ip)))
    }

    /// By its name, whatever its addresses are.
    fn allows_name(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.0.allow.iter().any(|rule| matches!(rule, Rule::Host(_) | Rule::Suffix(_)) && rule.matches(&host, None))
    }
}

/// The form in which awc's connector hands it through.
fn wrapped(error: NetError) -> ConnectError {
    ConnectError::Io(io::Error::other(error))
}

fn sentence(host: &str, address: IpAddr, why: Barred) -> String {
    let name = if host.parse::<IpAddr>().is_ok() { format!("`{address}`") } else { format!("`{host}` ({address})") };
    match why {
        Barred::Metadata => format!("{name} is a metadata service: it is never called"),
        Barred::Own => format!("{name} at this port is Botyard itself: it is never called"),
        Barred::Nobody => format!("{name} is no address that a program can have"),
        Barred::Near(kind) => format!(
            "{name} is {kind}: it is not called unless `handlers.allow` (BOTYARD_HANDLERS__ALLOW) names `{host}` or a range with it"
        ),
    }
}

/// An IPv4 address in any of its IPv6 dresses counts as what it is.
fn plain(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    if let Some(v4) = v6.to_ipv4_mapped() {
        return IpAddr::V4(v4);
    }
    let segments = v6.segments();
    let embedded = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        // The old form `::a.b.c.d`.
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => embedded(high, low),
        // NAT64, and 6to4.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => embedded(high, low),
        _ => ip,
    }
}

/// What speaks against an address as such.
fn place(ip: IpAddr) -> Option<Barred> {
    let near = |kind| Some(Barred::Near(kind));
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            match (a, b, c) {
                (0 | 224..=255, ..) => Some(Barred::Nobody),
                (127, ..) => near("this machine"),
                (10, ..) | (192, 168, _) | (172, 16..=31, _) => near("a private address"),
                (169, 254, _) => near("a link-local address"),
                (100, 64..=127, _) => near("a shared (carrier) address"),
                (192, 0, 0 | 2) | (198, 18..=19, _) | (198, 51, 100) | (203, 0, 113) => near("a special address"),
                _ => None,
            }
        }
        IpAddr::V6(v6) => {
            let [first, second, ..] = v6.segments();
            if v6.is_unspecified() || v6.is_multicast() {
                Some(Barred::Nobody)
            } else if v6.is_loopback() {
                near("this machine")
            } else if first & 0xfe00 == 0xfc00 {
                near("a private address")
            } else if first & 0xffc0 == 0xfe80 || first & 0xffc0 == 0xfec0 {
                near("a link-local address")
            } else if first == 0x2001 && (second == 0 || second == 0x0db8) || (first == 0x64 && second == 0xff9b) {
                near("a special address")
            } else {
                None
            }
        }
    }
}

/// Whether an address is one of this machine: then a socket can be bound to it.
fn is_here(ip: IpAddr) -> bool {
    ip.is_loopback() || ip.is_unspecified() || UdpSocket::bind((ip, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn guard(allow: &[&str]) -> Guard {
        let allow: Vec<String> = allow.iter().map(|&entry| entry.to_owned()).collect();
        Guard::new(&allow, vec!["0.0.0.0:8080".parse().unwrap(), "127.0.0.1:8081".parse().unwrap()]).unwrap()
    }

    fn ask(guard: &Guard, host: &str, addresses: &[&str]) -> Result<usize, String> {
        let addresses: Vec<_> = addresses.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 9000)).collect();
        guard.check(host, &addresses).map(|free| free.len()).map_err(|error| error.to_string())
    }

    const PUBLIC: [&str; 5] = ["93.184.216.34", "1.1.1.1", "172.32.0.1", "2606:2800:220:1::1", "100.128.0.1"];
    const NEAR: [&str; 12] = [
        "127.0.0.1",
        "127.1.2.3",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.1.1",
        "100.64.0.1",
        "::1",
        "fc00::1",
        "fe80::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
    ];

    #[test]
    fn what_is_public_passes_and_what_is_near_does_not() {
        let guard = guard(&[]);
        for address in PUBLIC {
            assert_eq!(ask(&guard, "h", &[address]), Ok(1), "{address}");
        }
        for address in NEAR {
            let why = ask(&guard, "pager", &[address]).unwrap_err();
            assert!(why.contains("`handlers.allow`") && why.contains("names `pager`"), "{address}: {why}");
        }
    }

    #[test]
    fn what_the_operator_names_passes() {
        assert_eq!(ask(&guard(&["pager"]), "Pager.", &["10.1.2.3"]), Ok(1));
        assert_eq!(ask(&guard(&[".corp.example"]), "a.corp.example", &["10.1.2.3"]), Ok(1));
        assert_eq!(ask(&guard(&["10.0.0.0/8"]), "anything", &["10.1.2.3"]), Ok(1));
        assert!(ask(&guard(&["10.0.0.0/16"]), "anything", &["10.1.2.3"]).is_err());
        assert!(Guard::new(&["pager:9000".to_owned()], Vec::new()).is_err(), "a port is no part of it");
    }

    #[test]
    fn of_several_addresses_only_the_free_ones_are_called() {
        assert_eq!(ask(&guard(&[]), "h", &["10.0.0.1", "1.1.1.1"]), Ok(1));
        assert!(ask(&guard(&[]), "h", &["10.0.0.1", "::1"]).is_err());
    }

    #[test]
    fn metadata_and_our_own_listeners_are_never_called() {
        let open = guard(&["*", "169.254.0.0/16"]);
        for address in ["169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "100.100.100.200"] {
            assert!(ask(&open, "h", &[address]).unwrap_err().contains("metadata"), "{address}");
        }
        for own in ["127.0.0.1:8080", "127.0.0.1:8081", "[::1]:8080"] {
            let why = open.check("localhost", &[own.parse().unwrap()]).unwrap_err().to_string();
            assert!(why.contains("Botyard itself"), "{own}: {why}");
        }
        assert!(open.check("localhost", &["127.0.0.1:9000".parse().unwrap()]).is_ok());
        assert!(open.check("elsewhere", &["1.1.1.1:8080".parse().unwrap()]).is_ok(), "another machine's port");
        assert!(open.check("h", &["0.0.0.0:9000".parse().unwrap()]).is_err(), "it means this machine");
    }

    proptest! {
        #[test]
        fn an_ipv4_address_is_judged_alike_in_every_dress(bits: u32) {
            let v4 = Ipv4Addr::from(bits);
            let [a, b, c, d] = v4.octets();
            let pair = |x: u8, y: u8| u16::from_be_bytes([x, y]);
            let nat64 = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, pair(a, b), pair(c, d));
            let open = guard(&[]);
            let judge = |ip: IpAddr| open.judge("h", SocketAddr::new(ip, 9000));
            prop_assert_eq!(judge(v4.into()), judge(v4.to_ipv6_mapped().into()));
            prop_assert_eq!(judge(v4.into()), judge(nat64.into()));
        }
    }
}
