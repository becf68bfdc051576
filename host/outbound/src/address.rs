//! Which addresses are public: what no operator has to name before a call may go there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::Network;

/// What is not globally reachable (IANA's special-purpose registry of IPv4, RFC 6890), or leads elsewhere.
const NOT_GLOBAL_V4: [([u8; 4], u32); 16] = [
    // This network and "unspecified".
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    // Shared by carriers (RFC 6598); some clouds keep their metadata here.
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    // Link-local: the metadata of most clouds.
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    // Protocol assignments.
    ([192, 0, 0, 0], 24),
    // Documentation.
    ([192, 0, 2, 0], 24),
    // Relays of 6to4.
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    // Benchmarks.
    ([198, 18, 0, 0], 15),
    // Documentation.
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    // Multicast.
    ([224, 0, 0, 0], 4),
    // Reserved, and broadcast.
    ([240, 0, 0, 0], 4),
    // A platform service of one cloud, reachable from inside it alone.
    ([168, 63, 129, 16], 32),
];

/// The only part of IPv6 that is handed out as global unicast (RFC 4291). Loopback, unspecified, mapped and compatible
/// IPv4, NAT64, ULA, link-local, site-local and multicast lie outside of it.
const GLOBAL_V6: (u16, u32) = (0x2000, 3);

/// What of it is not globally reachable, or carries an IPv4 address that a relay would go on to.
const NOT_GLOBAL_V6: [([u16; 2], u32); 5] = [
    // Protocol assignments: Teredo, benchmarks, ORCHID.
    ([0x2001, 0], 23),
    // Documentation.
    ([0x2001, 0x0db8], 32),
    ([0x3fff, 0], 20),
    // 6to4.
    ([0x2002, 0], 16),
    // The 6bone, given back.
    ([0x3ffe, 0], 16),
];

/// Whether an address is reachable by everybody on the internet, and leads nowhere else.
pub fn is_global(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !NOT_GLOBAL_V4.iter().any(|(network, bits)| {
            same_bits(ip.to_bits(), Ipv4Addr::from(*network).to_bits(), *bits)
        }),
        IpAddr::V6(ip) => {
            let within = |first: u16, second: u16, bits: u32| {
                let network = Ipv6Addr::new(first, second, 0, 0, 0, 0, 0, 0).to_bits();
                let shift = u128::BITS - bits;
                ip.to_bits() >> shift == network >> shift
            };
            within(GLOBAL_V6.0, 0, GLOBAL_V6.1)
                && !NOT_GLOBAL_V6
                    .iter()
                    .any(|([first, second], bits)| within(*first, *second, *bits))
        }
    }
}

fn same_bits(one: u32, other: u32, bits: u32) -> bool {
    let shift = u32::BITS - bits;
    one >> shift == other >> shift
}

/// Whether a call may go to an address: it is public, or the operator named its network.
pub(crate) fn is_allowed(ip: IpAddr, networks: &[Network]) -> bool {
    is_global(ip) || networks.iter().any(|network| network.0.contains(&ip))
}

