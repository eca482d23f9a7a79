//! Where callouts may go: to the public internet, and wherever else the operator says.
//!
//! Whoever may submit a job names a URL that this server then calls, from within the operator's network. So every address
//! is held against the list of networks that are not the public internet, after the name has been resolved, and the
//! connection is made to an address that was held against it: a name that resolves to another one a moment later
//! changes nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::Deserialize;
use ureq::http::Uri;

/// Where callouts may go although it is not the public internet: a host by its name, or the addresses of a network.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub enum Allowed {
    Host(String),
    Net(IpNet),
}

impl TryFrom<String> for Allowed {
    type Error = String;

    fn try_from(text: String) -> Result<Allowed, String> {
        if let Ok(net) = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)) {
            return Ok(Allowed::Net(net));
        }
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if text.is_empty() || !text.bytes().all(is_host) {
            return Err(format!("{text:?} is neither a host, nor an address, nor a network as in 10.0.0.0/8"));
        }
        Ok(Allowed::Host(text))
    }
}

impl Allowed {
    /// This machine itself.
    pub fn loopback() -> Vec<Allowed> {
        vec![Allowed::Net(v4([127, 0, 0, 0], 8).into()), Allowed::Net(v6([0, 0, 0, 0, 0, 0, 0, 1], 128).into())]
    }

    fn covers(&self, host: &str, address: IpAddr) -> bool {
        match self {
            Allowed::Host(name) => name.eq_ignore_ascii_case(host),
            Allowed::Net(net) => net.contains(&address.to_canonical()),
        }
    }
}

/// An address that is not called.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{address} is not a public address ({network}); `callout.allow` can list it")]
pub struct Refused {
    pub address: IpAddr,
    pub network: &'static str,
}

/// Those of a host's addresses that may be called, or why none may.
pub fn vet(host: &str, addresses: &[SocketAddr], allow: &[Allowed]) -> Result<Vec<SocketAddr>, Refused> {
    let mut vetted = Vec::new();
    let mut refused = None;
    for address in addresses {
        match network(address.ip()).filter(|_| !allow.iter().any(|allowed| allowed.covers(host, address.ip()))) {
            None => vetted.push(*address),
            Some(network) => refused = Some(Refused { address: address.ip(), network }),
        }
    }
    match refused {
        Some(refused) if vetted.is_empty() => Err(refused),
        _ => Ok(vetted),
    }
}

/// A URL that may be called, as far as it says so itself: http or https, with a host, and without a password, which would be
/// shown wherever the URL is.
pub fn target(url: &str) -> Result<Uri, String> {
    let uri: Uri = url.parse().map_err(|error| format!("it is no URL: {error}"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err("it is no http or https URL".to_owned());
    }
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err("it has a user or a password in it".to_owned());
    }
    if uri.host().is_none_or(str::is_empty) {
        return Err("it names no host".to_owned());
    }
    Ok(uri)
}

/// Scheme, host and port of a URL; nothing of what is no URL.
pub fn origin(url: &str) -> String {
    let parts = target(url).ok().map(Uri::into_parts);
    let origin = parts.and_then(|parts| Some(format!("{}://{}", parts.scheme?, parts.authority?)));
    origin.unwrap_or_default()
}

/// Why a URL will not be called, as far as can be said without a name server.
pub fn obstacle(url: &str, allow: &[Allowed]) -> Option<String> {
    let uri = match target(url) {
        Ok(uri) => uri,
        Err(why) => return Some(why),
    };
    let host = uri.host().unwrap_or_default();
    let address = match host {
        "localhost" => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        host => host.trim_matches(['[', ']']).parse().ok(),
    };
    let port = uri.port_u16().unwrap_or_default();
    vet(host, &[SocketAddr::new(address?, port)], allow).err().map(|refused| refused.to_string())
}

