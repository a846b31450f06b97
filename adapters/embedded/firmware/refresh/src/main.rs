//! A device that a person logged in once. It keeps its access token good over connections that break, and its refresh token
//! in flash, from where it goes on after any loss of power.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

mod flash;

use board::{File, Mode, Uart, exit, millis, say};
use flash::HostFile;
use valetkey::client::keeper::{Keeper, Now, Renewal, Timing, TokenSlot, TokenStore, seed};
use valetkey::client::{ClientAuth, Config, Refresh};
use valetkey::secret::SecretText;
use valetkey::time::Uptime;
use valetkey_embedded::{Connection, Error};

const HOST: &str = "127.0.0.1";
/// So many tokens are shown to be got; a device goes on for ever.
const ENOUGH: u32 = 2;
/// The server waits with the end of a refresh token until its successor has arrived, or at least for a while.
const RENEWAL: Renewal = Renewal::RefreshUnderGrace;

#[board::entry]
fn main() -> ! {
    match live(Uart::link()) {
        Ok(()) => exit(0),
        Err(why) => {
            say("no token: ", why, None);
            exit(1)
        }
    }
}

fn live(mut link: Uart) -> Result<(), &'static str> {
    let auth = ClientAuth::Basic(SecretText::new("web-secret"));
    let config = Config::new("http://127.0.0.1", "http://127.0.0.1/token", "demo-web", auth).map_err(|_| "settings")?;
    let mut flash = HostFile::open(c"flash").ok_or("no flash")?;
    let mut store = TokenStore::open(&mut flash).map_err(|_| "no flash")?;
    let mut keeper = Keeper::new(RENEWAL, Timing::DEVICE, seed(b"fleet", b"device-1"));
    let (mut kept, mut text, mut request, mut buf) = ([0; 96], [0; 96], [0; 256], [0; 1024]);
    let mut slot = TokenSlot::new(&mut text);
    let mut server = Connection::over_dangerous_plaintext(&mut link, HOST);
    let uptime = || Uptime(millis().into());

    if store.load(RENEWAL, &mut kept).map_err(|_| "the flash cannot be read")?.is_none() {
        match handed_over(&mut kept) {
            Some(token) => store.keep(token).map_err(|_| "the flash cannot be written")?,
            None => return Err("no refresh token in flash, nor in a file `refresh-token` here"),
        }
    }
    let mut got = 0;
    while got < ENOUGH {
        match keeper.ask(uptime()) {
            Now::Renew { ticket, .. } => {
                if !server.is_open() {
                    // Each connection that broke off is followed by another. A product has its modem hang up and dial.
                    link.forget();
                    server = Connection::over_dangerous_plaintext(&mut link, HOST);
                }
                let token = store.load(RENEWAL, &mut kept).map_err(|_| "the flash cannot be read")?;
                let token = token.ok_or("no token to renew by")?;
                let Ok(flow) = Refresh::new(&config, token, "") else {
                    // Kept, it would fail at each start.
                    store.forget().map_err(|_| "the flash cannot be written")?;
                    return Err("log in again: the kept refresh token is none");
                };
                let post = flow.request(&mut request).map_err(|_| "too small")?;
                store.sending(token).map_err(|_| "the flash cannot be written")?;
                match server.send(&post, &mut buf, || uptime() >= ticket.deadline()) {
                    Ok(response) => {
                        let answer = flow.response(response, &mut request);
                        if let Some((_, tokens)) = keeper.answered(ticket, answer, uptime()) {
                            let successor = tokens.refresh_token.unwrap_or(token);
                            store.keep(successor).map_err(|_| "the flash cannot be written")?;
                            slot.put(tokens.access_token).map_err(|_| "too small")?;
                            say("a token, ", "good for seconds: ", tokens.expires_in);
                            got += 1;
                        }
                    }
                    // Asked again when the keeper says so.
                    Err(why) => {
                        say("no answer: ", Error::reason(why), None);
                        if server.is_open() {
                            keeper.not_sent(ticket, uptime());
                        } else {
                            keeper.unanswered(ticket, uptime());
                        }
                    }
                }
            }
            Now::Use(_) => {}                           // call the API with `slot.token()`
            Now::Wait { .. } | Now::Denied { .. } => {} // sense, sleep, show a lamp
            Now::LogIn => {
                store.forget().map_err(|_| "the flash cannot be written")?;
                return Err("log in again");
            }
        }
    }
    Ok(())
}

/// What the person who logged in got for the device, by an app or a cable: here in a file of the host.
fn handed_over(buf: &mut [u8]) -> Option<SecretText<'_>> {
    let mut file = File::open(c"refresh-token", Mode::Read)?;
    let text = buf.get_mut(..file.length() as usize)?;
    file.read(0, text).then_some(())?;
    str::from_utf8(text.trim_ascii_end()).ok().map(SecretText::new)
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    board::nothing_in_this_firmware_may_panic()
}
