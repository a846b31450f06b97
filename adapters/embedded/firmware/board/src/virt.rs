//! virt of RISC-V, which has one UART: the log goes out by semihosting, and a device of the board is the end.

pub use riscv_rt::entry;

/// A 16550: DATA and, five bytes on, the state of the line.
const LINK: usize = 0x1000_0000;
/// Ten millions a second, in two halves.
const CLOCK: usize = 0x0200_bff8;
const END: usize = 0x0010_0000;

/// Makes the log ready, and the line to the server: before anything is said.
pub const fn start() {}

fn state() -> u8 {
    // SAFETY: a register of the board, which is always there.
    unsafe { (LINK as *const u8).wrapping_add(5).read_volatile() }
}

pub(crate) fn send(byte: u8) {
    while state() & 0x20 == 0 {}
    // SAFETY: a register of the board, which is always there.
    unsafe { (LINK as *mut u8).write_volatile(byte) }
}

pub(crate) fn receive() -> Option<u8> {
    // SAFETY: a register of the board, which is always there.
    (state() & 1 != 0).then(|| unsafe { (LINK as *const u8).read_volatile() })
}

pub(crate) fn log(byte: u8) {
    const WRITE_CHARACTER: usize = 0x03;
    // SAFETY: the operation reads the one byte to which it is pointed.
    unsafe { semihosting(WRITE_CHARACTER, &raw const byte) };
}

/// An operation of the host.
///
/// # Safety
/// As is said of each: some write to where the arguments point.
pub(crate) unsafe fn semihosting<T>(operation: usize, arguments: *const T) -> usize {
    let result;
    // SAFETY: it changes no register but a0, and memory only as the caller knows.
    unsafe {
        core::arch::asm!(
            ".balign 16",
            ".option push",
            ".option norvc",
            "slli x0, x0, 0x1f",
            "ebreak",
            "srai x0, x0, 7",
            ".option pop",
            inout("a0") operation => result,
            in("a1") arguments,
        );
    }
    result
}

/// Milliseconds since the start, for nearly two hours.
pub fn millis() -> u32 {
    // SAFETY: registers of the board, which are always there.
    let read = |half| unsafe { (CLOCK as *const u32).wrapping_add(half).read_volatile() };
    loop {
        let (high, low) = (read(1), read(0));
        // Otherwise the lower half began anew in between.
        if high == read(1) {
            // Without its lower 4 bits, so that it needs no division of 64 bits: 625 such ticks are a millisecond.
            return (high << 28 | low >> 4) / 625;
        }
    }
}

/// Ends the machine with a status.
pub fn exit(status: u32) -> ! {
    let value = if status == 0 { 0x5555 } else { status << 16 | 0x3333 };
    loop {
        // SAFETY: a register of the board, which is always there.
        unsafe { (END as *mut u32).write_volatile(value) }
    }
}
