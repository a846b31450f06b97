//! How QEMU's board measures: its timer, and a stack that is painted.
#![expect(unsafe_code, reason = "registers, the stack's memory, and a function that is linked by name")]

use cortex_m_semihosting::debug;

/// Timer 0 (CMSDK APB): control, value, reload. It counts down at 25 MHz.
const TIMER: *mut u32 = 0x4000_0000 as *mut u32;

const PAINT: u32 = 0xcccc_cccc;

/// Sets the timer to its beginning.
fn start_timer() {
    // SAFETY: these registers are the timer's, which nothing else uses.
    unsafe {
        TIMER.write_volatile(0);
        TIMER.add(2).write_volatile(u32::MAX);
        TIMER.add(1).write_volatile(u32::MAX);
        TIMER.write_volatile(1);
    }
}

/// Instructions since [`start_timer`]: with `-icount shift=6` each takes 64 ns, which is 1.6 ticks.
pub(crate) fn instructions() -> u32 {
    // SAFETY: as above.
    let ticks = u32::MAX - unsafe { TIMER.add(1).read_volatile() };
    ticks * 5 / 8
}

/// Runs `f`, and says by how many bytes the stack was deeper than here.
#[inline(never)]
pub(crate) fn deepest_stack<R>(f: impl FnOnce() -> R) -> (R, usize) {
    unsafe extern "C" {
        static mut _stack_end: u32;
    }
    let end = &raw mut _stack_end;
    let here = cortex_m::register::msp::read() as *mut u32;
    let mut at = end;
    while at < here {
        // SAFETY: this memory is the stack's, and below all that is on it.
        unsafe { at.write_volatile(PAINT) };
        // SAFETY: as above.
        at = unsafe { at.add(1) };
    }
    start_timer();
    let result = apart(f);
    at = end;
    // SAFETY: as above.
    while at < here && unsafe { at.read_volatile() } == PAINT {
        // SAFETY: as above.
        at = unsafe { at.add(1) };
    }
    (result, here as usize - at as usize)
}

/// In a frame of its own, below the mark.
#[inline(never)]
fn apart<R>(f: impl FnOnce() -> R) -> R {
    f()
}

/// Where the library's panic handler leads.
// SAFETY: it has the type that the library declares.
#[unsafe(no_mangle)]
fn size_panic_is_linked() -> ! {
    loop {
        debug::exit(debug::EXIT_FAILURE);
    }
}
