//! An issuer found by its metadata, over HTTP.

use crate::client::{Received, SendError, Transport};
use valetkey_std::issuer::{DiscoverError, Discovery, Document, Found, Next};

/// Reads the metadata of an issuer, wherever they are.
pub(super) async fn discover(issuer: &str, transport: &Transport) -> Result<Found, DiscoverError> {
    let mut discovery = Discovery::of(issuer)?;
    loop {
        let document = discovery.document();
        match discovery.answered(&document, fetch(transport, &document).await)? {
            Next::Found(found) => return Ok(found),
            Next::Ask(elsewhere) => discovery = elsewhere,
        }
    }
}

/// Sends the one request for it.
pub(super) async fn fetch(transport: &Transport, document: &Document) -> Result<Received, SendError> {
    transport.get(document.url(), &document.accept(), document.cap()).await
}
