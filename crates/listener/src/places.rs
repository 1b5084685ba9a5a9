//! The places for connections of a plane, shared fairly when there are none left: one address cannot keep all others away.
//!
//! A newcomer whose address holds fewer places than another does takes one of that other's: that of the connection which
//! has been idle for longest, or if none is idle, that of the one that has been sent nothing for longest. A proxy that is
//! trusted speaks for many, so its connections are the last to go, and none that is busy goes for a stranger.

use crate::activity::Activity;
use crate::is_trusted;
use ipnet::IpNet;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// A bounded number of places.
#[derive(Clone)]
pub(crate) struct Places {
    held: Arc<Mutex<Vec<Arc<Seat>>>>,
    most: usize,
    proxies: Arc<[IpNet]>,
}

/// Who has a place, and what they do there.
struct Seat {
    holder: IpAddr,
    is_proxy: bool,
    activity: Arc<Activity>,
    /// Told when somebody else has it.
    taken: Notify,
}

/// A place, given back when it is dropped.
pub(crate) struct Place {
    seat: Arc<Seat>,
    of: Places,
}

impl Places {
    pub(crate) fn new(most: usize, proxies: Arc<[IpNet]>) -> Self {
        Self {
            held: Arc::default(),
            most,
            proxies,
        }
    }

