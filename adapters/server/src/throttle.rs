//! Guessing passwords and the secrets of clients is slowed down. Pure values: time is passed in.
//!
//! A login counts as failed when it begins, and the count is taken back when it succeeds. So a thousand guesses sent
//! at once are slowed down like a thousand in a row.

mod table;

use sha2::{Digest, Sha256};
use std::net::IpAddr;
use table::{Policy, Table};
use valetkey::server::record::Digest as ClientDigest;

/// A person mistypes a few times.
const ACCOUNT: Policy = Policy { free: 5, longest: 300, forget: 3_600, inherits: true };
/// Many people may share one address. Who has so many that they drive each other out has a free attempt from each anyway.
const ADDRESS: Policy = Policy { free: 20, longest: 900, forget: 3_600, inherits: false };
/// A client that is set up wrongly shows its mistake in fewer; one that is set up well never fails.
const CLIENT: Policy = Policy { free: 20, longest: 300, forget: 3_600, inherits: true };
/// Of what is counted alone nobody waits: how often clients fail at an address, and where people logged in.
const COUNTED: Policy = Policy { free: u32::MAX, longest: 0, ..ADDRESS };
/// How many accounts, and how many addresses, are remembered at most.
const CAPACITY: usize = 10_000;

/// The attempt must wait for so many seconds, at least 1. It was not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait(pub u32);

/// The failures of late. All times are in seconds on any clock that does not run backwards.
///
/// An account's failures count together wherever they come from, as a password can be guessed from ten thousand addresses. So
/// a stranger who knows its name can make its owner wait, and for as long as he keeps failing. But not where the owner logged
/// in before, since the start and at one of the last ten thousand places of all people: there, failures are counted apart.
/// That gives who guesses from such a place, behind the same address as the owner, as many guesses once more; and by being let
/// through there, while elsewhere he must wait, he learns that the account exists and was used there.
#[derive(Debug)]
pub struct Throttle {
    accounts: Table<Judged>,
    addresses: Table<Network>,
    /// Where people logged in.
    homes: Table<(Account, Network)>,
}

type Account = [u8; 32];
/// Whose failures count together: an account's, at one of its homes or everywhere else.
type Judged = (Account, Option<Network>);

impl Default for Throttle {
    fn default() -> Self {
        Self::with_capacity(CAPACITY)
    }
}

impl Throttle {
    /// Remembers at most `capacity` accounts and as many addresses.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            accounts: Table::new(ACCOUNT, capacity),
            addresses: Table::new(ADDRESS, capacity),
            homes: Table::new(COUNTED, capacity),
        }
    }

    /// Asks whether an attempt may be made now; if so, it counts as failed until [`Self::succeeded`] is called.
    ///
    /// `account` is the name as it was typed, whether or not there is such an account.
    ///
    /// # Errors
    /// [`Wait`] where too many attempts failed for the account or from the address.
    pub fn begin(&mut self, account: &str, address: IpAddr, now: u64) -> Result<(), Wait> {
        let (judged, network) = (self.judged(account, address), Network::of(address));
        let wait = self.accounts.wait(&judged, now).max(self.addresses.wait(&network, now));
        if wait > 0 {
            return Err(Wait(u32::try_from(wait).unwrap_or(u32::MAX)));
        }
        let there = self.addresses.charge(network, now, u32::MAX).failures;
        let at_home = judged.1.is_some();
        self.accounts.charge(judged, now, if at_home { there } else { u32::MAX });
        Ok(())
    }

    /// The attempt was not judged, through no fault of who made it: it is taken back.
    pub fn not_judged(&mut self, account: &str, address: IpAddr) {
        self.accounts.refund(&self.judged(account, address));
        self.addresses.refund(&Network::of(address));
    }

    /// The attempt was right: the account's failures are forgotten, at one of its homes those from there, and the address is
    /// given back the one that [`Self::begin`] counted. It is not given back the others, or an attacker would only have to
    /// log in to an account of his own between guesses.
    pub fn succeeded(&mut self, account: &str, address: IpAddr, now: u64) {
        let network = Network::of(address);
        self.accounts.remove(&self.judged(account, address));
        self.addresses.refund(&network);
        self.homes.charge((digest(account), network), now, u32::MAX);
    }

    fn judged(&self, account: &str, address: IpAddr) -> Judged {
        let (account, network) = (digest(account), Network::of(address));
        (account, self.homes.has(&(account, network)).then_some(network))
    }
}

