//! What was shown, and what must not be in it.

use crate::flows::{Watch, hush};
use std::collections::{BTreeSet, HashMap};
use std::fmt::{Debug, Display};
use valetkey::text::base64;

/// Looks on, and searches all that was shown for all that is hidden.
pub(crate) struct Hidden {
    /// Text that was shown, without white space, and the type that showed it.
    shown: HashMap<String, &'static str>,
    secrets: BTreeSet<String>,
}

impl Hidden {
    /// Hides what is made of [`crate::flows::HUSH`], wherever in it one begins.
    pub(crate) fn new() -> Self {
        let mut hidden = Self { shown: HashMap::new(), secrets: BTreeSet::new() };
        let secret = hush::<24>();
        for part in secret.windows(12).take(12) {
            hidden.hide_as_written(part);
        }
        hidden
    }

    /// Hides the bytes in each way in which a value may write them.
    fn hide_as_written(&mut self, secret: &[u8]) {
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let numbers: Vec<String> = secret.iter().map(u8::to_string).collect();
        let mut buf = vec![0; base64::encoded_len_standard(secret.len())];
        let standard = base64::encode_standard(secret, &mut buf).unwrap().trim_end_matches('=').to_owned();
        let text = str::from_utf8(secret).ok().map(squeezed);
        let url = standard.replace('+', "-").replace('/', "_");
        self.secrets.extend([hex.to_uppercase(), hex, numbers.join(","), standard, url].into_iter().chain(text));
    }

    /// Takes in what a value showed.
    pub(crate) fn watch<T>(&mut self, text: &str) {
        self.shown.entry(squeezed(text)).or_insert(std::any::type_name::<T>());
    }

    /// Shows a value that can also be told to people.
    pub(crate) fn tell<T: Debug + Display>(&mut self, value: &T) {
        self.show(value);
        self.watch::<T>(&value.to_string());
    }

    /// Whether a type was shown, by its public path without the crate: that of where it is defined, but for modules
    /// that are private.
    pub(crate) fn has_shown(&self, path: &str) -> bool {
        self.shown.values().any(|shown| {
            let mut defined = shown.split('<').next().unwrap().split("::");
            defined.next() == Some("valetkey") && path.split("::").all(|part| defined.any(|module| module == part))
        })
    }

    /// The first secret that was shown, with the type and all that it showed.
    pub(crate) fn leak(&self) -> Option<(&'static str, &str, &str)> {
        let leaks = |text: &str| self.secrets.iter().find(|secret| text.contains(secret.as_str()));
        self.shown.iter().find_map(|(text, of)| leaks(text).map(|secret| (*of, secret.as_str(), text.as_str())))
    }

    pub(crate) fn check(&self) {
        if let Some((of, secret, text)) = self.leak() {
            panic!("{of} shows {secret}: {text}");
        }
    }
}

impl Watch for Hidden {
    fn show<T: Debug>(&mut self, value: &T) {
        let (line, lines) = (format!("{value:?}"), format!("{value:#?}"));
        // Also where it showed the same as another type.
        self.shown.insert(format!("{}:{}", std::any::type_name::<T>(), squeezed(&line)), std::any::type_name::<T>());
        self.watch::<T>(&lines);
    }

    /// Hides the bytes, and, of a token, what it is the base64url of, and the part that proves something.
    fn hide(&mut self, secret: &[u8]) {
        if secret.len() < 8 {
            return; // an absent header, an empty body
        }
        self.hide_as_written(secret);
        let mut buf = vec![0; secret.len()];
        if let Ok(bytes) = base64::decode(str::from_utf8(secret).unwrap_or("="), &mut buf) {
            self.hide_as_written(bytes);
            self.hide_as_written(&bytes[bytes.len().saturating_sub(32)..]);
        }
    }
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect()
}
