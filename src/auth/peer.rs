//! From which address a request comes, also behind proxies.
//!
//! `X-Forwarded-For` is what anybody likes to write, but for the part that a proxy of ours has written. So the list is
//! read from its end, and only as far as it was written by addresses that the configuration trusts. An address of IPv6
//! counts with its first 64 bits: who has one has all that begin so.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use crate::limits;

/// A range of addresses: `10.0.0.0/8`, `::1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// Why a text is no [`Network`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no address like 10.0.0.7 and no range like 10.0.0.0/8")]
pub struct NetworkError;

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address = address.parse::<IpAddr>().map_err(|_| NetworkError)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |bits| bits.parse::<u8>().map_err(|_| NetworkError))?;
        if bits > most { Err(NetworkError) } else { Ok(Self { address, bits }) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl Network {
    /// Whether this address belongs to it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let bits = u32::from(self.bits);
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let mask = u32::MAX.checked_shl(32 - bits.min(32)).unwrap_or(0);
                ours.to_bits() & mask == theirs.to_bits() & mask
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                let mask = u128::MAX.checked_shl(128 - bits.min(128)).unwrap_or(0);
                ours.to_bits() & mask == theirs.to_bits() & mask
            }
            _ => false,
        }
    }
}

/// The address that a request comes from: that of the connection, or, if a trusted proxy holds the other end, the
/// last one of `forwarded` (the values of `X-Forwarded-For`, in order) that is no trusted proxy itself.
#[must_use]
pub fn origin<'h>(connection: IpAddr, trusted: &[Network], forwarded: impl Iterator<Item = &'h str>) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    if trusted.is_empty() || !is_trusted(connection) {
        return connection;
    }
    let lists: Vec<&str> = forwarded.collect();
    let hops = lists.iter().rev().flat_map(|list| list.rsplit(',')).take(limits::FORWARDED_HOPS);
    let mut last = connection;
    for hop in hops {
        let Some(address) = address(hop.trim()) else { break };
        last = address;
        if !is_trusted(address) {
            break;
        }
    }
    last
}

/// An address as proxies write it: some add the port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(text, |(inside, _)| inside);
    let parsed = bare.parse::<IpAddr>().ok();
    parsed.or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip())).map(|ip| ip.to_canonical())
}

/// The part of an address that stands for whoever has it.
#[must_use]
pub fn holder(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn networks() {
        let holds = |network: &str, address: &str| network.parse::<Network>().unwrap().contains(ip(address));
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("192.168.1.7", "192.168.1.7", "192.168.1.8"),
            ("0.0.0.0/0", "8.8.8.8", "::1"),
            ("::/0", "2001:db8::1", "127.0.0.1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::ffff:11.1.2.3"),
        ] {
            assert!(holds(network, inside), "{network} {inside}");
            assert!(!holds(network, outside), "{network} {outside}");
        }
        for wrong in ["", "10.0.0", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "localhost", "10.0.0.0/8/8", "*"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_what_trusted_proxies_wrote_is_believed() {
        let trusted: Vec<Network> = ["10.0.0.0/8", "::1"].map(|n| n.parse().unwrap()).into();
        let of = |connection: &str, forwarded: &[&str]| origin(ip(connection), &trusted, forwarded.iter().copied());
        for (connection, forwarded, want) in [
            ("203.0.113.9", &["198.51.100.1"][..], "203.0.113.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["6.6.6.6, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["6.6.6.6", "198.51.100.1, 10.2.2.2"], "198.51.100.1"),
            ("10.0.0.1", &["10.9.9.9"], "10.9.9.9"),
            ("10.0.0.1", &["198.51.100.1, nonsense"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1:4711"], "198.51.100.1"),
            ("::1", &["[2001:db8::5]:80"], "2001:db8::5"),
            ("::ffff:10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &[""], "10.0.0.1"),
        ] {
            assert_eq!(of(connection, forwarded), ip(want), "{connection} {forwarded:?}");
        }
        assert_eq!(origin(ip("10.0.0.1"), &[], ["6.6.6.6"].into_iter()), ip("10.0.0.1"));
    }

    #[test]
    fn holders() {
        assert_eq!(holder(ip("2001:db8:1:2:3:4:5:6")), ip("2001:db8:1:2::"));
        assert_eq!(holder(ip("::ffff:192.0.2.1")), ip("192.0.2.1"));
        assert_eq!(holder(ip("192.0.2.1")), ip("192.0.2.1"));
    }

    proptest! {
        /// Whatever a client writes in front of what the proxy adds changes nothing.
        #[test]
        fn nobody_chooses_his_own_address(lie in "[0-9a-f.:, \\[\\]]{0,60}") {
            let trusted = ["10.0.0.0/8".parse().unwrap()];
            let list = format!("{lie}, 198.51.100.1");
            prop_assert_eq!(origin(ip("10.0.0.1"), &trusted, [&*list].into_iter()), ip("198.51.100.1"));
            prop_assert_eq!(origin(ip("198.51.100.1"), &trusted, [&*lie].into_iter()), ip("198.51.100.1"));
        }
    }
}
