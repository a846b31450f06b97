//! A device that keeps its refresh token in flash loses power at any time, and goes on from there. Between it and the program
//! stands one who carries the bytes and cuts the power: by the clock, or at a byte of a request or an answer.

use crate::boards::{CORTEX_M4, Line, elf, end, machine};
use crate::browser::{ask, ask_as_client, log_in};
use crate::program::{Server, directory};
use crate::signed::message;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs, thread};
use valetkey::client::keeper::{Flash, FlashError, Renewal, TokenStore};

/// How often power is cut, unless `VALETKEY_FIRMWARE_KILLS` says how often.
const KILLS: u64 = 10;
/// After so many cuts it is left alone once.
const IN_A_ROW: u64 = 5;

/// When power is cut.
#[derive(Clone, Copy, Debug)]
enum Cut {
    Never,
    /// So long after the start: mostly while flash is written.
    After(Duration),
    /// When so many bytes went to and from the server.
    AtByte(usize),
}

impl Cut {
    /// By [SplitMix64](https://prng.di.unimi.it/splitmix64.c).
    fn drawn(seed: u64) -> Self {
        let z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let z = z ^ (z >> 31);
        if z & 1 == 0 {
            Self::After(Duration::from_millis(z / 2 % 350))
        } else {
            Self::AtByte((z / 2 % 1_000) as usize)
        }
    }
}

/// What came of a start.
struct Life {
    /// `None` if power was cut.
    status: Option<i32>,
    log: String,
    /// All that the server answered.
    answers: String,
}

/// Carries what is there from one to the other, at most so much.
fn carry(from: &mut TcpStream, to: &mut TcpStream, room: usize) -> Vec<u8> {
    let mut buf = [0; 256];
    match from.read(&mut buf[..room.min(256)]) {
        Ok(count) => {
            // Whoever ended reads no more.
            let _ = to.write_all(&buf[..count]);
            buf[..count].to_vec()
        }
        Err(_) => Vec::new(), // nothing came within the time that a read waits
    }
}

/// Starts the device in its folder.
fn live(device: &Path, port: u16, cut: Cut) -> Life {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = listener.local_addr().unwrap().port();
    let mut child =
        machine(&CORTEX_M4, &elf(&CORTEX_M4, "refresh"), Line::To(here)).current_dir(device).spawn().unwrap();
    let (mut uart, _) = listener.accept().unwrap(); // opened before the first instruction
    let mut server = TcpStream::connect(("127.0.0.1", port)).unwrap();
    for socket in [&uart, &server] {
        socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        socket.set_nodelay(true).unwrap();
    }
    let (started, mut carried, mut answers) = (Instant::now(), 0, Vec::new());
    while child.try_wait().unwrap().is_none() {
        let room = match cut {
            Cut::AtByte(limit) => limit - carried,
            Cut::Never | Cut::After(_) => usize::MAX,
        };
        if room == 0 || matches!(cut, Cut::After(limit) if started.elapsed() >= limit) {
            child.kill().unwrap();
            child.wait().unwrap();
            let mut log = String::new();
            child.stdout.take().unwrap().read_to_string(&mut log).unwrap();
            return Life { status: None, log, answers: String::from_utf8_lossy(&answers).into_owned() };
        }
        let asked = carry(&mut uart, &mut server, room).len();
        let answered = carry(&mut server, &mut uart, room - asked);
        carried += asked + answered.len();
        answers.extend(answered);
    }
    let (status, log) = end(child, "refresh");
    Life { status: Some(status), log, answers: String::from_utf8(answers).unwrap() }
}

/// The flash as the device left it.
struct Left(Vec<u8>);

impl Flash for Left {
    fn sector_size(&self) -> u32 {
        512
    }

    fn sectors(&self) -> u32 {
        2
    }

    fn align(&self) -> u32 {
        8
    }

    fn read(&mut self, at: u32, buf: &mut [u8]) -> Result<(), FlashError> {
        let from = self.0.get(at as usize..).and_then(|rest| rest.get(..buf.len())).ok_or(FlashError)?;
        buf.copy_from_slice(from);
        Ok(())
    }

    fn program(&mut self, _: u32, _: &[u8]) -> Result<(), FlashError> {
        Err(FlashError)
    }

    fn erase(&mut self, _: u32) -> Result<(), FlashError> {
        Err(FlashError)
    }
}

/// What is on the flash of a device that was left alone.
fn kept(device: &Path) -> Option<String> {
    let mut left = Left(fs::read(device.join("flash")).unwrap());
    let mut store = TokenStore::open(&mut left).unwrap();
    // Under this renewal a token that may have been spent is none.
    store.load(Renewal::RefreshOnce, &mut [0; 96]).unwrap().map(|token| token.expose().to_owned())
}

/// A device, and a server whose tokens live for so many seconds and whose grace is that for devices.
fn device_and_server(name: &str, life: u32) -> (PathBuf, Server, u16) {
    let device = directory(name);
    let settings = device.join("valetkey.toml");
    fs::write(&settings, format!("profile = \"embedded\"\n[lifetimes]\naccess_seconds = {life}\n")).unwrap();
    let (server, port) = Server::with(&["--config", settings.to_str().unwrap(), "--db", ":memory:"]);
    (device, server, port)
}