/// What kind of network an address belongs to, if not to the public internet. An IPv6 address that stands for an IPv4 one is
/// what that one is: a translator on the way would lead there.
fn network(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => SPECIAL_V4.iter().find(|(net, _)| net.contains(&address)).map(|(_, kind)| *kind),
        IpAddr::V6(address) => match embedded(address) {
            Some(embedded) => network(IpAddr::V4(embedded)),
            None => network_v6(address),
        },
    }
}

fn network_v6(address: Ipv6Addr) -> Option<&'static str> {
    let special = SPECIAL_V6.iter().find(|(net, _)| net.contains(&address)).map(|(_, kind)| *kind);
    special.or_else(|| (!GLOBAL_V6.contains(&address)).then_some("unassigned"))
}

/// The IPv4 address in a mapped (`::ffff:0:0/96`), translated (`64:ff9b::/96`) or 6to4 (`2002::/16`) one.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let ipv4 = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(ipv4(high, low)),
        [0x2002, high, low, ..] => Some(ipv4(high, low)),
        _ => None,
    }
}

/// All that has been given out to be used on the public internet.
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// IANA's registry of special-purpose addresses, multicast, and one address of a cloud.
const SPECIAL_V4: [(Ipv4Net, &str); 18] = [
    (v4([0, 0, 0, 0], 8), "unspecified"),
    (v4([10, 0, 0, 0], 8), "private"),
    (v4([100, 64, 0, 0], 10), "shared by customers of a provider"),
    (v4([127, 0, 0, 0], 8), "loopback"),
    (v4([168, 63, 129, 16], 32), "metadata of a cloud"),
    (v4([169, 254, 169, 254], 32), "metadata of a cloud"),
    (v4([169, 254, 0, 0], 16), "link-local"),
    (v4([172, 16, 0, 0], 12), "private"),
    (v4([192, 0, 0, 0], 24), "for protocols"),
    (v4([192, 0, 2, 0], 24), "for documentation"),
    (v4([192, 88, 99, 0], 24), "for 6to4 relays"),
    (v4([192, 168, 0, 0], 16), "private"),
    (v4([198, 18, 0, 0], 15), "for benchmarks"),
    (v4([198, 51, 100, 0], 24), "for documentation"),
    (v4([203, 0, 113, 0], 24), "for documentation"),
    (v4([224, 0, 0, 0], 4), "multicast"),
    (v4([255, 255, 255, 255], 32), "broadcast"),
    (v4([240, 0, 0, 0], 4), "reserved"),
];

const SPECIAL_V6: [(Ipv6Net, &str); 9] = [
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 128), "unspecified"),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), "loopback"),
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), "for translation within a network"),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), "for protocols"),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), "for documentation"),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), "for documentation"),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), "private"),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), "link-local"),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), "multicast"),
];

