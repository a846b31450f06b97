//! Secrets that a person types, or that come from standard input.

use super::Failed;
use std::io::{self, IsTerminal, Read};
use zeroize::Zeroizing;

/// What NIST SP 800-63B-4 asks of a password that nothing else stands beside; in characters.
const SHORTEST: usize = 15;
/// In bytes: more than anyone types, and little enough for any form.
const LONGEST: usize = 256;

/// Asks for a secret twice, without showing it, where standard input is a terminal; else reads it from there.
///
/// # Errors
/// It is too short or too long, or is not the same the second time.
pub(super) fn secret(what: &str) -> Result<Zeroizing<String>, Failed> {
    let secret = if io::stdin().is_terminal() { ask(what)? } else { read(what, io::stdin())? };
    check(what, &secret)?;
    Ok(secret)
}

fn ask(what: &str) -> Result<Zeroizing<String>, Failed> {
    let prompt = |text: String| {
        let typed = rpassword::prompt_password(text).map(Zeroizing::new);
        typed.map_err(|error| Failed::Not(format!("the terminal cannot be asked: {error}; use standard input")))
    };
    let first = prompt(format!("{what}: "))?;
    check(what, &first)?;
    if *prompt(format!("{what}, once more: "))? == *first {
        Ok(first)
    } else {
        Err(Failed::Not("it was not the same the second time; nothing was changed".to_owned()))
    }
}

/// Takes all that there is, but for the end of its line.
fn read(what: &str, from: impl Read) -> Result<Zeroizing<String>, Failed> {
    let mut text = Zeroizing::new(String::with_capacity(LONGEST + 3));
    let limit = u64::try_from(LONGEST + 3).unwrap_or(u64::MAX);
    let unread = |error| Failed::Not(format!("{what}: standard input cannot be read: {error}"));
    from.take(limit).read_to_string(&mut text).map_err(unread)?;
    let line = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    Ok(Zeroizing::new(line.to_owned()))
}

fn check(what: &str, secret: &str) -> Result<(), Failed> {
    let wrong = if secret.is_empty() {
        "nothing was given; type it in a terminal, or give it on standard input".to_owned()
    } else if secret.chars().any(char::is_control) {
        "it must be one line, without control characters".to_owned()
    } else if secret.chars().count() < SHORTEST {
        format!("it must have at least {SHORTEST} characters; a few words do")
    } else if secret.len() > LONGEST {
        format!("it must have at most {LONGEST} bytes")
    } else {
        return Ok(());
    };
    Err(Failed::Usage(format!("{what}: {wrong}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_input_is_read_up_to_the_end_of_its_line() {
        for given in ["correct horse battery", "correct horse battery\n", "correct horse battery\r\n"] {
            assert_eq!(*read("it", given.as_bytes()).unwrap(), "correct horse battery");
        }
        assert!(read("it", &b"\xff\xff"[..]).is_err());
    }

    #[test]
    fn what_is_short_or_endless_or_more_than_a_line_is_refused_and_never_shown() {
        let long = "secret".repeat(100);
        for bad in ["", "secret", "fourteen chars", &long, "secret of two\nlines, and long", "secret with a \u{7} bell"]
        {
            let told = check("it", &read("it", bad.as_bytes()).unwrap()).unwrap_err().to_string();
            assert!(!told.contains("secret"), "{told}");
        }
        assert!(check("it", "fünfzehn Zeiche").is_ok(), "characters count, not bytes");
    }
}
