//! The boards: a UART that leads to the server, a log, a clock, and an end. All `unsafe` of the firmware is here.
#![no_std]
#![deny(unsafe_op_in_unsafe_fn)]

mod host;
#[cfg(target_arch = "arm")]
mod mps2;
#[cfg(target_arch = "arm")]
use mps2 as machine;
#[cfg(target_arch = "riscv32")]
mod virt;
#[cfg(target_arch = "riscv32")]
use virt as machine;

pub use host::{File, Mode, entropy};
pub use machine::{entry, exit, millis, start};

use core::task::Poll;
use embedded_io::ErrorKind;

/// Seconds without a byte after which the line counts as dead.
const SILENCE: u32 = 2;

/// The UART that leads to the server. It is polled: on a product an interrupt would fill a ring and wake the task.
pub struct Uart(());

impl Uart {
    /// There is one, and it is yours alone.
    pub fn link() -> Self {
        start();
        Self(())
    }

    /// Before another connection: what is left of the last one answers nothing. QEMU dials by itself, with `reconnect`.
    pub fn forget(&mut self) {
        while machine::receive().is_some() {}
    }

    /// The bytes that are there; `None` if there are none and time remains.
    fn poll(&mut self, to: &mut [u8], since: u32) -> Option<Result<usize, ErrorKind>> {
        let mut count = 0;
        for (to, byte) in to.iter_mut().zip(core::iter::from_fn(machine::receive)) {
            *to = byte;
            count += 1;
        }
        match count {
            0 if seconds().wrapping_sub(since) > SILENCE => Some(Err(ErrorKind::TimedOut)),
            0 => None,
            _ => Some(Ok(count)),
        }
    }
}

impl embedded_io::ErrorType for Uart {
    type Error = ErrorKind;
}

impl embedded_io::Read for Uart {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, ErrorKind> {
        let since = seconds();
        loop {
            if let Some(came) = self.poll(to, since) {
                return came;
            }
        }
    }
}

impl embedded_io::Write for Uart {
    fn write(&mut self, from: &[u8]) -> Result<usize, ErrorKind> {
        for byte in from {
            machine::send(*byte);
        }
        Ok(from.len())
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl embedded_io_async::Read for Uart {
    async fn read(&mut self, to: &mut [u8]) -> Result<usize, ErrorKind> {
        let since = seconds();
        core::future::poll_fn(|cx| match self.poll(to, since) {
            Some(came) => Poll::Ready(came),
            None => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        })
        .await
    }
}

impl embedded_io_async::Write for Uart {
    async fn write(&mut self, from: &[u8]) -> Result<usize, ErrorKind> {
        embedded_io::Write::write(self, from)
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

/// Seconds since the start.
pub fn seconds() -> u32 {
    millis() / 1_000
}

/// Writes a line to the log, without the machinery of `core::fmt`.
pub fn say(what: &str, why: &str, number: Option<u32>) {
    let mut digits = [0; 10];
    let mut left = number.unwrap_or(0);
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(left % 10).unwrap_or(0);
        left /= 10;
    }
    let first = digits.iter().position(|digit| *digit != b'0').unwrap_or(9);
    let digits = digits.iter().skip(if number.is_some() { first } else { digits.len() });
    what.bytes().chain(why.bytes()).chain(digits.copied()).chain(*b"\n").for_each(machine::log);
}

unsafe extern "C" {
    /// Is nowhere. A firmware whose panic handler calls it does not link if anything in it can panic.
    pub safe fn nothing_in_this_firmware_may_panic() -> !;
}
