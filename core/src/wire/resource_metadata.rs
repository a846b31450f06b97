//! How an API describes itself. <https://www.rfc-editor.org/rfc/rfc9728#section-2>

use crate::error::TooSmall;
use crate::text::buf::Writer;
use crate::text::json::Object;
use crate::text::{scope, uri};
use core::fmt;

/// The metadata of a protected resource. Lists are space-separated; what is empty is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResourceMetadata<'a> {
    resource: &'a str,
    /// Issuers whose tokens it takes.
    pub authorization_servers: &'a str,
    /// Scopes that are good for something here.
    pub scopes: &'a str,
    /// Its name, for people.
    pub name: &'a str,
}

/// The resource is not https (or http on loopback), or has a fragment or user information.
/// <https://www.rfc-editor.org/rfc/rfc9728#section-1.2>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadResource;

impl fmt::Display for BadResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a resource that describes itself must be an https URL (or http on loopback) without fragment and user information")
    }
}

impl core::error::Error for BadResource {}

impl<'a> ResourceMetadata<'a> {
    /// Of this resource: the URL that tokens name as their audience.
    ///
    /// ```
    /// use valetkey::wire::resource_metadata::{BadResource, ResourceMetadata};
    /// let mut notes = ResourceMetadata::new("https://api.example/notes")?;
    /// (notes.authorization_servers, notes.scopes) = ("https://as.example", "read write");
    /// let mut buf = [0; 256];
    /// assert_eq!(
    ///     notes.write(&mut buf).unwrap(),
    ///     r#"{"resource":"https://api.example/notes","authorization_servers":["https://as.example"],"scopes_supported":["read","write"],"bearer_methods_supported":["header"]}"#
    /// );
    /// assert_eq!(ResourceMetadata::new("https://api.example/#x"), Err(BadResource));
    /// # Ok::<(), BadResource>(())
    /// ```
    ///
    /// # Errors
    /// [`BadResource`].
    pub fn new(resource: &'a str) -> Result<Self, BadResource> {
        let none = Self { resource, authorization_servers: "", scopes: "", name: "" };
        if uri::is_endpoint(resource) { Ok(none) } else { Err(BadResource) }
    }

    /// Writes where the document is found: the well-known path goes between host and path.
    /// <https://www.rfc-editor.org/rfc/rfc9728#section-3.1>
    ///
    /// # Errors
    /// [`TooSmall`] with the exact size.
    pub fn url<'b>(&self, buf: &'b mut [u8]) -> Result<&'b str, TooSmall> {
        let mut w = Writer::new(buf);
        uri::resource_metadata_url(&mut w, self.resource);
        w.finish()
    }

    /// Writes the document, which is served with status 200 as `application/json`. Tokens are taken in the header alone.
    /// <https://www.rfc-editor.org/rfc/rfc9728#section-3.2>
    ///
    /// # Errors
    /// [`TooSmall`] with the exact size.
    pub fn write<'b>(&self, buf: &'b mut [u8]) -> Result<&'b str, TooSmall> {
        let mut w = Writer::new(buf);
        let mut json = Object::new(&mut w);
        json.string("resource", self.resource);
        for (name, list) in [("authorization_servers", self.authorization_servers), ("scopes_supported", self.scopes)] {
            // "Parameters with zero values MUST be omitted."
            if scope::words(list).next().is_some() {
                json.strings(name, scope::words(list));
            }
        }
        json.strings("bearer_methods_supported", ["header"]);
        if !self.name.is_empty() {
            json.string("resource_name", self.name);
        }
        json.close();
        w.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    fn document(metadata: ResourceMetadata<'_>) -> serde_json::Value {
        let mut buf = [0; 512];
        serde_json::from_str(metadata.write(&mut buf).unwrap()).unwrap()
    }

    #[test]
    fn rfc9728_2_01_a_resource_is_an_https_url_without_fragment() {
        for bad in
            ["", "api.example", "http://api.example", "https://api.example/#f", "https://u@api.example", "urn:api"]
        {
            assert_eq!(ResourceMetadata::new(bad), Err(BadResource), "{bad}");
        }
        for good in ["https://api.example", "https://api.example/a?x=1", "http://127.0.0.1:8081", "http://[::1]/notes"]
        {
            assert_eq!(document(ResourceMetadata::new(good).unwrap())["resource"], good);
        }
    }

    #[test]
    fn rfc9728_3_2_01_rfc9728_2_02_what_is_empty_is_left_out_and_none_is_never_offered() {
        let bare = document(ResourceMetadata::new("https://api.example").unwrap());
        assert_eq!(
            bare,
            serde_json::json!({"resource": "https://api.example", "bearer_methods_supported": ["header"]})
        );
        let full = ResourceMetadata {
            authorization_servers: "https://a.example https://b.example",
            scopes: "read",
            name: "Notes \"of\" Alice",
            ..ResourceMetadata::new("https://api.example").unwrap()
        };
        assert_eq!(
            document(full),
            serde_json::json!({
                "resource": "https://api.example",
                "authorization_servers": ["https://a.example", "https://b.example"],
                "scopes_supported": ["read"],
                "bearer_methods_supported": ["header"],
                "resource_name": "Notes \"of\" Alice",
            })
        );
    }

    #[test]
    fn rfc9728_3_01_the_document_is_found_between_host_and_path() {
        let notes = ResourceMetadata::new("https://api.example:8443/notes").unwrap();
        let mut buf = [0; 128];
        let url = String::from(notes.url(&mut buf).unwrap());
        assert_eq!(url, "https://api.example:8443/.well-known/oauth-protected-resource/notes");
    }
}
