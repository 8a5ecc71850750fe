//! IP networks in CIDR notation.
//!
//! An operator `cidr` selects subjects by an attribute that holds an IP address, such as those of an office. Networks
//! are parsed when the operator is made. Each evaluation parses the subject's address, without an allocation.
//!
//! A server that listens on an IPv6 socket reports IPv4 clients as IPv4-mapped addresses, such as `::ffff:10.0.0.1`
//! (RFC 4291, section 2.5.5.2). Networks and addresses of that form are converted to IPv4, so one network covers both
//! spellings.

use std::fmt;
use std::net::IpAddr;

/// A network in the notation of RFC 4632 and RFC 4291: an address and the length of its prefix.
///
/// An operator `cidr` holds a list of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cidr {
    /// May have bits after the prefix, which `contains` ignores.
    address: IpAddr,
    /// At most 32 for an IPv4 address, and at most 128 for an IPv6 address.
    prefix: u8,
}

impl Cidr {
    /// Parses `10.0.0.0/8`, `2001:db8::/32`, or a single address.
    ///
    /// Returns `None` for every other text. Only digits may follow the slash, because `u8::from_str` would accept a
    /// sign too.
    ///
    /// An IPv6 network with a prefix shorter than 96 stays an IPv6 network, so it contains no IPv4-mapped address.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix: u8 = match prefix {
            Some(prefix) if prefix.bytes().all(|byte| byte.is_ascii_digit()) => prefix.parse().ok()?,
            Some(_) => return None,
            None => longest,
        };
        if prefix > longest {
            return None;
        }
        // An IPv4-mapped IPv6 network is the IPv4 network; the same is true of addresses.
        Some(match (address.to_canonical(), prefix.checked_sub(96)) {
            (address @ IpAddr::V4(_), Some(prefix)) if longest == 128 => Self { address, prefix },
            _ => Self { address, prefix },
        })
    }

    /// Returns whether the network contains the address.
    ///
    /// An address of the other family is in no network.
    pub(super) fn contains(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                // A shift by the full width has no result, and the mask of an empty prefix is 0.
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                (network.to_bits() ^ address.to_bits()) & mask == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                (network.to_bits() ^ address.to_bits()) & mask == 0
            }
            _ => false,
        }
    }
}

/// Parses an address. An IPv4-mapped IPv6 address is that IPv4 address.
///
/// Returns `None` for other texts, such as an address with a port. The verdict is then unknown.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    text.parse().ok().map(|address: IpAddr| address.to_canonical())
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_decide() {
        let contains =
            |network: &str, text: &str| Cidr::parse(network).expect(network).contains(address(text).expect(text));
        assert!(contains("10.0.0.0/8", "10.255.0.1") && !contains("10.0.0.0/8", "11.0.0.0"));
        assert!(contains("10.1.2.3/8", "10.9.9.9"), "bits behind the prefix count for nothing");
        assert!(contains("0.0.0.0/0", "255.255.255.255") && !contains("0.0.0.0/0", "::1"));
        assert!(contains("1.2.3.4", "1.2.3.4") && !contains("1.2.3.4/32", "1.2.3.5"));
        assert!(contains("2001:db8::/32", "2001:db8:ffff::1") && !contains("2001:db8::/32", "2001:db9::"));
        assert!(contains("::/0", "::1") && contains("::1/128", "::1"));
        assert!(contains("10.0.0.0/8", "::ffff:10.0.0.1"));
        assert!(contains("::ffff:10.0.0.0/104", "10.9.9.9") && !contains("::ffff:10.0.0.0/104", "11.0.0.0"));
    }

    #[test]
    fn everything_else_is_no_network() {
        for text in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/", "10.0.0.0/+8", "a/8", "10.0.0.0/8/8"] {
            assert!(Cidr::parse(text).is_none(), "{text}");
        }
    }
}
