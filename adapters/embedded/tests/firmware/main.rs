//! Boots the firmware in QEMU before the project's own server and before one that answers from a script, and holds it to
//! its size. Runs only when it is named, as it needs QEMU, node, the firmware and the program `valetkey`: see the stage
//! `firmware` of `.ci/run`, which builds them first.

mod boards;
mod browser;
mod plain;
mod program;
mod refresh;
mod selftest;
mod signed;