/// Why a call is refused that would go to an address which is not public.
pub(crate) fn not_public(host: &str) -> String {
    format!(
        "`{host}` is not a public address; its operator would allow its network with `--allow-fetch-network`"
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_public_addresses_are_global() {
        for (text, expected) in [
            ("1.1.1.1", true),
            ("8.8.8.8", true),
            ("9.255.255.255", true),
            ("11.0.0.0", true),
            ("100.63.255.255", true),
            ("100.128.0.0", true),
            ("126.255.255.255", true),
            ("172.15.255.255", true),
            ("172.32.0.0", true),
            ("192.167.255.255", true),
            ("198.17.255.255", true),
            ("198.20.0.0", true),
            ("223.255.255.255", true),
            ("2606:4700:4700::1111", true),
            ("2a00:1450::1", true),
            ("2001:200::1", true),
            ("0.0.0.0", false),
            ("0.1.2.3", false),
            ("10.0.0.1", false),
            ("100.64.0.1", false),
            ("100.100.100.200", false),
            ("127.0.0.1", false),
            ("127.255.255.254", false),
            ("168.63.129.16", false),
            ("169.254.169.254", false),
            ("172.16.0.1", false),
            ("172.31.255.255", false),
            ("192.0.0.1", false),
            ("192.0.0.192", false),
            ("192.0.2.1", false),
            ("192.88.99.1", false),
            ("192.168.1.1", false),
            ("198.18.0.1", false),
            ("198.19.255.255", false),
            ("198.51.100.1", false),
            ("203.0.113.1", false),
            ("224.0.0.1", false),
            ("239.255.255.255", false),
            ("240.0.0.1", false),
            ("255.255.255.255", false),
            ("::", false),
            ("::1", false),
            ("::127.0.0.1", false),
            ("::8.8.8.8", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:8.8.8.8", false),
            ("::ffff:0:8.8.8.8", false),
            ("64:ff9b::8.8.8.8", false),
            ("64:ff9b::10.0.0.1", false),
            ("64:ff9b:1::1", false),
            ("100::1", false),
            ("2001::1", false),
            ("2001:0:4136:e378:8000:63bf:3fff:fdd2", false),
            ("2001:2::1", false),
            ("2001:10::1", false),
            ("2001:20::1", false),
            ("2001:db8::1", false),
            ("2002:7f00:1::1", false),
            ("3ffe::1", false),
            ("3fff::1", false),
            ("5f00::1", false),
            ("fc00::1", false),
            ("fd00:ec2::254", false),
            ("fe80::1", false),
            ("fec0::1", false),
            ("ff02::1", false),
        ] {
            assert_eq!(is_global(text.parse().unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn a_network_the_operator_names_is_allowed_and_nothing_beside_it() {
        let networks: Vec<Network> =
            ["127.0.0.0/8", "fd00::/8", "10.0.0.7"].map(|text| text.parse().unwrap()).to_vec();
        for (text, expected) in [
            ("127.0.0.1", true),
            ("fd00::1", true),
            ("10.0.0.7", true),
            ("10.0.0.8", false),
            ("::ffff:127.0.0.1", false),
            ("::1", false),
            ("8.8.8.8", true),
        ] {
            assert_eq!(is_allowed(text.parse().unwrap(), &networks), expected, "{text}");
        }
        assert!(
            ["", "10.0.0.0/33", "x", "10.0.0"].iter().all(|text| text.parse::<Network>().is_err())
        );
    }

    proptest! {
        #[test]
        fn no_embedding_makes_an_ipv4_address_global(bits in any::<u32>()) {
            let [a, b, c, d] = Ipv4Addr::from_bits(bits).octets();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            for embedded in [
                Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, high, low),
                Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low),
                Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, high, low),
                Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
                Ipv6Addr::new(0x2001, 0, 1, 1, 0, 0, !high, !low),
            ] {
                prop_assert!(!is_global(embedded.into()), "{}", embedded);
            }
        }

        #[test]
        fn what_the_standard_library_calls_special_is_not_global(bits in any::<u32>()) {
            let ip = Ipv4Addr::from_bits(bits);
            let special = ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_multicast()
                || ip.is_broadcast() || ip.is_documentation() || ip.is_unspecified();
            prop_assert!(!special || !is_global(ip.into()), "{}", ip);
        }

        #[test]
        fn nothing_special_of_ipv6_is_global(bits in any::<u128>()) {
            let ip = Ipv6Addr::from_bits(bits);
            let special = ip.is_loopback() || ip.is_multicast() || ip.is_unique_local()
                || ip.is_unicast_link_local() || ip.is_unspecified() || ip.to_ipv4().is_some();
            prop_assert!(!special || !is_global(ip.into()), "{}", ip);
        }
    }
}
