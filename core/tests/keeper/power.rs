//! A refresh token in flash, and power that is cut at every byte of every write.

use proptest::prelude::*;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use valetkey::client::keeper::{Flash, FlashError, Renewal, StoreError, TokenStore};
use valetkey::error::TooSmall;
use valetkey::secret::SecretText;

/// Flash in memory: what is programmed clears bits, and power may end in any operation.
#[derive(Clone)]
struct Ram {
    bytes: Vec<u8>,
    sector_size: u32,
    align: u32,
    /// Bytes that are still programmed or erased before power is cut; `None` for ever.
    power: Option<u64>,
    /// Decides which bits the cut leaves.
    dirt: u64,
    erased: Vec<u32>,
    programmed: u64,
}

impl Ram {
    fn new(sectors: u32, sector_size: u32, align: u32) -> Self {
        let bytes = vec![0xff; (sectors * sector_size) as usize];
        Self { bytes, sector_size, align, power: None, dirt: 1, erased: vec![0; sectors as usize], programmed: 0 }
    }

    /// Whether there is power for one more byte.
    fn spend(&mut self) -> bool {
        match &mut self.power {
            Some(0) => return false,
            Some(left) => *left -= 1,
            None => {}
        }
        true
    }

    fn noise(&mut self) -> u8 {
        self.dirt = self.dirt.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.dirt >> 56) as u8
    }
}

impl Flash for Ram {
    fn sector_size(&self) -> u32 {
        self.sector_size
    }

    fn sectors(&self) -> u32 {
        u32::try_from(self.erased.len()).unwrap()
    }

    fn align(&self) -> u32 {
        self.align
    }

    fn read(&mut self, at: u32, buf: &mut [u8]) -> Result<(), FlashError> {
        if self.power == Some(0) {
            return Err(FlashError);
        }
        buf.copy_from_slice(&self.bytes[at as usize..][..buf.len()]);
        Ok(())
    }

    fn program(&mut self, at: u32, bytes: &[u8]) -> Result<(), FlashError> {
        assert!(at.is_multiple_of(self.align) && bytes.len() == self.align as usize);
        let at = at as usize;
        for (i, byte) in bytes.iter().enumerate() {
            if self.power == Some(0) {
                return Err(FlashError);
            }
            assert_eq!(self.bytes[at + i], 0xff, "programmed twice");
            self.spend();
            // The last byte before the cut is torn: some of its bits are cleared.
            let kept = if self.power == Some(0) { self.noise() } else { 0 };
            self.bytes[at + i] &= byte | kept;
        }
        self.programmed += bytes.len() as u64;
        if self.power == Some(0) { Err(FlashError) } else { Ok(()) }
    }

    fn erase(&mut self, sector: u32) -> Result<(), FlashError> {
        let (begin, size) = ((sector * self.sector_size) as usize, self.sector_size as usize);
        for at in begin..begin + size {
            if !self.spend() {
                // What was not reached is as it was, or any mixture of it and of erased bytes.
                let shatters = self.dirt & 1 == 0;
                for at in at..begin + size {
                    let noise = self.noise();
                    self.bytes[at] |= if shatters { noise } else { 0 };
                }
                return Err(FlashError);
            }
            self.bytes[at] = 0xff;
        }
        self.erased[sector as usize] += 1;
        Ok(())
    }
}

/// A server that rotates, with or without a grace window that lasts until the successor is used.
struct Server {
    grace: bool,
    rotates: bool,
    generation: u32,
    ended: bool,
}

impl Server {
    fn token(&self) -> String {
        format!("refresh-token-{:08}", self.generation)
    }

    fn refresh(&mut self, token: &str) -> Option<String> {
        let generation: u32 = token.strip_prefix("refresh-token-").expect("no token of ours").parse().unwrap();
        assert!(generation <= self.generation, "made up");
        let again = self.grace && generation + 1 == self.generation;
        if self.ended || (generation != self.generation && !again) {
            self.ended = true;
            return None;
        }
        self.generation += u32::from(self.rotates && !again);
        Some(self.token())
    }
}

/// How a time with power ended.
#[derive(Debug, PartialEq)]
enum End {
    PowerCut,
    LogIn,
    Renewed,
}

/// Whether the power lasted.
fn lasted(result: Result<(), StoreError>) -> bool {
    match result {
        Ok(()) => true,
        Err(StoreError::Flash(_)) => false,
        Err(other) => panic!("{other:?}"),
    }
}

