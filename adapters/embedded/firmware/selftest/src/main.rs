//! The self-test as firmware: a line for each group, and the exit status.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

#[board::entry]
fn main() -> ! {
    board::start();
    let right = selftest::run(|group, verdict| board::say(group, verdict, None));
    board::exit(u32::from(!right))
}

/// The server's code is not proven to link without a panic, as the firmware of a client is.
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    let (file, line) = info.location().map_or(("", 0), |at| (at.file(), at.line()));
    board::say("panicked in ", file, Some(line));
    board::exit(101)
}
