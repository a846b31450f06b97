//! mps2-an385 and mps2-an386: the second UART is the log, a timer the clock, and semihosting the end.

pub use cortex_m_rt::entry;

unsafe extern "C" {
    /// Of `cortex-m-rt`: stays where it is.
    unsafe fn DefaultHandler();
}

/// The board has 32 interrupts, none of which is used. Without this the table has room for 240.
#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
static __INTERRUPTS: [unsafe extern "C" fn(); 32] = [DefaultHandler; 32];

/// The two UARTs, each with the registers DATA, STATE, CTRL, INTSTATUS, BAUDDIV.
const LINK: usize = 0x4000_4000;
const LOG: usize = 0x4000_5000;
/// The first half of the dual timer: LOAD, VALUE, CONTROL.
const TIMER: usize = 0x4000_2000;
/// 25 MHz by 256 are 97.65625 ticks a millisecond.
const TICKS_IN_32_MS: u32 = 3_125;

fn read(base: usize, register: usize) -> u32 {
    let at = (base as *const u32).wrapping_add(register);
    // SAFETY: all callers name registers of the board, which are always there and aligned.
    unsafe { at.read_volatile() }
}

fn write(base: usize, register: usize, value: u32) {
    let at = (base as *mut u32).wrapping_add(register);
    // SAFETY: as above; none of these registers makes the board touch memory.
    unsafe { at.write_volatile(value) }
}

/// Makes the log ready, and the line to the server: before anything is said.
pub fn start() {
    for uart in [LINK, LOG] {
        write(uart, 4, 16);
        write(uart, 2, 0b11); // to send and to receive
    }
    write(TIMER, 0, u32::MAX);
    write(TIMER, 2, 0b1100_1010); // on, again and again, by 256, 32 bits wide
}

fn send_to(uart: usize, byte: u8) {
    while read(uart, 1) & 0b01 != 0 {}
    write(uart, 0, byte.into());
}

pub(crate) fn send(byte: u8) {
    send_to(LINK, byte);
}

pub(crate) fn receive() -> Option<u8> {
    (read(LINK, 1) & 0b10 != 0).then(|| read(LINK, 0).to_le_bytes()[0])
}

pub(crate) fn log(byte: u8) {
    send_to(LOG, byte);
}

/// Milliseconds since the start, for half a day.
pub fn millis() -> u32 {
    let ticks = u32::MAX - read(TIMER, 1);
    ticks / TICKS_IN_32_MS * 32 + ticks % TICKS_IN_32_MS * 32 / TICKS_IN_32_MS
}

/// An operation of the host.
///
/// # Safety
/// As is said of each: some write to where the arguments point.
pub(crate) unsafe fn semihosting<const N: usize>(operation: usize, arguments: &[usize; N]) -> usize {
    // SAFETY: the caller's.
    unsafe { cortex_m_semihosting::syscall(operation, arguments) }
}

/// Ends the machine with a status.
pub fn exit(status: u32) -> ! {
    const EXIT_EXTENDED: usize = 0x20;
    const APPLICATION_EXIT: usize = 0x20026;
    loop {
        // SAFETY: the operation takes two words, and ends the machine.
        unsafe { semihosting(EXIT_EXTENDED, &[APPLICATION_EXIT, status as usize]) };
    }
}
