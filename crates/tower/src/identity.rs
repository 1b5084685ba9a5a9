//! Who calls, for the service behind the layer.

use http::Extensions;
use keyward_domain::{KeyId, UserId};
use std::fmt;
use std::sync::Arc;

/// Whose key a request was granted with. The layer puts it into the request's extensions, and nobody else can make one. With the
/// feature `axum` it is an extractor too.
#[derive(Clone)]
pub struct KeyIdentity {
    key: [u8; 36],
    owner: [u8; 36],
    site: Option<Arc<str>>,
    use_case: Arc<str>,
}

impl KeyIdentity {
    #[cfg_attr(
        not(any(feature = "embedded", feature = "remote")),
        expect(dead_code, reason = "nobody decides")
    )]
    pub(crate) fn new(key: KeyId, owner: UserId, site: Option<&str>, use_case: &str) -> Self {
        let mut identity = Self {
            key: [0; 36],
            owner: [0; 36],
            site: site.map(Into::into),
            use_case: use_case.into(),
        };
        key.encode(&mut identity.key);
        owner.encode(&mut identity.owner);
        identity
    }

    /// The identity of a request, from its extensions. None where no key was asked for: a public path, or `OPTIONS`.
    pub fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get::<Self>()
    }

    /// The key's id, a UUID.
    pub fn key_id(&self) -> &str {
        str::from_utf8(&self.key).unwrap_or_default()
    }

    /// The id of the user that the key is linked to, a UUID.
    pub fn owner_id(&self) -> &str {
        str::from_utf8(&self.owner).unwrap_or_default()
    }

    /// The site that the request names and the key may be used for. None when the route names none.
    pub fn site(&self) -> Option<&str> {
        self.site.as_deref()
    }

    /// What the key is for.
    pub fn use_case(&self) -> &str {
        &self.use_case
    }
}

impl fmt::Debug for KeyIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyIdentity")
            .field("key_id", &self.key_id())
            .field("owner_id", &self.owner_id())
            .field("site", &self.site())
            .field("use_case", &self.use_case())
            .finish()
    }
}

#[cfg(feature = "axum")]
pub use extractor::NoKeyIdentity;

#[cfg(feature = "axum")]
mod extractor {
    use super::KeyIdentity;
    use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
    use axum_core::response::{IntoResponse, Response};
    use http::StatusCode;
    use http::request::Parts;
    use std::convert::Infallible;

    /// A handler asked for a [`KeyIdentity`] where there is none: its route lies outside the layer, or is one that needs no key.
    /// As an answer it is 500, for it is the service that is wrong, not its client.
    #[derive(Clone, Copy, Debug)]
    pub struct NoKeyIdentity;

    impl IntoResponse for NoKeyIdentity {
        fn into_response(self) -> Response {
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }

    impl<S: Send + Sync> FromRequestParts<S> for KeyIdentity {
        type Rejection = NoKeyIdentity;

        async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NoKeyIdentity> {
            Self::of(&parts.extensions).cloned().ok_or(NoKeyIdentity)
        }
    }

    impl<S: Send + Sync> OptionalFromRequestParts<S> for KeyIdentity {
        type Rejection = Infallible;

        async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
            Ok(Self::of(&parts.extensions).cloned())
        }
    }
}
