//! The machine stops: what the disk has of the log may end anywhere after the last sync.

use crate::changes::{commit, log_of, open, records_of};
use std::fs;
use std::process::Command;

const HEADER: usize = 32;
const FRAME: usize = 24 + 4096;
const CHANGES: u64 = 8;

/// Left to itself, it would grow to 4,000 frames before it is emptied as a part of a commit.
#[tokio::test]
async fn the_log_stays_short_however_much_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("valetkey.db");
    let store = open(&path);
    for n in 0..2_000 {
        commit(&store, n).await.unwrap();
    }
    let frames = (usize::try_from(fs::metadata(log_of(&path)).unwrap().len()).unwrap() - HEADER) / FRAME;
    assert!(frames < 1_200, "the log has grown to {frames} frames");
}

#[tokio::test]
async fn a_log_cut_anywhere_keeps_what_was_acknowledged_before() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("valetkey.db");
    let store = open(&path);
    let mut lengths = Vec::new();
    for n in 0..CHANGES {
        commit(&store, n).await.unwrap();
        lengths.push(usize::try_from(fs::metadata(log_of(&path)).unwrap().len()).unwrap());
    }
    let log = fs::read(log_of(&path)).unwrap();
    assert_eq!(lengths.last(), Some(&log.len()));
    assert!(lengths.is_sorted_by(|a, b| a < b), "each change is in the log: {lengths:?}");

    let frames = (log.len() - HEADER) / FRAME;
    let mut cuts: Vec<usize> = (0..=frames).map(|frame| HEADER + frame * FRAME).collect();
    cuts.extend((0..frames).flat_map(|frame| [1, 24, 2_000, FRAME - 1].map(|more| HEADER + frame * FRAME + more)));
    cuts.extend([0, 1]);
    let copy = directory.path().join("copy.db");
    for cut in cuts {
        // By another process: to close a descriptor of the file here would drop the locks that the store holds.
        assert!(Command::new("cp").arg(&path).arg(&copy).status().unwrap().success());
        fs::write(log_of(&copy), &log[..cut]).unwrap();
        let found = open(&copy);
        let mut whole = 0;
        for (n, length) in (0..).zip(&lengths) {
            let records = records_of(&found, n).await;
            assert!(records == 3 || records == 0 && cut < *length, "cut at {cut}: change {n} has {records} records");
            whole += u64::from(records == 3);
        }
        let report = found.check().await.unwrap();
        assert_eq!((report.events, report.records[4].1), (whole, 3 * whole), "cut at {cut}");
    }
}
