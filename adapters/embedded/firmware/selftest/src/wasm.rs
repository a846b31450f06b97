//! The self-test for WebAssembly: `selftest` returns the exit status, `say` is the host's. See `run.mjs`.
#![expect(unsafe_code, reason = "a host calls and is called by names")]

// SAFETY: the host has this function; it reads so many bytes.
unsafe extern "C" {
    safe fn say(text: *const u8, len: usize);
}

// SAFETY: no other symbol has this name.
#[unsafe(no_mangle)]
extern "C" fn selftest() -> u32 {
    let right = super::run(|group, verdict| {
        for text in [group, verdict, "\n"] {
            say(text.as_ptr(), text.len());
        }
    });
    u32::from(!right)
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
