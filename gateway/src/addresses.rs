//! Where a client is, and how many streams and connections are open from there.
//!
//! Behind an ingress every connection is the ingress's: where the peer is one of the trusted proxies, the client is the
//! last address in `X-Forwarded-For` that is not. Of IPv6 a client has the whole /64.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::HeaderMap;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// A range of addresses, `ADDRESS/BITS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    first: u128,
    bits: u32,
}

/// A text that is no range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a range of addresses such as 10.0.0.0/8 or fd00::/8")]
pub struct NotARange(String);

/// An address as one of IPv6, which has those of IPv4 among them.
fn wide(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(four) => four.to_ipv6_mapped().to_bits(),
        IpAddr::V6(six) => six.to_bits(),
    }
}

/// What is left of an address when only its first bits count.
fn masked(address: u128, bits: u32) -> u128 {
    address & u128::MAX.checked_shl(128 - bits).unwrap_or_default()
}

impl Range {
    fn has(self, address: IpAddr) -> bool {
        masked(wide(address), self.bits) == self.first
    }
}

impl FromStr for Range {
    type Err = NotARange;

    fn from_str(text: &str) -> Result<Self, NotARange> {
        let wrong = || NotARange(text.to_owned());
        let (address, bits) = text.trim().split_once('/').ok_or_else(wrong)?;
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let bits: u32 = bits.parse().map_err(|_| wrong())?;
        let (most, before) = if address.is_ipv4() { (32, 96) } else { (128, 0) };
        let bits = if bits <= most { bits + before } else { return Err(wrong()) };
        Ok(Self { first: masked(wide(address), bits), bits })
    }
}

/// Who counts as one: an address of IPv4, or a /64 of IPv6.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Client(u128);

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let six = Ipv6Addr::from_bits(self.0);
        match six.to_ipv4_mapped() {
            Some(four) => write!(f, "{four}"),
            None => write!(f, "{six}/64"),
        }
    }
}

impl From<IpAddr> for Client {
    fn from(address: IpAddr) -> Self {
        let address = wide(address);
        let is_four = Ipv6Addr::from_bits(address).to_ipv4_mapped().is_some();
        Self(if is_four { address } else { masked(address, 64) })
    }
}

/// How many places each client has taken.
type Taken = Mutex<HashMap<Client, usize>>;

/// The places of each client. Clones share them.
#[derive(Debug, Clone)]
pub struct Addresses {
    trusted: Arc<[Range]>,
    most: usize,
    taken: Arc<Taken>,
}

/// One place, given back when it is dropped.
#[derive(Debug, Default)]
pub struct Place(Option<(Client, Arc<Taken>)>);

impl Addresses {
    /// So many places for each client; `trusted` are proxies.
    pub fn new(trusted: impl IntoIterator<Item = Range>, most: usize) -> Self {
        Self { trusted: trusted.into_iter().collect(), most, taken: Arc::default() }
    }

    /// The same rules, and places of their own.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self { taken: Arc::default(), ..self.clone() }
    }

    /// Whether the peer speaks for others.
    pub fn is_proxy(&self, peer: IpAddr) -> bool {
        self.trusted.iter().any(|range| range.has(peer))
    }

    /// Who asks.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Client {
        if !self.is_proxy(peer) {
            return peer.into();
        }
        let values = headers.get_all(FORWARDED_FOR).into_iter().rev().filter_map(|value| value.to_str().ok());
        let hops = values.flat_map(|value| value.rsplit(',')).map_while(|hop| hop.trim().parse::<IpAddr>().ok());
        // What stands before the first that is not ours may be made up. With ours alone it is the one farthest off.
        let mut farthest = peer;
        for hop in hops {
            farthest = hop;
            if !self.is_proxy(hop) {
                break;
            }
        }
        farthest.into()
    }

    /// A place of the client's, if there is one left.
    pub fn take(&self, client: Client) -> Option<Place> {
        let mut taken = lock(&self.taken);
        let count = taken.entry(client).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Place(Some((client, Arc::clone(&self.taken)))))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((client, all)) = &self.0 else { return };
        let mut taken = lock(all);
        if let Some(count) = taken.get_mut(client) {
            *count -= 1;
            if *count == 0 {
                taken.remove(client);
            }
        }
    }
}

fn lock(taken: &Taken) -> MutexGuard<'_, HashMap<Client, usize>> {
    // Nothing panics while it is held.
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn addresses(most: usize) -> Addresses {
        Addresses::new(["10.0.0.0/8", "fd00::/8"].map(|range| range.parse().unwrap()), most)
    }

    #[test]
    fn a_range_is_an_address_and_a_number_of_bits() {
        let range: Range = "10.1.0.0/16".parse().unwrap();
        assert!(range.has(ip("10.1.255.1")) && range.has(ip("::ffff:10.1.0.7")));
        assert!(!range.has(ip("10.2.0.1")) && !range.has(ip("fd00::1")));
        assert!("0.0.0.0/0".parse::<Range>().unwrap().has(ip("9.9.9.9")));
        assert!("::/0".parse::<Range>().unwrap().has(ip("9.9.9.9")));
        for bad in ["", "10.0.0.0", "10.0.0.0/33", "fd00::/129", "10.0.0/8", "ten/8"] {
            assert_eq!(bad.parse::<Range>(), Err(NotARange(bad.to_owned())));
        }
    }

    #[test]
    fn the_client_is_the_last_hop_that_is_no_proxy_of_ours_and_only_proxies_are_asked() {
        let client = |peer: &str, forwarded: &[&str]| {
            let headers = forwarded.iter().map(|value| (FORWARDED_FOR.parse().unwrap(), value.parse().unwrap()));
            addresses(1).client(ip(peer), &headers.collect())
        };
        let is = |of: Client, address: &str| assert_eq!(of, Client::from(ip(address)));
        is(client("8.8.8.8", &["1.1.1.1"]), "8.8.8.8");
        is(client("10.0.0.1", &["1.1.1.1"]), "1.1.1.1");
        is(client("10.0.0.1", &["6.6.6.6, 1.1.1.1"]), "1.1.1.1");
        is(client("10.0.0.1", &["6.6.6.6", "1.1.1.1, 10.0.0.2"]), "1.1.1.1");
        is(client("10.0.0.1", &["6.6.6.6, nonsense"]), "10.0.0.1");
        is(client("10.0.0.1", &[]), "10.0.0.1");
        is(client("10.0.0.1", &["10.7.7.7"]), "10.7.7.7");
        is(client("fd00::1", &["2001:db8:1:2:3::4"]), "2001:db8:1:2:ffff::");
    }

    #[test]
    fn a_client_has_so_many_places_and_gets_them_back() {
        let addresses = addresses(2);
        let (one, other) = (Client::from(ip("1.1.1.1")), Client::from(ip("1.1.1.2")));
        let held = [addresses.take(one), addresses.take(one)];
        assert!(held.iter().all(Option::is_some));
        assert!(addresses.take(one).is_none());
        assert!(addresses.take(other).is_some() && addresses.apart().take(one).is_some());
        drop(held);
        assert!(addresses.take(one).is_some());
        assert!(lock(&addresses.taken).is_empty());
    }
}
