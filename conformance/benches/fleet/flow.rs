//! The core's flows of a device, from bytes to bytes.

use crate::server::{Answer, Request};
use valetkey::client::{ClientCredentials, Error, Outcome, Post, Refresh, Response};

/// How tokens are asked for.
pub(crate) enum Flow<'c> {
    Refresh(Refresh<'c>),
    Own(ClientCredentials<'c>),
}

impl<'c> Flow<'c> {
    pub(crate) fn request(&self) -> Request {
        let mut buf = [0; 512];
        let post = match self {
            Self::Refresh(flow) => flow.request(&mut buf),
            Self::Own(flow) => flow.request(&mut buf),
        };
        request(&post.expect("room for the request"))
    }

    pub(crate) fn response<'b>(&self, answer: &'b Answer, scratch: &'b mut [u8]) -> Result<Outcome<'b>, Error>
    where
        'c: 'b,
    {
        let Answer { status, content_type, retry_after, date, body } = answer;
        let (retry_after, body) = (retry_after.as_deref(), body.as_bytes());
        let response =
            Response { status: *status, content_type: Some(content_type), retry_after, date: Some(date), body };
        match self {
            Self::Refresh(flow) => flow.response(response, scratch),
            Self::Own(flow) => flow.response(response, scratch),
        }
    }
}

pub(crate) fn request(post: &Post<'_>) -> Request {
    Request { authorization: post.authorization.map(str::to_owned), body: post.body.to_owned() }
}