/// Starts, and renews so many times; power ends right after the request with this number, if it does not end before.
fn live(flash: &mut Ram, server: &mut Server, renewal: Renewal, times: u32, last_request: Option<u32>) -> End {
    let mut buf = [0; 64];
    let mut store = TokenStore::open(flash).unwrap();
    let mut token = match store.load(renewal, &mut buf) {
        Ok(Some(token)) => token.expose().to_owned(),
        Ok(None) => return End::LogIn,
        Err(_) => return End::PowerCut,
    };
    for request in 0..times {
        if !lasted(store.sending(SecretText::new(&token))) {
            return End::PowerCut;
        }
        let Some(successor) = server.refresh(&token) else { return End::LogIn };
        if last_request == Some(request) || !lasted(store.keep(SecretText::new(&successor))) {
            return End::PowerCut;
        }
        token = successor;
    }
    End::Renewed
}

fn log_in(flash: &mut Ram, server: &Server) {
    TokenStore::open(flash).unwrap().keep(SecretText::new(&server.token())).unwrap();
}

const GEOMETRIES: [(u32, u32, u32); 6] =
    [(2, 256, 1), (2, 256, 4), (2, 256, 16), (3, 192, 32), (2, 64, 8), (4, 64, 16)];

/// A device and a server that have just met.
fn pair(geometry: (u32, u32, u32), renewal: Renewal) -> (Ram, Server) {
    let grace = renewal == Renewal::RefreshUnderGrace;
    let server = Server { grace, rotates: true, generation: 0, ended: false };
    let mut flash = Ram::new(geometry.0, geometry.1, geometry.2);
    log_in(&mut flash, &server);
    (flash, server)
}

/// What must hold after a power cut, whenever it came: a usable token or a clear need to log in, and with a grace window a
/// usable token.
#[track_caller]
fn check(flash: &mut Ram, server: &mut Server, renewal: Renewal, times: u32) {
    flash.power = None;
    match live(flash, server, renewal, times, None) {
        End::Renewed => {}
        End::LogIn => {
            assert_eq!(renewal, Renewal::RefreshOnce, "a grace window saves every device");
            server.generation += 2; // another grant's tokens
            log_in(flash, server);
            assert_eq!(live(flash, server, renewal, times, None), End::Renewed);
        }
        End::PowerCut => panic!("there is power"),
    }
    assert!(!server.ended, "a token was sent that may have been spent");
}

#[test]
fn whenever_power_is_cut_a_device_has_a_usable_token_or_says_to_log_in() {
    for renewal in [Renewal::RefreshUnderGrace, Renewal::RefreshOnce] {
        for geometry in GEOMETRIES {
            let (mut cuts, mut logins) = (0, 0);
            for power in 1.. {
                for dirt in [1, 2] {
                    let (mut flash, mut server) = pair(geometry, renewal);
                    (flash.power, flash.dirt) = (Some(power), dirt + 8 * power);
                    match live(&mut flash, &mut server, renewal, 6, None) {
                        End::PowerCut => cuts += 1,
                        End::Renewed => cuts = -1,
                        End::LogIn => panic!("out of nothing"),
                    }
                    flash.power = None;
                    let logged_out =
                        TokenStore::open(&mut flash).unwrap().load(renewal, &mut [0; 64]).unwrap().is_none();
                    logins += u32::from(logged_out);
                    check(&mut flash, &mut server, renewal, 6);
                }
                if cuts < 0 {
                    break;
                }
            }
            assert_eq!(logins > 0, renewal == Renewal::RefreshOnce, "{geometry:?}");
        }
    }
}

