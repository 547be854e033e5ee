//! Addresses of host names: overridden, remembered, or asked of the system.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use super::settings::{Family, Settings};
use super::trace::Fault;
use crate::failure::FailureKind;

/// Addresses of names, and until when (clock nanoseconds) they are remembered.
#[derive(Default)]
pub(super) struct Names(RefCell<HashMap<String, (i64, Vec<IpAddr>)>>);

impl Names {
    /// The addresses of `host`, in the order in which they are to be tried.
    pub(super) async fn resolve(&self, host: &str, port: u16, settings: &Settings, now: i64) -> Result<Vec<SocketAddr>, Fault> {
        if let Some(address) = settings.hosts.get(host) {
            return Ok(vec![SocketAddr::new(*address, port)]);
        }
        let remembered = self.0.borrow().get(host).filter(|(until, _)| now < *until).map(|(_, addresses)| addresses.clone());
        let addresses = match remembered {
            Some(addresses) => addresses,
            None => self.ask(host, port, settings, now).await?,
        };
        Ok(addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect())
    }

    async fn ask(&self, host: &str, port: u16, settings: &Settings, now: i64) -> Result<Vec<IpAddr>, Fault> {
        let found = tokio::net::lookup_host((host, port)).await;
        let found = found.map_err(|error| Fault::new(FailureKind::Dns, format!("{host}: {error}")))?;
        let addresses = ordered(found.map(|address| address.ip()).collect(), settings.family);
        if addresses.is_empty() {
            return Err(Fault::new(FailureKind::Dns, format!("{host} has no address of the family asked for")));
        }
        let until = now.saturating_add(i64::try_from(settings.dns_ttl_ns).unwrap_or(i64::MAX));
        self.0.borrow_mut().insert(host.to_owned(), (until, addresses.clone()));
        Ok(addresses)
    }
}

fn ordered(mut addresses: Vec<IpAddr>, family: Family) -> Vec<IpAddr> {
    match family {
        Family::Any => {}
        Family::Only4 => addresses.retain(IpAddr::is_ipv4),
        Family::Only6 => addresses.retain(IpAddr::is_ipv6),
        Family::Prefer4 => addresses.sort_by_key(IpAddr::is_ipv6),
        Family::Prefer6 => addresses.sort_by_key(IpAddr::is_ipv4),
    }
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_is_remembered_for_its_time_and_then_asked_for_again() {
        let (names, settings) = (Names::default(), Settings { dns_ttl_ns: 50, family: Family::Only4, ..Settings::default() });
        let planted: IpAddr = "192.0.2.1".parse().unwrap();
        let until = |names: &Names| names.0.borrow().get("localhost").map(|(until, _)| *until);
        names.0.borrow_mut().insert("localhost".to_owned(), (100, vec![planted]));
        assert_eq!(names.resolve("localhost", 80, &settings, 99).await.unwrap(), [SocketAddr::new(planted, 80)]);
        let asked = names.resolve("localhost", 80, &settings, 100).await.unwrap();
        assert!(!asked.is_empty() && asked.iter().all(|address| address.ip().is_loopback()), "{asked:?}");
        assert_eq!(until(&names), Some(150));
        let hosts = HashMap::from([("localhost".to_owned(), planted)]);
        let overridden = Settings { hosts, ..settings };
        assert_eq!(names.resolve("localhost", 80, &overridden, 100).await.unwrap(), [SocketAddr::new(planted, 80)]);
    }

    #[test]
    fn a_family_chooses_and_orders_addresses() {
        let (four, six): (IpAddr, IpAddr) = ("127.0.0.1".parse().unwrap(), "::1".parse().unwrap());
        let table: [(Family, Vec<IpAddr>); 5] = [
            (Family::Any, vec![six, four]),
            (Family::Only4, vec![four]),
            (Family::Only6, vec![six]),
            (Family::Prefer4, vec![four, six]),
            (Family::Prefer6, vec![six, four]),
        ];
        for (family, wanted) in table {
            assert_eq!(ordered(vec![six, four], family), wanted, "{family:?}");
        }
    }
}
