//! The second half of the authorization code grant: a code is exchanged for tokens.

use super::{
    authorize,
    config::Config,
    outcome::{Error, Outcome, Response},
    post::{Draft, Post, Retry},
};
use crate::{error::TooSmall, secret::Secret, text::form::Encoded};

/// A code that came back in a callback which passed every check. Send its request once.
///
/// Reading the response ends it, so nothing can be asked for with a code that is spent:
///
/// ```compile_fail,E0382
/// use valetkey::client::{Exchange, Response};
/// fn twice<'a>(exchange: Exchange<'_, '_>, response: Response<'a>, scratch: &'a mut [u8], buf: &'a mut [u8]) {
///     let _ = exchange.response(response, scratch);
///     let _ = exchange.request(buf);
/// }
/// ```
///
/// <https://www.rfc-editor.org/rfc/rfc6749#section-4.1.3>
#[derive(Debug)]
pub struct Exchange<'c, 'q> {
    pub(super) cfg: &'c Config<'c>,
    pub(super) redirect_uri: &'c str,
    pub(super) verifier: Secret<32>,
    pub(super) code: Encoded<'q>,
}

impl<'c> Exchange<'c, '_> {
    /// Writes the request, with the verifier that proves that it comes from where the flow began.
    ///
    /// # Errors
    /// [`TooSmall`] with the exact size.
    #[inline]
    pub fn request<'b>(&self, buf: &'b mut [u8]) -> Result<Post<'b>, TooSmall>
    where
        'c: 'b,
    {
        let mut draft = Draft::new(buf);
        self.write(self.cfg, &mut draft);
        draft.finish(self.cfg, Retry::Never)
    }

    /// The body, up to an assertion.
    #[inline]
    pub(super) fn write(&self, cfg: &Config<'_>, draft: &mut Draft<'_>) {
        draft.begin(cfg, "grant_type=authorization_code");
        draft.encoded("&code=", self.code);
        draft.pair("&redirect_uri=", self.redirect_uri);
        let mut verifier = authorize::Text::new([0; 43]);
        draft.pair("&code_verifier=", authorize::text(self.verifier.expose(), &mut verifier));
        draft.target(cfg);
    }

    /// Reads the response and ends the flow: the code is spent, whatever came. `scratch` takes the strings that have
    /// escapes; lend as many bytes as the body has, as what is too short loses the tokens.
    ///
    /// # Errors
    /// [`Error`]; begin again with a new [`Authorize`](super::Authorize).
    #[inline]
    pub fn response<'b>(self, response: Response<'b>, scratch: &'b mut [u8]) -> Result<Outcome<'b>, Error>
    where
        'c: 'b,
    {
        response.read(scratch, &self.cfg.leniency, self.cfg.scope)
    }
}
