//! Which hosts are reached without the proxy.

use std::net::IpAddr;

use super::error::{NetError, NetErrorKind};

/// A parsed `egress.no_proxy`. Loopback is always in it: nothing on this machine is reached through another one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct NoProxy(Vec<Rule>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rule {
    /// `*`
    Everything,
    /// `host`
    Host(String),
    /// `.suffix`, kept with its dot; also means the name itself.
    Suffix(String),
    /// An address, or a range of them: only the first `bits` count.
    Range { network: IpAddr, bits: u8 },
}

impl NoProxy {
    pub(super) fn parse(entries: &[String]) -> Result<Self, NetError> {
        let entries = entries.iter().map(|entry| entry.trim()).filter(|entry| !entry.is_empty());
        let rules = entries.map(|entry| {
            Rule::parse(entry).ok_or_else(|| {
                let message = format!(
                    "`egress.no_proxy`: `{entry}` is no host, `.suffix`, address, range like `10.0.0.0/8` or `*`"
                );
                NetError::before(NetErrorKind::Settings, message)
            })
        });
        rules.collect::<Result<_, _>>().map(Self)
    }

    /// Whether `host` (a name, or an address, IPv6 with or without brackets) is reached without the proxy.
    pub(super) fn goes_direct(&self, host: &str) -> bool {
        let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
        let address = host.parse::<IpAddr>().ok().map(|address| address.to_canonical());
        let loopback = match address {
            Some(address) => address.is_loopback(),
            None => host == "localhost" || host.ends_with(".localhost"),
        };
        loopback || self.0.iter().any(|rule| rule.matches(&host, address))
    }
}

impl Rule {
    /// `None`: it is no host, suffix, address, range or `*`.
    pub(super) fn parse(entry: &str) -> Option<Self> {
        if entry == "*" {
            return Some(Self::Everything);
        }
        if let Some((network, bits)) = entry.split_once('/') {
            let network: IpAddr = network.parse().ok()?;
            let bits: u8 = bits.parse().ok()?;
            let most = if network.is_ipv4() { 32 } else { 128 };
            return (bits <= most).then_some(Self::Range { network, bits });
        }
        if let Ok(network) = entry.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            return Some(Self::Range { network, bits: if network.is_ipv4() { 32 } else { 128 } });
        }
        let name = entry.to_ascii_lowercase();
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if !name.chars().all(allowed) || name.trim_matches('.').is_empty() {
            return None;
        }
        Some(if name.starts_with('.') { Self::Suffix(name) } else { Self::Host(name) })
    }

    pub(super) fn matches(&self, host: &str, address: Option<IpAddr>) -> bool {
        match self {
            Self::Everything => true,
            Self::Host(name) => host == name,
            Self::Suffix(suffix) => host.ends_with(suffix.as_str()) || Some(host) == suffix.strip_prefix('.'),
            Self::Range { network, bits } => address.is_some_and(|address| within(address, *network, *bits)),
        }
    }
}

pub(super) fn within(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            let different = u32::from(address) ^ u32::from(network);
            different.leading_zeros() >= u32::from(bits)
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            let different = u128::from(address) ^ u128::from(network);
            different.leading_zeros() >= u32::from(bits)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[&str]) -> NoProxy {
        NoProxy::parse(&entries.iter().map(|&entry| entry.to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn loopback_is_always_direct() {
        for host in ["localhost", "a.localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]", "::ffff:127.0.0.1"] {
            assert!(list(&[]).goes_direct(host), "{host}");
        }
        assert!(!list(&[]).goes_direct("localhost.example.com"));
    }

    #[test]
    fn a_host_means_itself_and_a_suffix_also_all_below() {
        let list = list(&["Pager.example.com", ".corp.example", " "]);
        for host in ["pager.example.com", "PAGER.EXAMPLE.COM.", "a.corp.example", "a.b.corp.example", "corp.example"] {
            assert!(list.goes_direct(host), "{host}");
        }
        for host in ["x.pager.example.com", "notcorp.example", "webexapis.com"] {
            assert!(!list.goes_direct(host), "{host}");
        }
    }

    #[test]
    fn addresses_and_ranges_count_for_addresses_only() {
        let list = list(&["192.0.2.7", "10.0.0.0/8", "fd00::/8", "[2001:db8::1]"]);
        for host in ["192.0.2.7", "10.255.0.1", "fd12::1", "[2001:db8::1]", "::ffff:10.1.1.1"] {
            assert!(list.goes_direct(host), "{host}");
        }
        for host in ["192.0.2.8", "11.0.0.1", "fe80::1", "10.example.com"] {
            assert!(!list.goes_direct(host), "{host}");
        }
    }

    #[test]
    fn a_star_is_everything() {
        assert!(list(&["*"]).goes_direct("webexapis.com"));
    }

    #[test]
    fn nonsense_is_refused_with_the_setting_and_the_entry() {
        for entry in ["http://x", "10.0.0.0/33", "x/8", "10.0.0.0/x", ".", "a b", "fd00::/129"] {
            let error = NoProxy::parse(&[entry.to_owned()]).unwrap_err().to_string();
            assert!(error.contains("`egress.no_proxy`") && error.contains(entry), "{error}");
        }
    }
}
