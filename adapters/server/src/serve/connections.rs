//! Which connections are open, and which of them wait for their peer: of these the longest waiting makes room for a newcomer.
//!
//! Whoever opens thousands of connections and keeps them so loses the oldest; a request that is sent at once is served.

use crate::limits::Limits;
use crate::proxies::Proxies;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// The open connections of one server.
#[derive(Clone, Debug)]
pub struct Connections(Arc<All>);

#[derive(Debug)]
struct All {
    most: usize,
    most_per_address: usize,
    /// These have no share.
    proxies: Proxies,
    table: Mutex<Table>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Table {
    open: usize,
    shares: HashMap<IpAddr, Share>,
    /// Those that wait for their peer, by the turn in which they began to.
    waiting: BTreeMap<u64, Arc<Place>>,
    last_turn: u64,
}

/// The connections of one address.
#[derive(Debug, Default)]
struct Share {
    open: usize,
    waiting: BTreeSet<u64>,
}

/// A connection as the table knows it.
#[derive(Debug)]
struct Place {
    address: Option<IpAddr>,
    /// Its turn while it waits. Changed only while the table is locked.
    turn: AtomicU64,
    turned_out: Notify,
}

/// In `Place::turn`: the server is at work for it.
const WORKING: u64 = 0;
/// In `Place::turn`: no longer in the table.
const GONE: u64 = u64::MAX;

/// A connection's right to be open. It is given back when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    all: Arc<All>,
    place: Arc<Place>,
}

impl Connections {
    /// None so far.
    pub fn new(limits: &Limits, proxies: Proxies) -> Self {
        let number = |n: std::num::NonZeroU32| usize::try_from(n.get()).unwrap_or(usize::MAX);
        Self(Arc::new(All {
            most: number(limits.connections),
            most_per_address: number(limits.connections_per_address),
            proxies,
            table: Mutex::default(),
            freed: Notify::new(),
        }))
    }

    /// How many are open now.
    pub fn open(&self) -> usize {
        self.0.lock().open
    }

    /// Whether this peer may speak plain HTTP here: this machine and the trusted proxies may.
    pub(super) fn may_be_plain(&self, peer: IpAddr) -> bool {
        peer.to_canonical().is_loopback() || self.0.proxies.trusts(peer)
    }

    /// A seat for a newcomer, if need be that of whoever has waited for its peer the longest. While the server works for
    /// all of them, it takes until one is ready. `None` if it works for all that this address may have.
    pub(super) async fn admit(&self, peer: IpAddr) -> Option<Seat> {
        let address = (!self.0.proxies.trusts(peer)).then(|| network(peer));
        loop {
            {
                let mut table = self.0.lock();
                let share = address.and_then(|address| table.shares.get(&address));
                if let Some(share) = share.filter(|share| share.open >= self.0.most_per_address) {
                    let longest = *share.waiting.first()?;
                    table.turn_out(longest);
                }
                if table.open < self.0.most || table.make_room() {
                    return Some(self.0.seat(&mut table, address));
                }
            }
            self.0.freed.notified().await;
        }
    }

    /// Closes the connection that has waited for its peer the longest; `false` if there is none.
    pub(super) fn make_room(&self) -> bool {
        self.0.lock().make_room()
    }
}

impl All {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seat(self: &Arc<Self>, table: &mut Table, address: Option<IpAddr>) -> Seat {
        let place = Arc::new(Place { address, turn: AtomicU64::new(WORKING), turned_out: Notify::new() });
        table.open += 1;
        if let Some(address) = address {
            table.shares.entry(address).or_default().open += 1;
        }
        table.wait(&place);
        Seat { all: Arc::clone(self), place }
    }
}

impl Table {
    /// Puts it at the end of those that wait.
    fn wait(&mut self, place: &Arc<Place>) {
        if !self.stop_waiting(place) {
            return;
        }
        self.last_turn += 1;
        place.turn.store(self.last_turn, Ordering::Relaxed);
        self.waiting.insert(self.last_turn, Arc::clone(place));
        if let Some(share) = place.address.and_then(|address| self.shares.get_mut(&address)) {
            share.waiting.insert(self.last_turn);
        }
    }

    /// `false` if it is no longer there at all.
    fn stop_waiting(&mut self, place: &Place) -> bool {
        let turn = place.turn.load(Ordering::Relaxed);
        if turn == GONE {
            return false;
        }
        self.waiting.remove(&turn);
        if let Some(share) = place.address.and_then(|address| self.shares.get_mut(&address)) {
            share.waiting.remove(&turn);
        }
        place.turn.store(WORKING, Ordering::Relaxed);
        true
    }

    fn remove(&mut self, place: &Place) {
        if !self.stop_waiting(place) {
            return;
        }
        place.turn.store(GONE, Ordering::Relaxed);
        self.open -= 1;
        let Some(address) = place.address else { return };
        if let Some(share) = self.shares.get_mut(&address) {
            share.open -= 1;
            if share.open == 0 {
                self.shares.remove(&address);
            }
        }
    }