#[test]
fn an_answer_that_was_never_read_is_had_once_more_or_costs_a_login() {
    for renewal in [Renewal::RefreshUnderGrace, Renewal::RefreshOnce] {
        for geometry in GEOMETRIES {
            for last in 0..6 {
                let (mut flash, mut server) = pair(geometry, renewal);
                assert_eq!(live(&mut flash, &mut server, renewal, 6, Some(last)), End::PowerCut);
                let mut store = TokenStore::open(&mut flash).unwrap();
                assert!(store.in_use());
                let logged_out = store.load(renewal, &mut [0; 64]).unwrap().is_none();
                assert_eq!(logged_out, renewal == Renewal::RefreshOnce);
                check(&mut flash, &mut server, renewal, 6);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn cut_after_cut_no_device_is_silently_dead(
        geometry in prop::sample::select(GEOMETRIES.to_vec()),
        grace in any::<bool>(),
        cuts in prop::collection::vec((1_u64..1_500, any::<u64>(), prop::option::weighted(0.2, 0_u32..4)), 1..12),
    ) {
        let renewal = if grace { Renewal::RefreshUnderGrace } else { Renewal::RefreshOnce };
        let (mut flash, mut server) = pair(geometry, renewal);
        for (power, dirt, last) in cuts {
            (flash.power, flash.dirt) = (Some(power), dirt);
            let end = live(&mut flash, &mut server, renewal, 40, last);
            flash.power = None;
            if end == End::LogIn {
                prop_assert!(!grace);
                server.generation += 2; // another grant's tokens
                log_in(&mut flash, &server);
            }
            prop_assert!(!server.ended);
        }
        check(&mut flash, &mut server, renewal, 6);
    }

    #[test]
    fn whatever_stands_in_flash_is_read_without_harm(
        geometry in prop::sample::select(GEOMETRIES.to_vec()),
        noise in prop::collection::vec(any::<u8>(), 0..512),
        blank in 0_usize..512,
    ) {
        let mut flash = Ram::new(geometry.0, geometry.1, geometry.2);
        for (to, from) in flash.bytes.iter_mut().skip(blank).zip(noise) {
            *to = from;
        }
        let mut store = TokenStore::open(&mut flash).unwrap();
        prop_assert!(store.load(Renewal::RefreshUnderGrace, &mut [0; 64]).unwrap().is_none());
        store.keep(SecretText::new("token")).unwrap();
        let mut store = TokenStore::open(&mut flash).unwrap();
        let mut buf = [0; 64];
        prop_assert_eq!(store.load(Renewal::RefreshOnce, &mut buf).unwrap().unwrap().expose(), "token");
    }

    /// A bit that flips in a record makes it none: the token before it holds, or there is none.
    #[test]
    fn a_damaged_record_is_no_record(at in 0_usize..34, bit in 0_u8..8) {
        let mut flash = Ram::new(2, 256, 1);
        log_in(&mut flash, &Server { grace: true, rotates: true, generation: 0, ended: false });
        flash.bytes[at] ^= 1 << bit;
        let mut store = TokenStore::open(&mut flash).unwrap();
        prop_assert!(store.load(Renewal::RefreshOnce, &mut [0; 64]).unwrap().is_none());
    }
}

#[test]
fn a_server_that_does_not_rotate_costs_two_writes_and_no_more() {
    let (mut flash, mut server) = pair((2, 256, 8), Renewal::RefreshOnce);
    server.rotates = false;
    assert_eq!(live(&mut flash, &mut server, Renewal::RefreshOnce, 1, None), End::Renewed);
    let programmed = flash.programmed;
    assert_eq!(live(&mut flash, &mut server, Renewal::RefreshOnce, 1_000, None), End::Renewed);
    assert_eq!(flash.programmed, programmed);
    // Nor is anything lost when an answer is.
    assert_eq!(live(&mut flash, &mut server, Renewal::RefreshOnce, 6, Some(3)), End::PowerCut);
    check(&mut flash, &mut server, Renewal::RefreshOnce, 6);
}

#[test]
fn a_successor_that_could_not_be_kept_is_kept_when_it_is_sent() {
    let (mut flash, _) = pair((2, 128, 8), Renewal::RefreshUnderGrace);
    let mut store = TokenStore::open(&mut flash).unwrap();
    store.sending(SecretText::new("refresh-token-00000000")).unwrap();
    // `keep` of the successor failed, and it is in memory only.
    store.sending(SecretText::new("refresh-token-00000001")).unwrap();
    let mut store = TokenStore::open(&mut flash).unwrap();
    let mut buf = [0; 64];
    let loaded = store.load(Renewal::RefreshUnderGrace, &mut buf).unwrap().unwrap();
    assert_eq!(loaded.expose(), "refresh-token-00000001");
    assert!(store.in_use());
}

#[test]
fn wear_is_as_documented() {
    let mut flash = Ram::new(2, 4_096, 16);
    let mut store = TokenStore::open(&mut flash).unwrap();
    let token = |n: u32| format!("{n:071}");
    store.keep(SecretText::new(&token(0))).unwrap();
    for n in 0..7_200 {
        store.sending(SecretText::new(&token(n))).unwrap();
        store.sending(SecretText::new(&token(n))).unwrap();
        store.keep(SecretText::new(&token(n + 1))).unwrap();
        store.keep(SecretText::new(&token(n + 1))).unwrap();
    }
    assert_eq!(flash.programmed, 96 + 7_200 * 112);
    // Once more for the login.
    assert!(flash.erased.iter().all(|erased| *erased <= 101), "{:?}", flash.erased);
}

#[test]
fn a_logout_leaves_no_token_in_flash() {
    let (mut flash, mut server) = pair((3, 256, 8), Renewal::RefreshUnderGrace);
    assert_eq!(live(&mut flash, &mut server, Renewal::RefreshUnderGrace, 20, None), End::Renewed);
    TokenStore::open(&mut flash).unwrap().forget().unwrap();
    assert!(!flash.bytes.windows(13).any(|window| window == b"refresh-token"));
    assert_eq!(live(&mut flash, &mut server, Renewal::RefreshUnderGrace, 1, None), End::LogIn);
    log_in(&mut flash, &server);
    assert_eq!(live(&mut flash, &mut server, Renewal::RefreshUnderGrace, 20, None), End::Renewed);
}

#[test]
fn what_cannot_be_kept_is_refused_and_harms_nothing() {
    for (sectors, size, align) in [(1, 256, 8), (2, 0, 8), (2, 256, 3), (2, 256, 64), (2, 100, 8), (2, 256, 0)] {
        let mut flash = Ram { align, ..Ram::new(sectors, size, 1) };
        assert_eq!(TokenStore::open(&mut flash).err(), Some(StoreError::Geometry), "{sectors} {size} {align}");
    }
    let mut flash = Ram::new(2, 64, 8);
    let mut store = TokenStore::open(&mut flash).unwrap();
    store.keep(SecretText::new("short")).unwrap();
    assert_eq!(store.keep(SecretText::new(&"x".repeat(53))), Err(StoreError::TooLong));
    store.keep(SecretText::new(&"x".repeat(52))).unwrap();
    let load = store.load(Renewal::RefreshOnce, &mut [0; 51]).err();
    assert_eq!(load, Some(StoreError::Buffer(TooSmall { needed: 52 })));
}

/// Flash as a file, for programs with an operating system and for firmware under a debugger.
struct InFile(File);

impl InFile {
    const SECTOR: u32 = 4_096;

    fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), FlashError> {
        let written = self.0.seek(SeekFrom::Start(at.into())).and_then(|_| self.0.write_all(bytes));
        written.and_then(|()| self.0.sync_data()).map_err(|_| FlashError)
    }
}

impl Flash for InFile {
    fn sector_size(&self) -> u32 {
        Self::SECTOR
    }

    fn sectors(&self) -> u32 {
        2
    }

    fn align(&self) -> u32 {
        1
    }

    fn read(&mut self, at: u32, buf: &mut [u8]) -> Result<(), FlashError> {
        self.0.seek(SeekFrom::Start(at.into())).and_then(|_| self.0.read_exact(buf)).map_err(|_| FlashError)
    }

    fn program(&mut self, at: u32, bytes: &[u8]) -> Result<(), FlashError> {
        self.write(at, bytes)
    }

    fn erase(&mut self, sector: u32) -> Result<(), FlashError> {
        self.write(sector * Self::SECTOR, &[0xff; Self::SECTOR as usize])
    }
}

#[test]
fn a_file_serves_as_flash_and_outlives_the_process() {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("keeper-flash");
    let _ = std::fs::remove_file(&path);
    let open = || File::options().read(true).write(true).create(true).truncate(false).open(&path).unwrap();
    let mut flash = InFile(open()); // a new file is empty: nothing can be read
    let mut store = TokenStore::open(&mut flash).unwrap();
    assert!(store.load(Renewal::RefreshOnce, &mut [0; 64]).unwrap().is_none());
    store.keep(SecretText::new("first")).unwrap();
    store.sending(SecretText::new("first")).unwrap();
    store.keep(SecretText::new("second")).unwrap();
    let mut flash = InFile(open());
    let mut buf = [0; 64];
    let loaded = TokenStore::open(&mut flash).unwrap().load(Renewal::RefreshOnce, &mut buf).unwrap().unwrap();
    assert_eq!(loaded.expose(), "second");
}
