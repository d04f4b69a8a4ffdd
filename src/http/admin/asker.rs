//! Who asks: everybody has the same token, so it is what they say of themselves. It goes into the audit.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload};

use crate::store::By;

/// Carries the name of whoever asks, as in `alice@host`.
pub const ASKER: &str = "Botyard-Asker";

/// Who asks.
pub(super) struct Asker(pub(super) By);

impl FromRequest for Asker {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let name = request.headers().get(ASKER).and_then(|name| name.to_str().ok());
        ready(Ok(Self(By::admin(name))))
    }
}
