//! Parameters of a request, decoded once into scratch, within budgets that are checked before work is done.

use super::caller::Caller;
use super::fault::Fault;
use super::record::Digest;
use crate::text::buf::{Scratch, Span};
use crate::text::form::{Encoded, Form, FormError};
use crate::wire::header::{Header, is_media_type};
use core::iter;

/// Most bytes in a request's body or query.
pub const MAX_REQUEST: usize = 8192;
/// Most bytes in one parameter, encoded.
pub const MAX_PARAMETER: usize = 4096;

/// A form that a client posted, to the token, revocation or introspection endpoint; the method was POST.
#[derive(Clone, Copy)]
pub struct FormRequest<'r> {
    /// The `Authorization` header.
    pub authorization: Header<'r>,
    /// The `Content-Type` header.
    pub content_type: Header<'r>,
    /// The body, of at most [`MAX_REQUEST`] bytes.
    pub body: &'r [u8],
}

impl FormRequest<'_> {
    /// SHA-256 of the `client_id` that the request names, for a limit on guesses that is asked before anything is compared.
    /// `None` if it names none, or is refused whatever its client. `scratch` is as for the endpoints.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1>
    pub fn client(&self, scratch: &mut [u8]) -> Option<Digest> {
        let mut scratch = Scratch::new(scratch);
        let caller = Caller::read(self.authorization, body(self).ok()?, &mut scratch).ok()?;
        Some(caller.key().id)
    }
}

impl core::fmt::Debug for FormRequest<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("FormRequest(..)")
    }
}

/// Reads a form body. <https://www.rfc-editor.org/rfc/rfc6749#section-3.2>
pub(super) fn body<'r>(request: &FormRequest<'r>) -> Result<Form<'r>, Fault> {
    let FormRequest { content_type, body, .. } = *request;
    let Header::One(content_type) = content_type else { return Err(Fault::ContentType) };
    if !is_media_type(content_type, "application/x-www-form-urlencoded") {
        return Err(Fault::ContentType);
    }
    if body.len() > MAX_REQUEST {
        return Err(Fault::TooLong);
    }
    let text = core::str::from_utf8(body).map_err(|_| Fault::Malformed)?;
    // RFC 8707 lets `resource` repeat; nothing else may.
    Form::new(text, &["resource"]).map_err(form_fault)
}

pub(super) const fn form_fault(error: FormError) -> Fault {
    match error {
        FormError::TooMany => Fault::TooLong,
        FormError::Escape | FormError::Utf8 | FormError::Repeated => Fault::Malformed,
    }
}

/// Decodes the values of `names` into scratch, in their order; an absent one is an empty span.
/// Values of a name that repeats (only `resource` may) are joined by spaces.
pub(super) fn take<const N: usize>(
    form: Form<'_>,
    names: [&str; N],
    scratch: &mut Scratch<'_>,
) -> Result<[Span; N], Fault> {
    let mut values = [None; N];
    for (name, value) in form.pairs() {
        if let Some((first, _)) = values.iter_mut().zip(names).find(|(_, wanted)| name.is(wanted)) {
            first.get_or_insert(value);
        }
    }
    let mut spans = [Span::default(); N];
    for ((span, name), first) in spans.iter_mut().zip(names).zip(values) {
        *span = match first {
            None => continue,
            Some(_) if name == "resource" => resources(form, scratch)?,
            Some(value) => decode(iter::once(value), scratch)?,
        };
    }
    Ok(spans)
}

fn resources(form: Form<'_>, scratch: &mut Scratch<'_>) -> Result<Span, Fault> {
    let values = || form.pairs().filter(|(name, _)| name.is("resource")).map(|(_, value)| value);
    // A value that is joined by spaces holds none, or it would be read as two.
    if values().any(Encoded::has_space) {
        return Err(Fault::BadResource);
    }
    decode(values(), scratch)
}

fn decode<'a>(values: impl Iterator<Item = Encoded<'a>>, scratch: &mut Scratch<'_>) -> Result<Span, Fault> {
    let mut result = Ok(());
    let span = scratch.write(|w| {
        for value in values {
            if value.len() > MAX_PARAMETER {
                result = Err(Fault::TooLong);
                return;
            }
            if !w.is_empty() {
                w.push(' ');
            }
            if let Err(error) = value.decode(w) {
                result = Err(form_fault(error));
                return;
            }
        }
    });
    result?;
    span.map_err(|_| Fault::Scratch)
}
