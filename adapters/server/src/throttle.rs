//! Guessing passwords and the secrets of clients is slowed down. Pure values: time is passed in.
//!
//! A login counts as failed when it begins, and the count is taken back when it succeeds. So a thousand guesses sent
//! at once are slowed down like a thousand in a row.

use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use valetkey::server::record::Digest as ClientDigest;

/// How failures turn into waiting.
#[derive(Clone, Copy, Debug)]
struct Policy {
    /// This many failures cost no waiting.
    free: u32,
    /// The longest wait, in seconds. It bounds for how long a stranger can keep the owner of an account out.
    longest: u64,
    /// After so many seconds without an attempt the failures are forgotten.
    forget: u64,
}

/// A person mistypes a few times.
const ACCOUNT: Policy = Policy { free: 5, longest: 300, forget: 3_600 };
/// Many people may share one address.
const ADDRESS: Policy = Policy { free: 20, longest: 900, forget: 3_600 };
/// A client that is set up wrongly shows its mistake in fewer; one that is set up well never fails.
const CLIENT: Policy = Policy { free: 20, longest: 300, forget: 3_600 };
/// How many accounts, and how many addresses, are remembered at most.
const CAPACITY: usize = 10_000;

/// The attempt must wait for so many seconds, at least 1. It was not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait(pub u32);

/// The failures of late. All times are in seconds on any clock that does not run backwards.
#[derive(Debug)]
pub struct Throttle {
    accounts: Table<[u8; 32]>,
    addresses: Table<Network>,
}

impl Default for Throttle {
    fn default() -> Self {
        Self::with_capacity(CAPACITY)
    }
}

impl Throttle {
    /// Remembers at most `capacity` accounts and as many addresses.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { accounts: Table::new(ACCOUNT, capacity), addresses: Table::new(ADDRESS, capacity) }
    }

    /// Asks whether an attempt may be made now; if so, it counts as failed until [`Self::succeeded`] is called.
    ///
    /// `account` is the name as it was typed, whether or not there is such an account.
    ///
    /// # Errors
    /// [`Wait`] where too many attempts failed for the account or from the address.
    pub fn begin(&mut self, account: &str, address: IpAddr, now: u64) -> Result<(), Wait> {
        let (account, network) = (digest(account), Network::of(address));
        let wait = self.accounts.wait(&account, now).max(self.addresses.wait(&network, now));
        if wait > 0 {
            return Err(Wait(u32::try_from(wait).unwrap_or(u32::MAX)));
        }
        self.accounts.charge(account, now);
        self.addresses.charge(network, now);
        Ok(())
    }

    /// The attempt was not judged, through no fault of who made it: it is taken back.
    pub fn not_judged(&mut self, account: &str, address: IpAddr) {
        self.accounts.refund(&digest(account));
        self.addresses.refund(&Network::of(address));
    }

    /// The attempt was right: the account's failures are forgotten, and the address is given back the one that
    /// [`Self::begin`] counted. It is not given back the others, or an attacker would only have to log in to an account
    /// of his own between guesses.
    pub fn succeeded(&mut self, account: &str, address: IpAddr) {
        self.accounts.entries.remove(&digest(account));
        self.addresses.refund(&Network::of(address));
    }
}

/// The failures of clients of late, each from one address.
///
/// Clients send many requests at once, so one counts only when it has failed: what is sent before the first answers came
/// is let through, and then makes for a longer wait.
#[derive(Debug)]
pub struct Guesses {
    failures: Table<(ClientDigest, Network)>,
    /// Nobody has to wait from then on.
    all_free: u64,
}

impl Default for Guesses {
    fn default() -> Self {
        Self { failures: Table::new(CLIENT, CAPACITY), all_free: 0 }
    }
}

impl Guesses {
    /// Whether any request may have to wait; if not, none need be asked about.
    pub fn someone_waits(&self, now: impl FnOnce() -> u64) -> bool {
        self.all_free > 0 && now() < self.all_free
    }

    /// Asks whether a request that names this client may be served now.
    ///
    /// # Errors
    /// [`Wait`] where too many failed.
    pub fn ask(&self, client: ClientDigest, address: IpAddr, now: u64) -> Result<(), Wait> {
        match self.failures.wait(&(client, Network::of(address)), now) {
            0 => Ok(()),
            wait => Err(Wait(u32::try_from(wait).unwrap_or(u32::MAX))),
        }
    }

    /// The client did not prove who it is.
    pub fn failed(&mut self, client: ClientDigest, address: IpAddr, now: u64) {
        let not_before = self.failures.charge((client, Network::of(address)), now);
        self.all_free = self.all_free.max(not_before);
    }
}

