//! Valetkey's client over any byte pipe of [`embedded_io`] or [`embedded_io_async`], both 0.7: HTTP/1.1 without a heap, an
//! operating system, `unsafe` or a panic.
//!
//! A flow of [`valetkey::client`] writes its request, [`Connection::send`] sends it and receives the answer, and the flow
//! reads it. The pipe is yours: a TCP socket of `embassy-net` or `edge-nal`, a TLS session, a modem on a UART. So is TLS,
//! here or in a modem; a pipe without it has to be [called dangerous](Connection::over_dangerous_plaintext).
//!
//! ```
//! use valetkey::client::{ClientAuth, ClientCredentials, Config, Outcome};
//! use valetkey::secret::SecretText;
//! use valetkey_embedded::Connection;
//!
//! # struct Session(usize);
//! # impl embedded_io::ErrorType for Session { type Error = core::convert::Infallible; }
//! # impl embedded_io::Read for Session {
//! #     fn read(&mut self, to: &mut [u8]) -> Result<usize, Self::Error> {
//! #         let text = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 65\r\n\r\n\
//! #             {\"access_token\":\"2YotnFZ\",\"token_type\":\"Bearer\",\"expires_in\":600}";
//! #         let n = to.len().min(text.len() - self.0);
//! #         to[..n].copy_from_slice(&text[self.0..][..n]);
//! #         self.0 += n;
//! #         Ok(n)
//! #     }
//! # }
//! # impl embedded_io::Write for Session {
//! #     fn write(&mut self, from: &[u8]) -> Result<usize, Self::Error> { Ok(from.len()) }
//! #     fn flush(&mut self) -> Result<(), Self::Error> { Ok(()) }
//! # }
//! # let (session, seconds) = (Session(0), || 0);
//! let auth = ClientAuth::Basic(SecretText::new("device-secret"));
//! let config = Config::new("https://as.example", "https://as.example/token", "demo-device", auth)?;
//! let flow = ClientCredentials::new(&config)?;
//!
//! let mut server = Connection::over_tls(session, "as.example");
//! let (mut request, mut buf) = ([0; 256], [0; 512]);
//! let started = seconds();
//! let response = server.send(&flow.request(&mut request)?, &mut buf, || seconds() - started > 10)?;
//! if let Outcome::Tokens(tokens) = flow.response(response, &mut request)? {
//!     assert_eq!((tokens.access_token.expose(), tokens.expires_in), ("2YotnFZ", Some(600)));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! With a [`Keeper`](valetkey::client::keeper::Keeper) the same sends what a ticket is for, and hands that back: as not sent,
//! where nothing was, and as unanswered otherwise.
//!
//! ```
//! use valetkey::client::{ClientCredentials, TooSmall, keeper::{Keeper, Ticket, TokenSlot}};
//! use valetkey::time::Uptime;
//! use valetkey_embedded::{Connection, Error};
//!
//! fn renew<T: embedded_io::Read + embedded_io::Write>(
//!     flow: &ClientCredentials<'_>,
//!     server: &mut Connection<'_, T>,
//!     keeper: &mut Keeper,
//!     ticket: Ticket,
//!     slot: &mut TokenSlot<'_>,
//!     uptime: fn() -> Uptime,
//! ) -> Result<(), TooSmall> {
//!     let (mut request, mut buf) = ([0; 256], [0; 1024]);
//!     match server.send(&flow.request(&mut request)?, &mut buf, || uptime() >= ticket.deadline()) {
//!         Ok(response) => {
//!             let answer = flow.response(response, &mut request);
//!             if let Some((_, tokens)) = keeper.answered(ticket, answer, uptime()) {
//!                 slot.put(tokens.access_token)?;
//!             }
//!         }
//!         Err(Error::Spent) => keeper.not_sent(ticket, uptime()), // open another pipe
//!         Err(_) if server.is_open() => keeper.not_sent(ticket, uptime()),
//!         Err(_) => keeper.unanswered(ticket, uptime()),
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # Buffers and limits
//! One buffer holds the request (about 250 bytes besides its body) and then the answer: head, body, and one byte more if it
//! came in chunks. One that is too short gets the size that is needed as answer. Besides, an answer has at most four interim
//! answers before it, and 1,024 bytes of chunk extensions and trailers.
//!
//! # What is refused
//! Redirects are answers like others, which a flow does not believe; nothing follows them. Refused is what two readers could
//! read in two ways ([RFC 9112 section 6.3](https://www.rfc-editor.org/rfc/rfc9112#section-6.3)): two lengths, be they the
//! same; a length and chunks; codings other than `chunked`; lines that end in CR or LF alone, or go on in the next line; an
//! answer that ends where the connection does. After an answer that more bytes followed, the pipe is spent.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::panic,
        clippy::std_instead_of_core
    )
)]

mod asynchronous;
mod blocking;
mod body;
mod connection;
mod error;
mod exchange;
mod head;
mod request;

pub use connection::{Connection, Peer};
pub use error::Error;
pub use exchange::{Exchange, Step};