    fn make_room(&mut self) -> bool {
        let longest = self.waiting.first_key_value().map(|(turn, _)| *turn);
        longest.inspect(|turn| self.turn_out(*turn)).is_some()
    }

    fn turn_out(&mut self, turn: u64) {
        if let Some(place) = self.waiting.get(&turn).cloned() {
            self.remove(&place);
            place.turned_out.notify_one();
        }
    }
}

impl Seat {
    /// The peer has done its part: from now on the server works for it.
    pub(super) fn works(&self) {
        self.all.lock().stop_waiting(&self.place);
    }

    /// The server has done its part.
    pub(super) fn waits(&self) {
        self.all.lock().wait(&self.place);
        // It can make room now.
        self.all.freed.notify_one();
    }

    /// Done when the seat is taken away.
    pub(super) async fn taken_away(&self) {
        self.place.turned_out.notified().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.all.lock().remove(&self.place);
        self.all.freed.notify_one();
    }
}

/// What counts as one address: providers give each customer an IPv6 network of 64 bits or more.
fn network(peer: IpAddr) -> IpAddr {
    const HOST: u128 = (1 << 64) - 1;
    match peer.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !HOST)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn connections(most: u32, most_per_address: u32) -> Connections {
        let limits = Limits {
            connections: most.try_into().unwrap(),
            connections_per_address: most_per_address.try_into().unwrap(),
            ..Limits::default()
        };
        Connections::new(&limits, Proxies::read(["10.0.0.5"]).unwrap())
    }

    fn now<T>(future: impl Future<Output = T>) -> Poll<T> {
        pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    fn admit(connections: &Connections, peer: &str) -> Seat {
        match now(connections.admit(peer.parse().unwrap())) {
            Poll::Ready(Some(seat)) => seat,
            other => panic!("{other:?}"),
        }
    }

    fn is_out(seat: &Seat) -> bool {
        now(seat.taken_away()).is_ready()
    }

    #[test]
    fn the_longest_waiting_makes_room() {
        let all = connections(3, 3);
        let [a, b, c] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(|peer| admit(&all, peer));
        a.works();
        b.works();
        b.waits();
        let _d = admit(&all, "192.0.2.4");
        assert!(is_out(&c), "it is the only one that never did anything");
        let _e = admit(&all, "192.0.2.5");
        assert!(is_out(&b) && !is_out(&a), "whoever is worked for stays");
        assert_eq!(all.open(), 3);
    }

    #[test]
    fn a_newcomer_waits_while_all_are_worked_for() {
        let all = connections(1, 1);
        let a = admit(&all, "192.0.2.1");
        a.works();
        assert!(now(all.admit("192.0.2.2".parse().unwrap())).is_pending());
        a.waits();
        let _b = admit(&all, "192.0.2.2");
        assert!(is_out(&a));
        a.works();
        a.waits();
        drop(a);
        assert_eq!(all.open(), 1, "whoever is out does not come back, nor leave twice");
    }

    #[test]
    fn an_address_has_its_share() {
        let all = connections(9, 2);
        let [a, b] = ["2001:db8:1:1::1", "2001:db8:1:1:ffff::2"].map(|peer| admit(&all, peer));
        let other = admit(&all, "2001:db8:1:2::1");
        let c = admit(&all, "2001:db8:1:1::3");
        assert!(is_out(&a) && !is_out(&b) && !is_out(&other));
        b.works();
        c.works();
        assert!(matches!(now(all.admit("2001:db8:1:1::4".parse().unwrap())), Poll::Ready(None)));
        drop(b);
        assert!(matches!(now(all.admit("2001:db8:1:1::4".parse().unwrap())), Poll::Ready(Some(_))));
    }

    #[test]
    fn a_trusted_proxy_speaks_for_many() {
        let all = connections(9, 1);
        let seats = [(); 5].map(|()| admit(&all, "::ffff:10.0.0.5"));
        assert_eq!(all.open(), 5);
        drop(seats);
        let table = all.0.lock();
        assert!(table.open == 0 && table.shares.is_empty() && table.waiting.is_empty(), "{table:?}");
    }

    #[test]
    fn plain_http_is_for_this_machine_and_for_proxies() {
        let all = connections(1, 1);
        for (peer, may) in [("127.0.0.9", true), ("::1", true), ("::ffff:127.0.0.1", true), ("10.0.0.5", true)] {
            assert_eq!(all.may_be_plain(peer.parse().unwrap()), may, "{peer}");
        }
        for peer in ["10.0.0.6", "192.0.2.1", "::ffff:192.0.2.1", "fe80::1"] {
            assert!(!all.may_be_plain(peer.parse().unwrap()), "{peer}");
        }
    }
}