const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6([a, b, c, d, e, f, g, h]: [u16; 8], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line for each: an address, and what it is if it is not public.
    const ADDRESSES: &str = "
        8.8.8.8
        1.1.1.1
        100.63.255.255
        100.128.0.0
        172.15.255.255
        172.32.0.0
        192.0.1.0
        198.17.255.255
        223.255.255.255
        2606:4700::1111
        2a00:1450:4001::1
        2001:200::1
        ::ffff:8.8.8.8
        64:ff9b::8.8.8.8
        2002:808:808::1

        0.0.0.0                 unspecified
        0.1.2.3                 unspecified
        10.0.0.1                private
        100.64.0.1              shared by customers of a provider
        100.100.100.200         shared by customers of a provider
        127.0.0.1               loopback
        127.255.255.254         loopback
        168.63.129.16           metadata of a cloud
        169.254.169.254         metadata of a cloud
        169.254.0.1             link-local
        172.16.0.1              private
        172.31.255.255          private
        192.0.0.8               for protocols
        192.0.2.1               for documentation
        192.88.99.1             for 6to4 relays
        192.168.0.1             private
        198.18.0.1              for benchmarks
        198.19.255.255          for benchmarks
        198.51.100.1            for documentation
        203.0.113.1             for documentation
        224.0.0.1               multicast
        239.255.255.255         multicast
        240.0.0.1               reserved
        255.255.255.255         broadcast

        ::                      unspecified
        ::1                     loopback
        ::127.0.0.1             unassigned
        ::ffff:127.0.0.1        loopback
        ::ffff:169.254.169.254  metadata of a cloud
        ::ffff:0:10.0.0.1       unassigned
        64:ff9b::10.0.0.1       private
        64:ff9b:1::10.0.0.1     for translation within a network
        100::1                  unassigned
        2001::1                 for protocols
        2001:20::1              for protocols
        2001:db8::1             for documentation
        2002:7f00:1::1          loopback
        2002:a9fe:a9fe::        metadata of a cloud
        3fff::1                 for documentation
        4000::1                 unassigned
        5f00::1                 unassigned
        fc00::1                 private
        fd00:ec2::254           private
        fe80::1                 link-local
        fec0::1                 unassigned
        ff02::1                 multicast
    ";

    #[test]
    fn only_public_addresses_are_called() {
        for line in ADDRESSES.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (address, expected) = line.split_once(' ').map_or((line, None), |(a, kind)| (a, Some(kind.trim())));
            let refused = vet("example.com", &[SocketAddr::new(address.parse().unwrap(), 443)], &[]);
            assert_eq!(refused.err().map(|refused| refused.network), expected, "{address}");
        }
    }

    fn allow(list: &[&str]) -> Vec<Allowed> {
        list.iter().map(|text| Allowed::try_from(text.to_string()).unwrap()).collect()
    }

    #[test]
    fn what_is_allowed_is_called_and_no_more() {
        let vetted = |host: &str, addresses: &[&str], list: &[&str]| {
            let addresses: Vec<SocketAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
            vet(host, &addresses, &allow(list))
                .map(|vetted| vetted.len())
                .map_err(|refused| refused.address.to_string())
        };
        assert_eq!(vetted("a.example", &["10.1.2.3:80"], &["10.0.0.0/8"]), Ok(1));
        assert_eq!(vetted("a.example", &["[::ffff:10.1.2.3]:80"], &["10.0.0.0/8"]), Ok(1));
        assert_eq!(vetted("a.example", &["10.1.2.3:80"], &["10.1.2.4"]), Err("10.1.2.3".to_owned()));
        assert_eq!(vetted("a.example", &["10.1.2.3:80"], &["A.Example"]), Ok(1));
        assert_eq!(vetted("b.a.example", &["10.1.2.3:80"], &["a.example"]), Err("10.1.2.3".to_owned()));
        assert_eq!(vetted("a.example", &["[fd00::1]:80"], &["fd00::/8"]), Ok(1));
        assert_eq!(vetted("a.example", &["10.1.2.3:80", "8.8.8.8:80"], &[]), Ok(1), "the public one only");
        for wrong in ["", "10.0.0.0/33", "http://a.example", "a.example:80", "*"] {
            assert!(Allowed::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_url_says_itself_what_is_wrong_with_it() {
        for (url, said) in [
            ("ftp://example.com/", "no http or https URL"),
            ("file:///etc/passwd", "it is no"),
            ("example.com", "no http or https URL"),
            ("/path", "no http or https URL"),
            ("http://", "no URL"),
            ("http://a b/", "no URL"),
            ("https://kim:secret@example.com/", "a user or a password"),
            ("http://example.com@10.0.0.1/", "a user or a password"),
            ("http://localhost:9000/", "127.0.0.1 is not a public address (loopback); `callout.allow` can list it"),
            ("http://[::1]/", "loopback"),
            ("http://169.254.169.254/latest/", "metadata of a cloud"),
        ] {
            let found = obstacle(url, &[]);
            assert!(found.as_ref().is_some_and(|found| found.contains(said)), "{url}: {found:?}");
        }
        assert_eq!(obstacle("https://example.com:8443/a?job=1", &[]), None);
        assert_eq!(origin("https://example.com:8443/a?job=1"), "https://example.com:8443");
        assert_eq!(origin("https://kim:secret@example.com/"), "");
        assert_eq!(obstacle("http://localhost:9000/", &allow(&["127.0.0.0/8"])), None);
    }
}
