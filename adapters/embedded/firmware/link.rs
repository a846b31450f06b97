//! Tells the linker where the memory of a firmware's device is, and how much. The build script of each firmware.

use std::{env, fs, path::PathBuf};

/// Flash and RAM of the boards mps2-an385 (Cortex-M3) and mps2-an386 (Cortex-M4) of QEMU.
const MPS2: [u32; 2] = [0x0000_0000, 0x2000_0000];
/// Of the board virt of QEMU, which has no flash: RAM is both.
const VIRT: [u32; 2] = [0x8000_0000, 0x8010_0000];

/// What the runtime of RISC-V wants to be told besides.
const REGIONS: &str = "
REGION_ALIAS(\"REGION_TEXT\", FLASH);
REGION_ALIAS(\"REGION_RODATA\", FLASH);
REGION_ALIAS(\"REGION_DATA\", RAM);
REGION_ALIAS(\"REGION_BSS\", RAM);
REGION_ALIAS(\"REGION_HEAP\", RAM);
REGION_ALIAS(\"REGION_STACK\", RAM);";

/// KiB of flash and of RAM that the device has: as little as will do.
fn room(firmware: &str) -> (u32, u32) {
    match firmware {
        "client-credentials" => (32, 8),
        "selftest" => (256, 40),
        "refresh" => (32, 8),
        "signed" => (64, 16),
        "valetkey-size" | "valetkey-size-signed" => (128, 32),
        other => panic!("{other} is not said to have any memory"),
    }
}

fn main() {
    println!("cargo:rerun-if-changed=Cargo.toml"); // and whenever this file is compiled anew
    let ([flash, ram], regions, arguments) = match env::var("CARGO_CFG_TARGET_ARCH").as_deref() {
        Ok("arm") => (MPS2, "", ["-Tlink.x", "--nmagic"].as_slice()), // `nmagic`: no padding to pages
        // The runtime of RISC-V does not ask for the memory by itself.
        Ok("riscv32") => (VIRT, REGIONS, ["-Tmemory.x", "-Tlink.x", "--nmagic"].as_slice()),
        _ => return,
    };
    let (flash_size, ram_size) = room(&env::var("CARGO_PKG_NAME").expect("Cargo sets it"));
    let memory = format!(
        "MEMORY {{
    FLASH : ORIGIN = {flash:#x}, LENGTH = {flash_size}K
    RAM : ORIGIN = {ram:#x}, LENGTH = {ram_size}K
}}{regions}"
    );
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("Cargo sets it"));
    fs::write(out.join("memory.x"), memory).expect("Cargo made the directory");
    // Names of interrupts, of which there are none.
    fs::write(out.join("device.x"), "").expect("Cargo made the directory");
    println!("cargo:rustc-link-search={}", out.display());
    for argument in arguments {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
}
