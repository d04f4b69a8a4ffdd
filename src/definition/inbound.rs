//! `[[inbound]]`: a hook that other programs post to.

use super::{place::Spanned, rule::Rule, token::TokenSource};

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

/// `[[inbound]]`
#[derive(Debug, Clone, PartialEq)]
pub struct Inbound {
    /// The last part of its path. Several tables of one name are one hook with several rules.
    pub name: Spanned<String>,
    /// Who may post; stands in the first table of its name.
    pub auth: Option<Spanned<Auth>>,
    /// What makes two posts the same: a template.
    pub dedupe: Option<Spanned<String>>,
    /// Largest body in bytes.
    pub body_limit: Option<Spanned<usize>>,
    /// What it does.
    pub rule: Rule,
}