    /// A place for a connection from an address, if there is one left or to be had.
    pub(crate) fn take(&self, peer: IpAddr) -> Option<Place> {
        let seat = Arc::new(Seat {
            holder: holder(peer),
            is_proxy: is_trusted(peer, &self.proxies),
            activity: Arc::default(),
            taken: Notify::new(),
        });
        let mut held = self.lock();
        if held.len() >= self.most {
            let loser = find_loser(&held, &seat)?;
            let loser = held.swap_remove(loser);
            loser.taken.notify_one();
        }
        held.push(Arc::clone(&seat));
        Some(Place {
            seat,
            of: self.clone(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Seat>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whose place a newcomer gets.
fn find_loser(held: &[Arc<Seat>], newcomer: &Seat) -> Option<usize> {
    // Proxies lose nothing as long as there is anybody else.
    let among_proxies = held.iter().all(|seat| seat.is_proxy);
    let mut shares: HashMap<IpAddr, usize> = HashMap::new();
    for seat in held.iter().filter(|seat| seat.is_proxy == among_proxies) {
        *shares.entry(seat.holder).or_default() += 1;
    }
    let most = shares.values().copied().max()?;
    // A proxy's connections are not among those that strangers hold, so that it has none there.
    let own = shares.get(&newcomer.holder).copied().unwrap_or(0);
    if own >= most {
        return None;
    }
    held.iter()
        .enumerate()
        .filter(|(_, seat)| shares.get(&seat.holder) == Some(&most))
        .map(|(index, seat)| (seat.activity.now(), index))
        .filter(|((is_busy, _), _)| !(among_proxies && *is_busy))
        .min()
        .map(|(_, index)| index)
}

/// Whoever has one address of IPv6 has the whole network of 64 bits.
fn holder(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

impl Place {
    /// Serves a connection to its end, or until the place is somebody else's.
    pub(crate) async fn hold(self, connection: impl Future<Output = ()>) {
        tokio::select! {
            () = connection => {}
            () = self.seat.taken.notified() => tracing::debug!("a connection gave way to one of another address"),
        }
    }

    /// What its connection does: the one with the least to do goes first when another needs the place.
    pub(crate) fn activity(&self) -> Arc<Activity> {
        Arc::clone(&self.seat.activity)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.of.lock().retain(|seat| !Arc::ptr_eq(seat, &self.seat));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(most: usize) -> Places {
        Places::new(most, ["10.0.0.1/32".parse().unwrap()].into())
    }

    fn take(places: &Places, peer: &str) -> Option<Place> {
        places.take(peer.parse().unwrap())
    }

    /// Which of some places are somebody else's by now.
    fn lost(held: &[&Place]) -> Vec<usize> {
        let now = held[0].of.lock().clone();
        let has = |place: &Place| now.iter().any(|seat| Arc::ptr_eq(seat, &place.seat));
        (0..held.len()).filter(|index| !has(held[*index])).collect()
    }

    #[test]
    fn d10_an_address_that_holds_no_fewer_than_all_others_gets_no_more() {
        let places = places(4);
        let held: Vec<_> = (0..4).map(|_| take(&places, "192.0.2.1").unwrap()).collect();
        assert!(take(&places, "192.0.2.1").is_none() && take(&places, "::ffff:192.0.2.1").is_none());
        assert_eq!(lost(&held.iter().collect::<Vec<_>>()), [0; 0]);
        drop(held);
        assert!(take(&places, "192.0.2.1").is_some());
    }

    #[test]
    fn d1_the_connection_that_is_idle_for_longest_gives_way_to_another_address() {
        let places = places(4);
        let held: Vec<_> = (0..4).map(|_| take(&places, "2001:db8::1").unwrap()).collect();
        let all: Vec<_> = held.iter().collect();
        let busy = Activity::ask(&held[0].activity());
        drop(Activity::ask(&held[1].activity()));
        // Of the same network.
        assert!(take(&places, "2001:db8::ffff").is_none());
        let second = take(&places, "2001:db8:1::1").unwrap();
        assert_eq!(lost(&all), [2]);
        let third = take(&places, "192.0.2.1").unwrap();
        assert_eq!(lost(&all), [2, 3]);
        // Two and one and one.
        let fourth = take(&places, "192.0.2.2").unwrap();
        assert_eq!(lost(&all), [1, 2, 3]);
        assert_eq!(lost(&[&second, &third, &fourth]), [0; 0]);
        // Busy ones go last, and nobody is better off than with one.
        assert!(take(&places, "192.0.2.2").is_none());
        let fifth = take(&places, "192.0.2.3").unwrap();
        assert_eq!(lost(&[&held[0], &second, &third, &fourth, &fifth]), [1]);
        drop(busy);
    }

    #[test]
    fn d1_a_busy_connection_gives_way_when_none_is_idle() {
        let places = places(3);
        let held: Vec<_> = (0..3).map(|_| take(&places, "192.0.2.1").unwrap()).collect();
        let _busy: Vec<_> = held
            .iter()
            .map(|place| Activity::ask(&place.activity()))
            .collect();
        drop(Activity::ask(&held[0].activity()));
        let newcomer = take(&places, "192.0.2.2").unwrap();
        assert_eq!(lost(&held.iter().chain([&newcomer]).collect::<Vec<_>>()), [1]);
    }

    #[test]
    fn d1_a_trusted_proxy_loses_nothing_to_strangers_but_what_it_does_not_use() {
        let places = places(3);
        let proxied: Vec<_> = (0..2).map(|_| take(&places, "10.0.0.1").unwrap()).collect();
        let stranger = take(&places, "192.0.2.1").unwrap();
        let all = [&proxied[0], &proxied[1], &stranger];
        assert!(take(&places, "192.0.2.1").is_none());
        assert_eq!(lost(&all), [0; 0]);
        // It speaks for many: it gets the places of others, however many it has.
        let third = take(&places, "10.0.0.1").unwrap();
        assert_eq!(lost(&all), [2]);
        assert!(take(&places, "10.0.0.1").is_none());
        let busy = [&proxied[0], &third].map(|place| Activity::ask(&place.activity()));
        let other = take(&places, "192.0.2.2").unwrap();
        assert_eq!(lost(&all), [1, 2]);
        drop(other);
        let refilled = take(&places, "10.0.0.1").unwrap();
        let all_busy = Activity::ask(&refilled.activity());
        assert!(take(&places, "192.0.2.2").is_none());
        drop((busy, all_busy));
    }
}
