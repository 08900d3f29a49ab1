//! What builders take where several types say the same: header pairs, addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::error::Result;
use crate::request::Request;

/// The name in a pair given to `headers`: text or a `HeaderName`; none repeats the one before, as in the pairs of a `HeaderMap`.
///
/// ```
/// use dimorph::{Client, header};
///
/// let client = Client::new();
/// let request = client
///     .get("https://example.org/")
///     .headers([("x-a", "1"), ("x-b", "2")])
///     .headers([(header::ACCEPT, "text/plain")])
///     .build()?;
/// assert_eq!(request.headers()["accept"], "text/plain");
/// # Ok::<(), dimorph::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no name of a header",
    note = "text, a `HeaderName`, and the `Option<HeaderName>` of a `HeaderMap` that is iterated over are; a map is iterated over by value"
)]
pub trait HeaderKey {
    #[doc(hidden)]
    fn parse(self) -> Result<Option<HeaderName>>;
}

impl HeaderKey for Option<HeaderName> {
    fn parse(self) -> Result<Option<HeaderName>> {
        Ok(self)
    }
}

macro_rules! header_key {
    ($($name:ty),*) => {$(
        impl HeaderKey for $name {
            fn parse(self) -> Result<Option<HeaderName>> {
                Request::parse_header(self, HeaderValue::from_static("")).map(|(name, _)| Some(name))
            }
        }
    )*};
}

header_key!(&str, &String, String, HeaderName, &HeaderName);

/// Collects pairs into a map, appending where a name repeats.
pub(crate) fn header_map<I, K, V>(pairs: I) -> Result<HeaderMap>
where
    I: IntoIterator<Item = (K, V)>,
    K: HeaderKey,
    HeaderValue: TryFrom<V>,
    <HeaderValue as TryFrom<V>>::Error: Into<http::Error>,
{
    let mut map = HeaderMap::new();
    let mut last = None;
    for (key, value) in pairs {
        if let Some(name) = key.parse()? {
            last = Some(name);
        }
        if let Some(name) = &last {
            let (name, value) = Request::parse_header(name, value)?;
            map.append(name, value);
        }
    }
    Ok(map)
}

/// The addresses given to `resolve`: one or several, with or without ports. A port of 0, or none, stands for the URL's port.
///
/// ```
/// use std::net::{IpAddr, SocketAddr};
///
/// let ip: IpAddr = "::1".parse()?;
/// let several: Vec<SocketAddr> = vec!["192.0.2.1:443".parse()?, "192.0.2.2:443".parse()?];
/// let client = dimorph::Client::builder()
///     .resolve("one.example", ip)
///     .resolve("two.example", ([127, 0, 0, 1], 8080))
///     .resolve("three.example", several)
///     .build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait IntoAddresses {
    #[doc(hidden)]
    fn into_addresses(self) -> Vec<SocketAddr>;
}

macro_rules! one_address {
    ($($address:ty: $given:ident => $socket:expr),+ $(,)?) => {$(
        impl IntoAddresses for $address {
            fn into_addresses(self) -> Vec<SocketAddr> {
                let $given = self;
                vec![$socket]
            }
        }
    )+};
}

one_address! {
    SocketAddr: address => address,
    SocketAddrV4: address => address.into(),
    SocketAddrV6: address => address.into(),
    IpAddr: ip => (ip, 0).into(),
    Ipv4Addr: ip => (ip, 0).into(),
    Ipv6Addr: ip => (ip, 0).into(),
    [u8; 4]: ip => (ip, 0).into(),
    (IpAddr, u16): address => address.into(),
    (Ipv4Addr, u16): address => address.into(),
    (Ipv6Addr, u16): address => address.into(),
    ([u8; 4], u16): address => address.into(),
}

impl IntoAddresses for Vec<SocketAddr> {
    fn into_addresses(self) -> Vec<SocketAddr> {
        self
    }
}

impl IntoAddresses for &[SocketAddr] {
    fn into_addresses(self) -> Vec<SocketAddr> {
        self.to_vec()
    }
}

impl<const N: usize> IntoAddresses for [SocketAddr; N] {
    fn into_addresses(self) -> Vec<SocketAddr> {
        self.into()
    }
}

impl IntoAddresses for Vec<IpAddr> {
    fn into_addresses(self) -> Vec<SocketAddr> {
        self.into_iter().map(|ip| (ip, 0).into()).collect()
    }
}

impl<const N: usize> IntoAddresses for [IpAddr; N] {
    fn into_addresses(self) -> Vec<SocketAddr> {
        Vec::from(self).into_addresses()
    }
}

impl<const N: usize> IntoAddresses for [Ipv4Addr; N] {
    fn into_addresses(self) -> Vec<SocketAddr> {
        self.map(IpAddr::from).into_addresses()
    }
}

impl<const N: usize> IntoAddresses for &[SocketAddr; N] {
    fn into_addresses(self) -> Vec<SocketAddr> {
        self.to_vec()
    }
}

/// The address given to `local_address`, or none.
///
/// ```
/// use std::net::Ipv4Addr;
///
/// let client = dimorph::Client::builder().local_address(Ipv4Addr::LOCALHOST).build()?;
/// let client = dimorph::Client::builder().local_address(None).build()?;
/// # Ok::<(), dimorph::Error>(())
/// ```
pub trait IntoLocalAddress {
    #[doc(hidden)]
    fn into_address(self) -> Option<IpAddr>;
}

macro_rules! local_address {
    ($($address:ty),+) => {$(
        impl IntoLocalAddress for $address {
            fn into_address(self) -> Option<IpAddr> {
                Some(self.into())
            }
        }
    )+};
}

local_address!(IpAddr, Ipv4Addr, Ipv6Addr, [u8; 4]);

impl IntoLocalAddress for Option<IpAddr> {
    fn into_address(self) -> Option<IpAddr> {
        self
    }
}
