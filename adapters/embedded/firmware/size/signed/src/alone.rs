//! Signs on QEMU's board `mps2-an386` (Cortex-M4) and prints what that took. See the program beside this.
#![no_std]
#![no_main]

use cortex_m_semihosting::{debug, hprintln};
use valetkey_size_signed::size_signature;

#[path = "../../src/board.rs"]
mod board;

/// The key of [RFC 6979, appendix A.2.5](https://www.rfc-editor.org/rfc/rfc6979#appendix-A.2.5), and what it makes of "sample".
const KEY: [u8; 32] = [
    0xc9, 0xaf, 0xa9, 0xd8, 0x45, 0xba, 0x75, 0x16, 0x6b, 0x5c, 0x21, 0x57, 0x67, 0xb1, 0xd6, 0x93, 0x4e, 0x50, 0xc3,
    0xdb, 0x36, 0xe8, 0x9b, 0x12, 0x7b, 0x8a, 0x62, 0x2b, 0x12, 0x0f, 0x67, 0x21,
];
const BEGINS: [u8; 4] = [0xef, 0xd4, 0x8b, 0x2a];

#[cortex_m_rt::entry]
fn main() -> ! {
    let sign = || (size_signature(&KEY, b"sample"), board::instructions());
    let ((signature, instructions), stack) = board::deepest_stack(sign);
    hprintln!("stack {}", stack);
    hprintln!("request {}", instructions);
    let right = signature.is_some_and(|signature| signature.starts_with(&BEGINS));
    loop {
        debug::exit(if right { debug::EXIT_SUCCESS } else { debug::EXIT_FAILURE });
    }
}