/// Power was not cut: it got a token, renewed it, kept what came, and the API takes the token.
fn goes_on(device: &Path, port: u16) {
    let life = live(device, port, Cut::Never);
    // The first may be one that was on its way when power was cut, and has lived since.
    let tokens = life.log.lines().filter(|line| line.starts_with("a token, good for seconds: ")).count();
    assert_eq!((life.status, tokens, life.log.lines().count()), (Some(0), 2, 2), "{}", life.log);
    is_left_with(device, port, &life.answers);
}

/// The API takes the last token that was answered, and its refresh token is in flash.
fn is_left_with(device: &Path, port: u16, answers: &str) {
    let last = &answers[answers.rfind("HTTP/1.1 200").unwrap()..];
    let member = |name| last.split_once(&format!("\"{name}\":\"")).unwrap().1.split('"').next().unwrap();
    let bearer = format!("Authorization: Bearer {}\r\n", member("access_token"));
    assert_eq!(ask(port, "/api/data", &bearer, None).status(), "200");
    assert_eq!(kept(device).as_deref(), Some(member("refresh_token")));
}

#[test]
#[expect(clippy::print_stdout, reason = "is shown when it fails, or with --nocapture")]
fn it_goes_on_after_each_loss_of_power() {
    let (device, _server, port) = device_and_server("power", 3);
    let handed_over = device.join("refresh-token");
    fs::write(&handed_over, log_in(port)).unwrap();
    goes_on(&device, port);
    fs::remove_file(handed_over).unwrap();

    let kills = env::var("VALETKEY_FIRMWARE_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    for seed in 1..=kills {
        let cut = Cut::drawn(seed);
        let life = live(&device, port, cut);
        println!("seed {seed}: {cut:?}, {} bytes of answers, {:?}", life.answers.len(), life.log);
        assert!(!life.log.contains("no token"), "before power was cut");
        if seed % IN_A_ROW == 0 || seed == kills {
            goes_on(&device, port);
        }
    }
}

/// How a connection ends.
#[derive(Clone, Copy)]
enum End {
    /// The server closes it when it has answered, as it does with one that is idle for long.
    Answered,
    /// It breaks when so many bytes of the answer have arrived.
    Within(usize),
    /// The device ends it.
    ItsOwn,
}

#[test]
fn it_goes_on_when_the_server_closes_the_connection_and_when_that_breaks() {
    let (device, _server, port) = device_and_server("broken", 8);
    fs::write(device.join("refresh-token"), log_in(port)).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = listener.local_addr().unwrap().port();
    let carrying = thread::spawn(move || {
        let (mut answers, mut connections) = (String::new(), 0);
        for end in [End::Answered, End::Within(200), End::ItsOwn] {
            let (mut uart, _) = listener.accept().unwrap();
            let mut server = TcpStream::connect(("127.0.0.1", port)).unwrap();
            connections += 1;
            while let Some(request) = message(&mut uart) {
                server.write_all(request.as_bytes()).unwrap();
                let answer = message(&mut server).unwrap();
                let length = if let End::Within(length) = end { length } else { answer.len() };
                uart.write_all(&answer.as_bytes()[..length]).unwrap();
                answers.push_str(&answer);
                if !matches!(end, End::ItsOwn) {
                    break;
                }
            }
        }
        (answers, connections)
    });
    let elf = elf(&CORTEX_M4, "refresh");
    let child = machine(&CORTEX_M4, &elf, Line::AgainTo(here)).current_dir(&device).spawn().unwrap();
    let (status, log) = end(child, "refresh");
    let tokens = log.lines().filter(|line| line.starts_with("a token, good for seconds: ")).count();
    let broken = log.lines().filter(|line| line.starts_with("no answer: ")).count();
    // What is sent before QEMU has dialled again is one more that is not answered.
    assert!((status, tokens) == (0, 2) && broken >= 1 && log.lines().count() == tokens + broken, "{status}, {log}");
    let (answers, connections) = carrying.join().unwrap();
    assert_eq!((connections, answers.matches("HTTP/1.1 200").count()), (3, 3), "{answers}");
    is_left_with(&device, port, &answers);
}

#[test]
fn it_says_when_only_a_login_helps() {
    let (device, _server, port) = device_and_server("ended", 3);
    let handed_over = device.join("refresh-token");
    fs::write(&handed_over, log_in(port)).unwrap();
    goes_on(&device, port);
    fs::remove_file(&handed_over).unwrap();

    // The person takes the grant back.
    let token = kept(&device).unwrap();
    assert_eq!(ask_as_client(port, "/revoke", &format!("token={token}")).status(), "200");
    let ended = (Some(1), "no token: log in again\n".to_owned());
    let life = live(&device, port, Cut::Never);
    assert_eq!((life.status, life.log), ended);
    assert!(life.answers.contains("\"error\":\"invalid_grant\""));

    // It does not ask with what was refused, also after another loss of power.
    let life = live(&device, port, Cut::Never);
    let none = "no token: no refresh token in flash, nor in a file `refresh-token` here\n";
    assert_eq!((life.status, life.log.as_str(), life.answers), (Some(1), none, String::new()));

    // What is no token at all is not kept either.
    fs::write(&handed_over, "two\nlines").unwrap();
    let life = live(&device, port, Cut::Never);
    let none = "no token: log in again: the kept refresh token is none\n";
    assert_eq!((life.status, life.log.as_str(), life.answers), (Some(1), none, String::new()));

    // An editor ends the line.
    fs::write(&handed_over, log_in(port) + "\n").unwrap();
    goes_on(&device, port);
}
