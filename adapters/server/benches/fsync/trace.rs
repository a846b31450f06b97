//! Reads what `strace -f -yy` wrote, and looks whether every reply of the token endpoint waited for the disk.

use crate::common::Result;
use std::collections::HashMap;

/// What is going on, in the order in which the kernel was asked or answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event<'t> {
    /// A request came in on a connection.
    Request(&'t str),
    /// Something is written to the log.
    Write,
    /// A sync of the log begins in a thread.
    SyncBegins(&'t str),
    /// It ended well.
    SyncEnds(&'t str),
    /// A reply goes out on a connection.
    Reply(&'t str),
}

/// Checks each reply: since its request came in, something was written to the log, after that a sync of the log began, and
/// that had ended well before the reply was sent. Gives the number of replies.
pub(crate) fn check(trace: &str) -> Result<usize> {
    // For each connection, when its request came in; and for each thread, when its sync began. Times are places in the trace.
    let (mut requests, mut syncing) = (HashMap::new(), HashMap::new());
    // Where each write was, and where each sync that ended well began and ended.
    let (mut writes, mut synced): (Vec<usize>, Vec<(usize, usize)>) = (Vec::new(), Vec::new());
    let mut replies = 0;
    for (at, event) in events(trace) {
        match event {
            Event::Request(connection) => drop(requests.insert(connection, at)),
            Event::Write => writes.push(at),
            Event::SyncBegins(thread) => drop(syncing.insert(thread, at)),
            Event::SyncEnds(thread) => synced.extend(syncing.remove(thread).map(|began| (began, at))),
            Event::Reply(connection) => {
                let Some(came) = requests.remove(connection) else { continue };
                let written = writes.iter().copied().find(|write| *write > came);
                let durable = written
                    .is_some_and(|written| synced.iter().rev().any(|(began, ended)| *began > written && *ended < at));
                if !durable {
                    let line = at + 1;
                    return Err(format!("the reply in line {line} was sent before its change was on the disk").into());
                }
                replies += 1;
            }
        }
    }
    Ok(replies)
}

fn events(trace: &str) -> impl Iterator<Item = (usize, Event<'_>)> {
    // What each thread was about when it was interrupted in the listing: a sync of the log, or a read of a connection.
    let mut unfinished: HashMap<&str, Event<'_>> = HashMap::new();
    trace.lines().enumerate().flat_map(move |(at, line)| {
        let mut found = Vec::new();
        let Some((thread, call)) = line.split_once(' ') else { return found };
        let call = call.trim_start();
        if call.starts_with("<... ") {
            match unfinished.remove(thread) {
                Some(Event::SyncBegins(_)) if call.contains("= 0") => found.push((at, Event::SyncEnds(thread))),
                Some(Event::Request(connection)) if call.contains("POST /token") => {
                    found.push((at, Event::Request(connection)));
                }
                _ => {}
            }
            return found;
        }
        let Some((name, arguments)) = call.split_once('(') else { return found };
        let descriptor = arguments.split_once(">, ").or_else(|| arguments.split_once('>')).map_or("", |(fd, _)| fd);
        let (is_log, ended) = (descriptor.ends_with("-wal"), !call.ends_with("<unfinished ...>"));
        match name {
            "fsync" | "fdatasync" if is_log => {
                found.push((at, Event::SyncBegins(thread)));
                if !ended {
                    unfinished.insert(thread, Event::SyncBegins(thread));
                } else if call.contains("= 0") {
                    found.push((at, Event::SyncEnds(thread)));
                }
            }
            "write" | "pwrite64" | "pwritev" if is_log => found.push((at, Event::Write)),
            "read" | "readv" | "recvfrom" | "recvmsg" if arguments.contains("POST /token") => {
                found.push((at, Event::Request(descriptor)));
            }
            "read" | "readv" | "recvfrom" | "recvmsg" if !ended => {
                unfinished.insert(thread, Event::Request(descriptor));
            }
            "write" | "writev" | "sendto" | "sendmsg" if arguments.contains("HTTP/1.1 200") => {
                found.push((at, Event::Reply(descriptor)));
            }
            _ => {}
        }
        found
    })
}