#[derive(Debug)]
struct Table<K> {
    policy: Policy,
    capacity: usize,
    entries: HashMap<K, Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    failures: u32,
    last: u64,
    not_before: u64,
}

impl<K: Eq + Hash + Copy> Table<K> {
    fn new(policy: Policy, capacity: usize) -> Self {
        Self { policy, capacity: capacity.max(1), entries: HashMap::new() }
    }

    fn wait(&self, key: &K, now: u64) -> u64 {
        self.entries.get(key).map_or(0, |entry| entry.not_before.saturating_sub(now))
    }

    /// Counts a failure, and tells when the next attempt may come.
    fn charge(&mut self, key: K, now: u64) -> u64 {
        if !self.entries.contains_key(&key) && self.entries.len() >= self.capacity {
            self.evict(now);
        }
        let policy = self.policy;
        let entry = self.entries.entry(key).or_insert(Entry { failures: 0, last: now, not_before: now });
        if now.saturating_sub(entry.last) > policy.forget {
            entry.failures = 0;
        }
        entry.failures = entry.failures.saturating_add(1);
        entry.last = now;
        entry.not_before = now.saturating_add(policy.backoff(entry.failures));
        entry.not_before
    }

    fn refund(&mut self, key: &K) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.failures = entry.failures.saturating_sub(1);
            entry.not_before = entry.last;
            if entry.failures == 0 {
                self.entries.remove(key);
            }
        }
    }

    /// Makes room: of those that need not wait any more the one that has been idle for longest, else the one that may
    /// try soonest, so that a flood of new names does not set free who is being held back for long.
    fn evict(&mut self, now: u64) {
        let oldest = self.entries.iter().min_by_key(|(_, entry)| {
            let waiting = entry.not_before.saturating_sub(now);
            (waiting, entry.last)
        });
        if let Some(key) = oldest.map(|(key, _)| *key) {
            self.entries.remove(&key);
        }
    }
}

impl Policy {
    /// Nothing for the free failures, then 1, 2, 4 .. seconds.
    fn backoff(self, failures: u32) -> u64 {
        match failures.checked_sub(self.free) {
            None => 0,
            Some(over) => 1_u64.checked_shl(over).filter(|wait| *wait <= self.longest).unwrap_or(self.longest),
        }
    }
}

/// An IPv4 address, or the /64 of an IPv6 address, as one subscriber has a whole /64 or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Network {
    V4([u8; 4]),
    V6([u16; 4]),
}

impl Network {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.octets()),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self::V6([a, b, c, d])
            }
        }
    }
}

