//! What the SQLite store promises beyond the laws of any store: files, faults, groups, events, backups and crashes.

mod access;
mod backup;
mod changes;
mod child;
mod crash;
mod events;
mod faults;
mod files;
mod groups;
mod log;
mod sweep;
