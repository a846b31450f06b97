//! `application/x-www-form-urlencoded`. Asserts: encoding is what the `form_urlencoded` crate writes, and decodes to the
//! same text; reading never panics; a form that is read has the pairs that `form_urlencoded` finds. Differences, all
//! stricter: malformed escapes and what is not UTF-8 are refused where the crate passes or replaces them; repeated names
//! and more than 32 pairs are refused; pairs without a value are passed over.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::collections::HashSet;
use valetkey::text::buf::Writer;
use valetkey::text::form::{self, Encoded, Form, FormError, MAX_PARAMETERS};

fuzz_target!(|text: &str| {
    round_trip(text);
    let theirs: Vec<(String, String)> =
        form_urlencoded::parse(text.as_bytes()).map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
    let names: HashSet<&str> = theirs.iter().map(|(name, _)| name.as_str()).collect();
    match Form::new(text, &[]) {
        Ok(form) => {
            assert!(theirs.len() <= MAX_PARAMETERS);
            same_pairs(form, &theirs);
        }
        Err(FormError::TooMany) => assert!(theirs.len() > MAX_PARAMETERS),
        Err(FormError::Repeated) => assert!(names.len() < theirs.len(), "nothing is repeated"),
        Err(FormError::Escape) => assert!(text.contains('%')),
        Err(error) => panic!("{error:?} is for values"),
    }
    // Where a name may repeat, only what else is wrong is refused.
    if let (Err(error), true) = (Form::new(text, &["a"]), names.iter().all(|name| *name == "a")) {
        assert_ne!(error, FormError::Repeated);
    }
});

fn round_trip(text: &str) {
    let mut room = vec![0; text.len() * 3];
    let mut w = Writer::new(&mut room);
    form::encode(&mut w, text);
    let encoded = w.finish().expect("an escape is three bytes");
    assert_eq!(encoded, form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>());
    assert_eq!(decoded(Encoded::new(encoded)).as_deref(), Ok(text));
    assert!(Encoded::new(encoded).is(text));
}

fn same_pairs(form: Form<'_>, theirs: &[(String, String)]) {
    let ours: Result<Vec<(String, String)>, FormError> =
        form.pairs().map(|(name, value)| Ok((decoded(name)?, decoded(value)?))).collect();
    // A refused value: that it is wrong is seen by the byte that must be there.
    let Ok(ours) = ours else { return assert!(form.pairs().any(|(n, v)| n.plain().is_none() || v.plain().is_none())) };
    let with_value: Vec<&(String, String)> = theirs.iter().filter(|(_, value)| !value.is_empty()).collect();
    assert_eq!(ours.iter().collect::<Vec<_>>(), with_value);
    for (name, value) in &ours {
        let got = form.get(name).expect("it is there");
        assert!(got.is(value), "a name leads to its value");
        assert!(!got.is(&format!("{value}x")));
    }
}

fn decoded(value: Encoded<'_>) -> Result<String, FormError> {
    let mut room = vec![0; value.len()];
    let mut w = Writer::new(&mut room);
    value.decode(&mut w)?;
    Ok(w.finish().expect("decoding makes nothing longer").to_owned())
}