/// The failures of clients of late, each from one address.
///
/// Clients send many requests at once, so one counts only when it has failed: what is sent before the first answers came
/// is let through, and then makes for a longer wait.
///
/// A wait is never longer than what failed at that address makes for, under whatever names. So a flood elsewhere costs nobody
/// anything; one at an address that honest clients share can make those of them wait which fail themselves.
#[derive(Debug)]
pub struct Guesses {
    failures: Table<(ClientDigest, Network)>,
    networks: Table<Network>,
    /// Nobody has to wait from then on.
    all_free: u64,
}

impl Default for Guesses {
    fn default() -> Self {
        Self::with_capacity(CAPACITY)
    }
}

impl Guesses {
    /// Remembers at most `capacity` clients at their addresses.
    fn with_capacity(capacity: usize) -> Self {
        Self { failures: Table::new(CLIENT, capacity), networks: Table::new(COUNTED, capacity), all_free: 0 }
    }

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
        let network = Network::of(address);
        let there = self.networks.charge(network, now, u32::MAX).failures;
        let entry = self.failures.charge((client, network), now, there);
        self.all_free = self.all_free.max(entry.not_before);
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

fn digest(account: &str) -> Account {
    Sha256::digest(account.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::table::IN_A_SET;
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
    fn a_stranger_keeps_nobody_out_of_where_they_logged_in_before() {
        let mut throttle = Throttle::default();
        throttle.begin("alice", HOME, 0).unwrap();
        throttle.succeeded("alice", HOME, 0);
        let guessed = (0..3_600).filter(|n| throttle.begin("alice", somewhere(*n), (*n).into()).is_ok()).count();
        assert!((10..30).contains(&guessed), "{guessed}: where nobody logged in, guesses are slowed down as ever");
        mistypes_a_few_times(&mut throttle, 3_600);
        assert_eq!(throttle.begin("alice", HOME, 3_601), Ok(()));
        throttle.succeeded("alice", HOME, 3_601);
        assert_eq!(throttle.begin("alice", HOME, 3_601), Ok(()));
        assert!(throttle.begin("alice", somewhere(1), 3_601).is_err(), "it gives strangers nothing");
    }

    #[test]
    fn a_flood_of_failed_logins_holds_nobody_up_where_they_logged_in_before() {
        let mut throttle = Throttle::with_capacity(1_000);
        throttle.succeeded("alice", HOME, 0);
        (0..50_000).for_each(|n| throttle.begin(&format!("user{n}"), somewhere(n), 1).unwrap_or_default());
        mistypes_a_few_times(&mut throttle, 1);
    }

    fn mistypes_a_few_times(throttle: &mut Throttle, now: u64) {
        for _ in 0..5 {
            assert_eq!(throttle.begin("alice", HOME, now), Ok(()));
        }
        assert_eq!(throttle.begin("alice", HOME, now), Err(Wait(1)));
    }

    #[test]
    fn where_people_log_in_is_remembered_within_bounds() {
        let mut throttle = Throttle::with_capacity(104);
        for n in 0..10_000 {
            throttle.succeeded("alice", somewhere(n), u64::from(n));
        }
        assert_eq!(throttle.homes.len(), 104);
        assert!(
            throttle.judged("alice", somewhere(9_999)).1.is_some()
                && throttle.judged("alice", somewhere(0)).1.is_none()
        );
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
        throttle.succeeded("alice", HOME, 101);
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
                throttle.succeeded("mallory", HOME, now);
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
            throttle.succeeded(&name, HOME, 100);
        }
        assert_eq!(throttle.addresses.len(), 0);
    }

    #[test]
    fn an_attempt_that_was_not_judged_costs_nothing() {
        let mut throttle = Throttle::default();
        for _ in 0..100 {
            assert_eq!(throttle.begin("alice", HOME, 100), Ok(()));
            throttle.not_judged("alice", HOME);
        }
        assert_eq!((throttle.accounts.len(), throttle.addresses.len()), (0, 0));
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

    /// What a stranger guesses of one client's secret from one address in these seconds, who fails under as many other names
    /// before each guess, from there or elsewhere.
    fn guessed(guesses: &mut Guesses, seconds: std::ops::Range<u64>, names: u32, flood: IpAddr) -> usize {
        let (victim, mut name) = (valetkey::server::secret_digest("victim"), 0);
        let mut guess = |now| {
            for _ in 0..names {
                name += 1;
                guesses.failed(valetkey::server::secret_digest(&format!("{now} {name}")), flood, now);
            }
            let may = guesses.ask(victim, HOME, now).is_ok();
            if may {
                guesses.failed(victim, HOME, now);
            }
            may
        };
        seconds.filter(|now| guess(*now)).count()
    }

    #[test]
    fn a_guess_takes_as_many_failures_under_other_names_as_are_remembered() {
        for (before, flood) in [(0, HOME), (30, HOME), (0, somewhere(1)), (30, somewhere(1))] {
            let mut guesses = Guesses::with_capacity(1_000);
            // Names that failed often stay longer than those that come and go.
            let lasting = (0..2_000).map(|n| valetkey::server::secret_digest(&format!("lasting {n}")));
            lasting.for_each(|name| (0..before).for_each(|_| guesses.failed(name, flood, 0)));
            let with = guessed(&mut guesses, 0..400, 250, flood);
            let bought = (2_000 * before + 400 * 250) / 1_000;
            assert!(with <= 20 + bought, "{with} guesses in 400 seconds, after {before} failures of others");
            assert_eq!(guesses.failures.len(), 1_000, "memory is bounded");
        }
    }

    #[test]
    fn whoever_does_not_fail_is_not_held_up_by_a_flood() {
        let mut guesses = Guesses::with_capacity(1_000);
        guessed(&mut guesses, 0..100, 1_000, HOME);
        for n in 0..1_000 {
            let honest = valetkey::server::secret_digest(&format!("honest {n}"));
            assert_eq!(guesses.ask(honest, HOME, 100), Ok(()));
        }
    }

    #[test]
    fn whoever_fails_waits_no_longer_for_a_flood_elsewhere() {
        let mut guesses = Guesses::with_capacity(1_000);
        guessed(&mut guesses, 0..100, 1_000, HOME);
        for n in 0..1_000 {
            let (client, there) = (valetkey::server::secret_digest(&format!("honest {n}")), somewhere(n));
            for _ in 0..20 {
                assert_eq!(guesses.ask(client, there, 100), Ok(()));
                guesses.failed(client, there, 100);
            }
            assert_eq!(guesses.ask(client, there, 100), Err(Wait(1)));
        }
        let mut throttle = Throttle::with_capacity(1_000);
        for n in 0..50_000 {
            let _ = throttle.begin(&format!("user{n}"), somewhere(n), 100);
        }
        throttle.addresses.charge(Network::of(HOME), 100, u32::MAX);
        assert_eq!(throttle.addresses.wait(&Network::of(HOME), 100), 0);
    }

    #[test]
    fn a_flood_of_failures_that_are_forgotten_leaves_nothing_to_newcomers() {
        let mut guesses = Guesses::with_capacity(1_000);
        guessed(&mut guesses, 0..100, 1_000, HOME);
        assert_eq!(guessed(&mut guesses, 4_000..4_020, 0, HOME), 20, "none of them waits");
    }

    #[test]
    fn logins_are_remembered_within_bounds() {
        let mut throttle = Throttle::with_capacity(104);
        for n in 0..10_000 {
            throttle.begin(&format!("user{n}"), somewhere(n), 100).unwrap();
        }
        assert_eq!((throttle.accounts.len(), throttle.addresses.len()), (104, 104));
    }

    #[test]
    fn who_failed_least_and_longest_ago_makes_room() {
        let mut throttle = Throttle::with_capacity(IN_A_SET);
        for (n, name) in (0..).zip(["twice", "old", "c", "d", "e", "f", "g", "h", "twice", "next"]) {
            throttle.begin(name, somewhere(n), 100 + u64::from(n)).unwrap();
        }
        let known = |name| throttle.accounts.sets[0].iter().any(|(known, _)| *known == (digest(name), None));
        assert!(known("twice") && !known("old") && known("c") && known("next"));
    }
}
