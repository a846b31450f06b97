//! What the SQLite store promises beyond the laws of any store: files, faults, groups, events, backups and crashes.

mod changes;
mod files;
