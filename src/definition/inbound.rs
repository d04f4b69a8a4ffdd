//! `[[inbound]]`: a hook that other programs post to.

use super::{place::Spanned, token::TokenSource};

/// Who may post to a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// Whoever sends the secret itself: as `Authorization: Bearer …`, or alone in a header.
    Bearer {
        /// Where the secret is.
        secret: Spanned<TokenSource>,
        /// The header it stands in alone, in lower case; none: `Authorization`.
        header: Option<String>,
    },
    /// Whoever sends a name and a password.
    Basic {
        /// The name.
        user: String,
        /// Where the password is.
        password: Spanned<TokenSource>,
    },
    /// Whoever signs the body.
    Hmac(Hmac),
    /// Whoever reaches the internal listener.
    Nobody,
}

/// A signature over the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hmac {
    /// Where the secret is.
    pub secret: Spanned<TokenSource>,
    /// The header with the signature, in lower case.
    pub header: String,
    /// What stands before it in the header.
    pub prefix: String,
    /// How it is made.
    pub algorithm: Algorithm,
    /// How its bytes are written.
    pub encoding: Encoding,
}

/// What a signature is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC-SHA1.
    Sha1,
    /// HMAC-SHA256.
    Sha256,
    /// HMAC-SHA512.
    Sha512,
}

/// How bytes are written as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Hexadecimal, in either case.
    Hex,
    /// Base64, with or without padding, of either alphabet.
    Base64,
}

impl Auth {
    /// Where its secret is; none: it has none.
    #[must_use]
    pub fn source(&self) -> Option<&TokenSource> {
        match self {
            Self::Bearer { secret, .. } | Self::Hmac(Hmac { secret, .. }) => Some(&secret.value),
            Self::Basic { password, .. } => Some(&password.value),
            Self::Nobody => None,
        }
    }
}
