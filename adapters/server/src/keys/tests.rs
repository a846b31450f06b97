//! The key file: drawn once, kept private, rotated, and never told.

use super::*;
use tempfile::TempDir;

/// A folder that goes with its test.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("valetkey.key")
    }
}

fn ids(keys: &Keys) -> Vec<u8> {
    keys.0.iter().map(|key| key.id).collect()
}

#[test]
fn keys_are_drawn_once_and_read_afterwards() {
    let folder = Folder::new();
    let first = Keys::read_or_draw(&folder.file(), 100).unwrap();
    let second = Keys::read_or_draw(&folder.file(), 200).unwrap();
    assert_eq!((ids(&first), first.0[0].since), (vec![1], 100));
    assert!(second.0[0].secret.ct_eq(first.0[0].secret.expose()));
    assert_eq!(second.0[0].since, 100);
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn of_many_first_starts_one_draws() {
    let folder = Folder::new();
    let file = folder.file();
    let drawn: Vec<Keys> = std::thread::scope(|threads| {
        let running: Vec<_> = (0..8).map(|_| threads.spawn(|| Keys::read_or_draw(&file, 1).unwrap())).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let kept = Keys::read(&file).unwrap();
    assert!(drawn.iter().all(|keys| keys.0[0].secret.ct_eq(kept.0[0].secret.expose())));
}

#[cfg(unix)]
#[test]
fn only_its_owner_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let mode = || fs::metadata(folder.file()).unwrap().permissions().mode() & 0o777;
    Keys::read_or_draw(&folder.file(), 1).unwrap();
    assert_eq!(mode(), 0o600);
    Keys::rotate(&folder.file(), 2, 10).unwrap();
    assert_eq!(mode(), 0o600);
}

#[test]
fn rotating_keeps_what_may_still_be_in_use() {
    let folder = Folder::new();
    let file = folder.file();
    let first = Keys::read_or_draw(&file, 100).unwrap();
    assert_eq!(Keys::rotate(&file, 1_000, 50).unwrap(), (2, 1), "the first was current until now");
    let both = Keys::read(&file).unwrap();
    assert_eq!(ids(&both), [2, 1]);
    assert!(both.0[1].secret.ct_eq(first.0[0].secret.expose()));
    assert!(!both.0[0].secret.ct_eq(first.0[0].secret.expose()));
    assert_eq!(Keys::rotate(&file, 1_050, 50).unwrap(), (3, 2), "replaced 50 seconds ago");
    assert_eq!(Keys::rotate(&file, 1_051, 50).unwrap(), (4, 2), "replaced 51 seconds ago");
    assert_eq!(ids(&Keys::read(&file).unwrap()), [4, 3, 2]);
}

#[test]
fn ids_go_round_and_are_never_used_twice_at_once() {
    let folder = Folder::new();
    let file = folder.file();
    assert_eq!(Keys::rotate(&file, 1, 0).unwrap(), (1, 0), "a lost file is begun anew");
    for at in 2..=255 {
        assert_eq!(Keys::rotate(&file, at, 10_000).unwrap().0, u8::try_from(at).unwrap());
    }
    assert!(matches!(Keys::rotate(&file, 256, 10_000), Err(KeysError::Full(_))));
    assert_eq!(Keys::rotate(&file, 100_000, 0).unwrap(), (1, 1));
}

#[test]
fn keys_for_cookies_and_for_tokens_have_nothing_in_common() {
    let keys = Keys(vec![Key { id: 1, since: 0, secret: Secret::new([7; 32]) }]);
    let cookies = keys.for_cookies();
    assert_eq!((cookies.len(), keys.for_tokens().len()), (1, 1));
    assert!(!cookies[0].ct_eq(&[7; 32]));
}

#[test]
fn what_cannot_be_used_is_told_without_its_content() {
    let folder = Folder::new();
    let secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I";
    let entry = |id: u32, secret: &str| format!("[[key]]\nid = {id}\nsince = 1\nsecret = \"{secret}\"\n");
    let good = entry(1, secret);
    fs::write(folder.file(), &good).unwrap();
    Keys::read(&folder.file()).unwrap();
    for (bad, why) in [
        (String::new(), "valetkey"),
        ("key = []".to_owned(), "no key"),
        (good.clone() + &good, "id of its own"),
        (entry(0, secret), "id of its own"),
        (entry(256, secret), "writes it"),
        (entry(1, secret.get(1..).unwrap()), "32 bytes"),
        (entry(1, &format!("{secret}AAAA")), "32 bytes"),
        (good.clone() + "more = 1", "writes it"),
        (good.replace("\"\n", "\n"), "writes it"),
    ] {
        fs::write(folder.file(), &bad).unwrap();
        let error = Keys::read(&folder.file()).unwrap_err();
        let told = format!("{error} {error:?}");
        assert!(told.contains(why) && told.contains("valetkey.key"), "{told}");
        assert!(!told.contains("c2Vj"), "{told}");
        assert!(Keys::read_or_draw(&folder.file(), 1).is_err(), "never drawn over");
    }
}

#[test]
fn a_file_that_is_not_there_is_told_with_the_way_out() {
    let folder = Folder::new();
    let told = Keys::read(&folder.file()).unwrap_err().to_string();
    assert!(told.contains("valetkey.key") && told.contains("rotate-server"), "{told}");
    let told = Keys::read(folder.0.path()).unwrap_err().to_string();
    assert!(told.contains("cannot read"), "{told}");
    let nowhere = folder.0.path().join("none").join("valetkey.key");
    assert!(Keys::read_or_draw(&nowhere, 1).unwrap_err().to_string().contains("cannot write"));
}

#[cfg(unix)]
#[test]
fn rotations_at_once_lose_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("valetkey.key");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| Keys::rotate(&path, 100, 10).unwrap());
        }
    });
    assert_eq!(Keys::read(&path).unwrap().0.len(), 8);
}
