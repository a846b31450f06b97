//! A token's life: when to ask for one, how long it is good, what comes of a failure. The machine sends nothing, waits for
//! nothing and holds no text; it is asked for what to do [`Now`], and told what came of it.
//!
//! ```text
//!   Empty --------+                       +------------- renewed --------------+
//!   (start)       |                       v                                    |
//!                 +-- Renew, answered --> Fresh -- half of its life or more --> Ageing -- Renew failed --> Failing
//!   Revoked ------+                        |                                    |                            |
//!     ^           |                        +--------- an API refused it --------+------------> Revoked <-----+
//!     '-- 401     |                                                                                          |
//!   Expired ------+ <----------------------------------- its life ran out -----------------------------------+
//!
//!   LoggedOut -- logged_in --> Fresh             from anywhere, by invalid_grant or log_out --> LoggedOut
//! ```
//!
//! What happens, in each [`State`] (`-`: as before; a good token is used whatever becomes of its renewal):
//!
//! | | Empty, Expired, Revoked | Fresh | Ageing | Failing | LoggedOut |
//! |---|---|---|---|---|---|
//! | [`ask`](Keeper::ask) | `Renew`, once; meanwhile and in a pause `Wait` or `Denied` | `Use` | `Renew`, once, and the token meanwhile | `Use`; after the pause `Renew` | `LogIn` |
//! | tokens | Fresh | | Fresh | Fresh | |
//! | no signature, refresh token not kept, no connection, no answer, 5xx | -, pause | | Failing, pause | -, longer pause | |
//! | 429, 503 | -, pause of at least the seconds of `Retry-After` | | Failing, pause | -, pause | |
//! | `invalid_client` and the like | -, pause of 1 to 2 times the longest | | Failing, the same | - , the same | |
//! | `invalid_grant` for a refresh token | LoggedOut | | Failing, no renewal any more | the same | |
//! | refresh token sent, fate unknown, no grace | LoggedOut | | Failing, no renewal any more | the same | |
//! | [`refused`](Keeper::refused) by an API | - | Revoked | Revoked | Revoked (or LoggedOut) | - |
//! | life ran out | - | | Expired | Expired (or LoggedOut) | |
//! | restart | Empty | Empty | Empty | Empty | - |
//!
//! **Time** is an [`Uptime`](crate::time::Uptime) alone. A life counts from when the request was *sent*, that is from the
//! ticket, and a 64th of it is kept back for slow oscillators. Where the server does not say how long a token lives, it is
//! renewed as if it lived for an hour, and used until an API refuses it. Nothing of it outlives a restart, as a lifetime
//! that was stored would count from an unknown moment.
//!
//! **One renewal at a time.** Whoever is told to renew holds the [`Ticket`]; all others use the token that there is, or
//! wait. A ticket that is lost (a task that was dropped, a thread that died) counts as unanswered at its deadline. When
//! a thousand requests were refused with the same token, its [`TokenId`] makes one renewal of them; and when the
//! new token is refused as well, [`Refused::GiveUp`] ends it, with one more renewal allowed after a minute, then two, then four.
//!
//! **A fleet comes spread.** A token is renewed somewhere between a half and 13/16 of its life, another place each time; the
//! pause after a failure lies anywhere in a window that grows fourfold up to [`Timing::longest_pause`], and `Retry-After` is
//! kept to and then spread over four times as much. All of it comes from the [`seed`] of a device's name, without a generator
//! of randomness. Before a good token runs out, one more attempt is made.
//!
//! **A refresh token** that rotates goes into a [`TokenStore`]: [`sending`](TokenStore::sending) before the request of a ticket
//! is sent, [`keep`](TokenStore::keep) before the access token of the answer is used. After a restart a keeper begins with
//! what [`load`](TokenStore::load) gives, or [logged out](Keeper::log_out) if that is nothing.
//!
//! A firmware's loop, without heap or clock:
//!
//! ```
//! use valetkey::client::keeper::{Keeper, Now, Renewal, Timing, TokenSlot, seed};
//! use valetkey::client::{ClientAuth, ClientCredentials, Config, Post, Response};
//! use valetkey::secret::SecretText;
//! use valetkey::time::Uptime;
//!
//! # struct Device { ms: u64, sent: u32 }
//! # impl Device {
//! #     fn uptime(&mut self) -> Uptime { self.ms += 1_000; Uptime(self.ms) }
//! #     fn post<'b>(&mut self, _: &Post<'_>, body: &'b mut [u8]) -> Option<Response<'b>> {
//! #         let text = br#"{"access_token":"2YotnFZ","token_type":"Bearer","expires_in":600}"#;
//! #         body[..text.len()].copy_from_slice(text);
//! #         Some(Response { status: 200, content_type: Some("application/json"), retry_after: None, date: None, body: &body[..text.len()] })
//! #     }
//! #     fn call_api(&mut self, token: SecretText<'_>) -> u16 { assert_eq!(token.expose(), "2YotnFZ"); self.sent += 1; 204 }
//! # }
//! # fn run(mut device: Device) -> Result<(), Box<dyn std::error::Error>> {
//! let auth = ClientAuth::Basic(SecretText::new("device-secret"));
//! let config = Config::new("https://as.example", "https://as.example/token", "demo-device", auth)?;
//! let flow = ClientCredentials::new(&config)?;
//! let mut keeper = Keeper::new(Renewal::ClientCredentials, Timing::DEVICE, seed(b"fleet", b"demo-device"));
//! let (mut text, mut request, mut body) = ([0; 64], [0; 256], [0; 1024]);
//! let mut slot = TokenSlot::new(&mut text);
//! # while device.sent < 3 {
//! // loop {
//! let now = device.uptime();
//! match keeper.ask(now) {
//!     Now::Renew { ticket, .. } => {
//!         let answer = device.post(&flow.request(&mut request)?, &mut body); // gives up at ticket.deadline()
//!         let now = device.uptime();
//!         match answer {
//!             None => keeper.unanswered(ticket, now),
//!             Some(answer) => {
//!                 if let Some((_, tokens)) = keeper.answered(ticket, flow.response(answer, &mut request), now) {
//!                     slot.put(tokens.access_token)?;
//!                 }
//!             }
//!         }
//!     }
//!     Now::Use(usable) => {
//!         if device.call_api(slot.token()) == 401 {
//!             let _ = keeper.refused(usable.token, now); // tried anew, or not, in the next rounds
//!         }
//!     }
//!     Now::Wait { .. } | Now::Denied { .. } => {} // sense, sleep, show a lamp
//!     Now::LogIn => unreachable!("a client's own credentials need no login"),
//! }
//! # }
//! // }
//! # Ok(()) }
//! # run(Device { ms: 0, sent: 0 }).unwrap();
//! ```
//!
//! A program with threads keeps the keeper and the token's text behind one lock, and never holds it while something is sent:
//!
//! ```
//! use std::sync::{Arc, Condvar, Mutex};
//! use std::time::{Duration, Instant};
//! use valetkey::client::keeper::{Keeper, Now, Renewal, Timing, Trouble, TokenId, seed};
//! use valetkey::time::Uptime;
//!
//! # use valetkey::client::{ClientAuth, ClientCredentials, Config, Response};
//! # use valetkey::secret::SecretText;
//! # fn send(keeper: &Mutex<Kept>, ticket: valetkey::client::keeper::Ticket, now: Uptime) {
//! #     let auth = ClientAuth::Basic(SecretText::new("s"));
//! #     let config = Config::new("https://as.example", "https://as.example/token", "c", auth).unwrap();
//! #     let body = br#"{"access_token":"2YotnFZ","token_type":"Bearer","expires_in":600}"#;
//! #     let response = Response { status: 200, content_type: Some("application/json"), retry_after: None, date: None, body };
//! #     let answer = ClientCredentials::new(&config).unwrap().response(response, &mut []);
//! #     let mut kept = keeper.lock().unwrap();
//! #     if let Some((_, tokens)) = kept.keeper.answered(ticket, answer, now) { kept.text = tokens.access_token.expose().into(); }
//! # }
//! struct Kept { keeper: Keeper, text: Arc<str> }
//! struct Client { started: Instant, kept: Mutex<Kept>, handed_back: Condvar }
//!
//! impl Client {
//!     fn uptime(&self) -> Uptime {
//!         Uptime(self.started.elapsed().as_millis().try_into().unwrap_or(u64::MAX))
//!     }
//!
//!     /// A token that is good now, or why there is none.
//!     fn token(&self) -> Result<(TokenId, Arc<str>), Option<Trouble>> {
//!         let mut kept = self.kept.lock().unwrap();
//!         loop {
//!             let now = self.uptime();
//!             match kept.keeper.ask(now) {
//!                 Now::Use(usable) => return Ok((usable.token, kept.text.clone())),
//!                 Now::Renew { ticket, .. } => { // with `meanwhile`, a thread of its own would send it
//!                     drop(kept);
//!                     send(&self.kept, ticket, now); // and hands the ticket back, whatever happens
//!                     self.handed_back.notify_all();
//!                     kept = self.kept.lock().unwrap();
//!                 }
//!                 Now::Wait { trouble: Some(trouble), .. } => return Err(Some(trouble)), // or wait until then
//!                 Now::Wait { until, trouble: None } => {
//!                     let pause = Duration::from_millis(until.millis_since(now).into());
//!                     kept = self.handed_back.wait_timeout(kept, pause).unwrap().0;
//!                 }
//!                 Now::Denied { .. } | Now::LogIn => return Err(kept.keeper.trouble()),
//!             }
//!         }
//!     }
//! }
//!
//! let keeper = Keeper::new(Renewal::ClientCredentials, Timing::SERVICE, seed(b"", b"report-service-2"));
//! let kept = Mutex::new(Kept { keeper, text: "".into() });
//! let client = Client { started: Instant::now(), kept, handed_back: Condvar::new() };
//! assert_eq!(&*client.token().unwrap().1, "2YotnFZ");
//! ```

mod flash;
mod machine;
mod slot;
mod spread;
mod told;
mod wall_clock;

pub use flash::{Flash, FlashError, MAX_ALIGN, StoreError, TokenStore};
pub use machine::{Keeper, Renewal, Timing};
pub use slot::TokenSlot;
pub use spread::seed;
pub use told::{Now, Refused, State, Ticket, TokenId, Trouble, Usable};
pub use wall_clock::WallClock;
