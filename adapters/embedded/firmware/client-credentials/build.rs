//! Tells the linker where the board's memory is.

use std::{env, fs, path::PathBuf};

/// The boards mps2-an385 (Cortex-M3) and mps2-an386 (Cortex-M4) of QEMU, as small as a small device.
const MPS2: &str = "MEMORY {
    FLASH : ORIGIN = 0x00000000, LENGTH = 32K
    RAM : ORIGIN = 0x20000000, LENGTH = 8K
}";

/// The board virt of QEMU, which has no flash, as small as a small device.
const VIRT: &str = "MEMORY {
    FLASH : ORIGIN = 0x80000000, LENGTH = 32K
    RAM : ORIGIN = 0x80010000, LENGTH = 8K
}
REGION_ALIAS(\"REGION_TEXT\", FLASH);
REGION_ALIAS(\"REGION_RODATA\", FLASH);
REGION_ALIAS(\"REGION_DATA\", RAM);
REGION_ALIAS(\"REGION_BSS\", RAM);
REGION_ALIAS(\"REGION_HEAP\", RAM);
REGION_ALIAS(\"REGION_STACK\", RAM);";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // The runtime of RISC-V does not ask for the memory by itself.
    let (memory, arguments) = match env::var("CARGO_CFG_TARGET_ARCH").as_deref() {
        Ok("arm") => (MPS2, ["-Tlink.x", "--nmagic"].as_slice()), // `nmagic`: no padding to pages
        Ok("riscv32") => (VIRT, ["-Tmemory.x", "-Tlink.x", "--nmagic"].as_slice()),
        _ => return,
    };
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("Cargo sets it"));
    fs::write(out.join("memory.x"), memory).expect("Cargo made the directory");
    // Names of interrupts, of which there are none.
    fs::write(out.join("device.x"), "").expect("Cargo made the directory");
    println!("cargo:rustc-link-search={}", out.display());
    for argument in arguments {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
}
