//! Which connections are open, and which of them wait for their peer: of these the longest waiting makes room for a newcomer.
//!
//! Whoever opens thousands of connections and keeps them so loses the oldest; a request that is sent at once is served.

use crate::limits::Limits;
use crate::proxies::Proxies;
use std::collections::{BTreeMap, HashMap};
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
    /// How many turns were taken.
    turns: AtomicU64,
    freed: Notify,
}

/// Connections by the turn in which each began to wait, or an earlier one: each request ends one wait and begins another, and
/// takes no lock to tell of it. Who looks for the longest wait brings the order up to date, and takes out of the queues whoever
/// is worked for; those come back when they wait again.
type Queue = BTreeMap<u64, Arc<Place>>;

#[derive(Debug, Default)]
struct Table {
    open: usize,
    waiting: Queue,
    shares: HashMap<IpAddr, Share>,
}

/// The connections of one address.
#[derive(Debug, Default)]
struct Share {
    open: usize,
    waiting: Queue,
}

/// A connection as the table knows it.
#[derive(Debug)]
struct Place {
    address: Option<IpAddr>,
    /// Since which turn it waits.
    turn: AtomicU64,
    /// Where it stands in the queues: changed only while the table is locked.
    queued: AtomicU64,
    turned_out: Notify,
}

/// In `Place::turn`: the server is at work for it.
const WORKING: u64 = 0;
/// In `Place::turn`: it is no longer open.
const GONE: u64 = u64::MAX;
/// In `Place::queued`: it stands in no queue.
const NOWHERE: u64 = 0;

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
            turns: AtomicU64::new(WORKING),
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
                let share = address.and_then(|address| table.shares.get(&address)).map_or(0, |share| share.open);
                if share >= self.0.most_per_address && !table.turn_out(address) {
                    return None;
                }
                if table.open < self.0.most || table.turn_out(None) {
                    return Some(self.0.seat(&mut table, address));
                }
            }
            self.0.freed.notified().await;
        }
    }

    /// Closes the connection that has waited for its peer the longest; `false` if there is none.
    pub(super) fn make_room(&self) -> bool {
        self.0.lock().turn_out(None)
    }
}

impl All {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One that none had before, and later than all of them.
    fn next_turn(&self) -> u64 {
        self.turns.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn seat(self: &Arc<Self>, table: &mut Table, address: Option<IpAddr>) -> Seat {
        let turn = AtomicU64::new(self.next_turn());
        let place = Arc::new(Place { address, turn, queued: AtomicU64::new(NOWHERE), turned_out: Notify::new() });
        table.open += 1;
        if let Some(address) = address {
            table.shares.entry(address).or_default().open += 1;
        }
        table.queue(&place);
        Seat { all: Arc::clone(self), place }
    }
}

impl Table {
    /// Closes the connection that has waited for its peer the longest, of an address or of all; `false` if there is none.
    fn turn_out(&mut self, address: Option<IpAddr>) -> bool {
        loop {
            let queue = match address {
                Some(address) => self.shares.get(&address).map(|share| &share.waiting),
                None => Some(&self.waiting),
            };
            let Some((&queued, place)) = queue.and_then(Queue::first_key_value) else { return false };
            let place = Arc::clone(place);
            self.unqueue(&place);
            if place.turn.compare_exchange(queued, GONE, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
                self.forget(&place);
                place.turned_out.notify_one();
                return true;
            }
            // It began to wait later than it stood here, unless it is worked for.
            self.queue(&place);
        }
    }

    /// Puts it where it belongs, if it waits and stands nowhere.
    ///
    /// All is sequentially consistent here and in [`Place::begin`]: of one that takes it out of the queues and looks at its
    /// turn afterwards, and its own task that changes the turn and looks at the queues afterwards, one sees what the other did.
    fn queue(&mut self, place: &Arc<Place>) {
        let turn = place.turn.load(Ordering::SeqCst);
        if matches!(turn, WORKING | GONE) || place.queued.load(Ordering::SeqCst) != NOWHERE {
            return;
        }
        place.queued.store(turn, Ordering::SeqCst);
        self.waiting.insert(turn, Arc::clone(place));
        if let Some(share) = place.address.and_then(|address| self.shares.get_mut(&address)) {
            share.waiting.insert(turn, Arc::clone(place));
        }
    }

    fn unqueue(&mut self, place: &Place) {
        let queued = place.queued.swap(NOWHERE, Ordering::SeqCst);
        self.waiting.remove(&queued);
        if let Some(share) = place.address.and_then(|address| self.shares.get_mut(&address)) {
            share.waiting.remove(&queued);
        }
    }

    /// It is gone.
    fn forget(&mut self, place: &Place) {
        self.unqueue(place);
        self.open -= 1;
        let Some(address) = place.address else { return };
        if let Some(share) = self.shares.get_mut(&address) {
            share.open -= 1;
            if share.open == 0 {
                self.shares.remove(&address);
            }
        }
    }
}

impl Place {
    /// Waits since a turn, or is worked for; nothing any more if it is gone. `false` if it waits and stands in no queue.
    fn begin(&self, turn: u64) -> bool {
        let begun = self.turn.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |was| (was != GONE).then_some(turn));
        begun.is_err() || turn == WORKING || self.queued.load(Ordering::SeqCst) != NOWHERE
    }
}

impl Seat {
    /// The peer has done its part: from now on the server works for it.
    pub(super) fn works(&self) {
        self.place.begin(WORKING);
    }

    /// The server has done its part.
    pub(super) fn waits(&self) {
        if !self.place.begin(self.all.next_turn()) {
            self.all.lock().queue(&self.place);
        }
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
        if self.place.turn.swap(GONE, Ordering::SeqCst) != GONE {
            self.all.lock().forget(&self.place);
        }
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
    fn whoever_waits_in_the_end_can_make_room_whatever_went_on_at_once() {
        let all = connections(99, 99);
        let busy = AtomicU64::new(4);
        let seats: Vec<Seat> = std::thread::scope(|scope| {
            let threads = [(); 4].map(|()| {
                scope.spawn(|| {
                    let mut seat = admit(&all, "192.0.2.1");
                    for _ in 0..5_000 {
                        seat.works();
                        seat.waits();
                        if seat.place.turn.load(Ordering::SeqCst) == GONE {
                            seat = admit(&all, "192.0.2.1");
                        }
                    }
                    busy.fetch_sub(1, Ordering::SeqCst);
                    seat
                })
            });
            while busy.load(Ordering::SeqCst) > 0 {
                all.make_room();
            }
            threads.map(|thread| thread.join().unwrap()).into()
        });
        let open = seats.iter().filter(|seat| !is_out(seat)).count();
        assert_eq!(all.open(), open);
        for left in (0..open).rev() {
            assert!(all.make_room());
            assert_eq!(all.open(), left);
        }
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