fn digest(account: &str) -> [u8; 32] {
    Sha256::digest(account.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// A different address each time.
    fn somewhere(n: u32) -> IpAddr {
        IpAddr::V4(n.wrapping_add(0x0a00_0000).into())
    }

    #[test]
    fn a_few_failures_are_free_then_each_doubles_the_wait() {
        let mut throttle = Throttle::default();
        for _ in 0..5 {
            assert_eq!(throttle.begin("alice", HOME, 100), Ok(()));
        }
        let mut now = 100;
        for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            assert_eq!(throttle.begin("alice", HOME, now), Err(Wait(wait)));
            now += u64::from(wait);
            assert_eq!(throttle.begin("alice", HOME, now), Ok(()), "after {wait} s");
        }
    }

    #[test]
    fn being_told_to_wait_does_not_lengthen_the_wait() {
        let mut throttle = Throttle::default();
        for _ in 0..6 {
            let _ = throttle.begin("alice", HOME, 100);
        }
        for _ in 0..50 {
            assert_eq!(throttle.begin("alice", HOME, 100), Err(Wait(1)));
        }
        assert_eq!(throttle.begin("alice", HOME, 101), Ok(()));
    }

    #[test]
    fn an_account_is_guarded_from_many_addresses_at_once() {
        let mut throttle = Throttle::default();
        let let_through = (0..1_000).filter(|n| throttle.begin("alice", somewhere(*n), 7).is_ok()).count();
        assert_eq!(let_through, 5);
        assert_eq!(throttle.begin("bob", HOME, 7), Ok(()), "others are not held up");
    }

    #[test]
    fn an_address_is_held_back_over_many_accounts() {
        let mut throttle = Throttle::default();
        let let_through = (0..1_000).filter(|n| throttle.begin(&format!("user{n}"), HOME, 7).is_ok()).count();
        assert_eq!(let_through, 20);
        assert_eq!(throttle.begin("user0", somewhere(1), 7), Ok(()));
    }

    #[test]
    fn success_clears_the_account() {
        let mut throttle = Throttle::default();
        for _ in 0..5 {
            throttle.begin("alice", HOME, 100).unwrap();
        }
        throttle.begin("alice", HOME, 101).unwrap();
        throttle.succeeded("alice", HOME);
        for _ in 0..5 {
            assert_eq!(throttle.begin("alice", somewhere(1), 101), Ok(()));
        }
    }

    #[test]
    fn logging_in_to_an_account_of_ones_own_does_not_buy_more_guesses() {
        let mut throttle = Throttle::default();
        let mut guesses = 0;
        for now in 0..300 {
            if throttle.begin("mallory", HOME, now).is_ok() {
                throttle.succeeded("mallory", HOME);
            }
            if throttle.begin(&format!("victim{now}"), HOME, now).is_ok() {
                guesses += 1;
            }
        }
        // 20 are free, and 2 ^ n seconds lie between the others.
        assert!((20..=29).contains(&guesses), "{guesses}");
    }

    #[test]
    fn an_office_that_logs_in_rightly_is_never_held_up() {
        let mut throttle = Throttle::default();
        for n in 0..1_000 {
            let name = format!("user{n}");
            assert_eq!(throttle.begin(&name, HOME, 100), Ok(()));
            throttle.succeeded(&name, HOME);
        }
        assert_eq!(throttle.addresses.entries.len(), 0);
    }

    #[test]
    fn an_attempt_that_was_not_judged_costs_nothing() {
        let mut throttle = Throttle::default();
        for _ in 0..100 {
            assert_eq!(throttle.begin("alice", HOME, 100), Ok(()));
            throttle.not_judged("alice", HOME);
        }
        assert_eq!((throttle.accounts.entries.len(), throttle.addresses.entries.len()), (0, 0));
    }

    #[test]
    fn rfc6749_2_3_1_07_a_client_waits_after_failures_from_one_address_and_not_from_others() {
        let (mut guesses, client) = (Guesses::default(), valetkey::server::secret_digest("web"));
        for _ in 0..20 {
            assert_eq!(guesses.ask(client, HOME, 100), Ok(()));
            guesses.failed(client, HOME, 100);
        }
        assert_eq!(guesses.ask(client, HOME, 100), Err(Wait(1)));
        assert_eq!(guesses.ask(client, somewhere(1), 100), Ok(()));
        assert_eq!(guesses.ask(valetkey::server::secret_digest("other"), HOME, 100), Ok(()));
        let mut guessed = 20;
        for now in 100..3_600 {
            if guesses.ask(client, HOME, now).is_ok() {
                guesses.failed(client, HOME, now);
                guessed += 1;
            }
        }
        assert!((30..50).contains(&guessed), "{guessed} in an hour");
    }

    #[test]
    fn failures_are_forgotten_after_an_idle_hour() {
        let mut throttle = Throttle::default();
        for _ in 0..5 {
            throttle.begin("alice", HOME, 100).unwrap();
        }
        for _ in 0..5 {
            assert_eq!(throttle.begin("alice", HOME, 100 + 3_601), Ok(()));
        }
    }

    #[test]
    fn ipv6_counts_by_64_and_mapped_ipv4_as_ipv4() {
        assert_eq!(Network::of(ip("2001:db8:1:2::1")), Network::of(ip("2001:db8:1:2:ffff::9")));
        assert_ne!(Network::of(ip("2001:db8:1:2::1")), Network::of(ip("2001:db8:1:3::1")));
        assert_eq!(Network::of(ip("::ffff:192.0.2.1")), Network::of(ip("192.0.2.1")));
        assert_ne!(Network::of(ip("192.0.2.1")), Network::of(ip("192.0.2.2")));
    }

    #[test]
    fn memory_is_bounded_and_who_is_held_back_stays_so() {
        let mut throttle = Throttle::with_capacity(100);
        for n in 0..5 {
            throttle.begin("alice", somewhere(n), 100).unwrap();
        }
        for n in 0..10_000 {
            throttle.begin(&format!("user{n}"), somewhere(n), 100).unwrap();
        }
        assert_eq!(throttle.accounts.entries.len(), 100);
        assert_eq!(throttle.addresses.entries.len(), 100);
        assert_eq!(throttle.begin("alice", HOME, 100), Err(Wait(1)));
    }

    #[test]
    fn of_those_not_waiting_the_longest_idle_makes_room() {
        let mut throttle = Throttle::with_capacity(2);
        throttle.begin("old", somewhere(1), 100).unwrap();
        throttle.begin("new", somewhere(2), 200).unwrap();
        throttle.begin("next", somewhere(3), 300).unwrap();
        assert!(!throttle.accounts.entries.contains_key(&digest("old")));
        assert!(throttle.accounts.entries.contains_key(&digest("new")));
    }
}
