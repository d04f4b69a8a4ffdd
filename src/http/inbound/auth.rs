//! May this request post to the hook? Decided before anything is parsed, in constant time, and closed when in doubt.

use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use base64::{
    Engine as _,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use crate::{
    actors::hooks::Key,
    base::Secret,
    definition::{Algorithm, Auth, Encoding, Hmac as Signed},
};

/// Longest header that is looked into.
const MAX_HEADER: usize = 8 * 1024;

/// Base64 as others write it: with padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What is known before the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Early {
    /// It may.
    Admitted,
    /// The body decides.
    Signed,
    /// It may not.
    Refused,
}

/// What the headers alone say.
pub(super) fn early(auth: &Auth, key: &Key, headers: &HeaderMap) -> Early {
    let secret = match (auth, key) {
        (Auth::Nobody, _) => return Early::Admitted,
        (_, Key::Secret(secret)) if !secret.expose().is_empty() => secret,
        _ => return Early::Refused,
    };
    let admitted = match auth {
        Auth::Nobody => true,
        Auth::Hmac(signed) => {
            return if only(headers, &signed.header).is_some() { Early::Signed } else { Early::Refused };
        }
        Auth::Bearer { header: None, .. } => scheme(headers, "bearer").is_some_and(|sent| Secret::new(sent) == *secret),
        Auth::Bearer { header: Some(name), .. } => {
            only(headers, name).is_some_and(|sent| Secret::new(sent.trim()) == *secret)
        }
        Auth::Basic { user, .. } => scheme(headers, "basic").is_some_and(|sent| is_basic(sent, user, secret)),
    };
    if admitted { Early::Admitted } else { Early::Refused }
}

/// Whether a signature is that of the body.
pub(super) fn is_signed(auth: &Auth, key: &Key, headers: &HeaderMap, body: &[u8]) -> bool {
    let (Auth::Hmac(signed), Key::Secret(secret)) = (auth, key) else { return false };
    let sent = only(headers, &signed.header).and_then(|sent| sent.trim().strip_prefix(&signed.prefix));
    let Some(signature) = sent.and_then(|sent| decoded(signed, sent.trim())) else { return false };
    match signed.algorithm {
        Algorithm::Sha1 => fits::<Hmac<Sha1>>(secret, body, &signature),
        Algorithm::Sha256 => fits::<Hmac<Sha256>>(secret, body, &signature),
        Algorithm::Sha512 => fits::<Hmac<Sha512>>(secret, body, &signature),
    }
}

fn decoded(signed: &Signed, text: &str) -> Option<Vec<u8>> {
    match signed.encoding {
        Encoding::Hex => hex::decode(text).ok(),
        Encoding::Base64 => BASE64.decode(text.replace('-', "+").replace('_', "/")).ok(),
    }
}

/// `verify_slice` compares in constant time and refuses every other length.
fn fits<M: Mac + KeyInit>(secret: &Secret, body: &[u8], signature: &[u8]) -> bool {
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(secret.expose().as_bytes()) else { return false };
    mac.update(body);
    mac.verify_slice(signature).is_ok()
}

fn is_basic(sent: &str, user: &str, secret: &Secret) -> bool {
    let Ok(sent) = BASE64.decode(sent) else { return false };
    // Both compared whole and together: how long it takes does not tell which of the two was wrong.
    let sent = String::from_utf8_lossy(&sent).into_owned();
    Secret::new(sent) == Secret::new(format!("{user}:{}", secret.expose()))
}

/// What follows a scheme in `Authorization`.
fn scheme<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let (scheme, rest) = only(headers, AUTHORIZATION.as_str())?.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case(name).then_some(rest.trim())
}

/// A header that is there once. One that is there twice does not say which of the two counts.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut all = headers.get_all(name);
    let first = all.next()?.to_str().ok().filter(|text| text.len() <= MAX_HEADER);
    if all.next().is_some() { None } else { first }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;
    use crate::definition::{Span, Spanned, TokenSource};

    fn source() -> Spanned<TokenSource> {
        Spanned::new(TokenSource::Env("X".into()), Span::default())
    }

    fn key() -> Key {
        Key::Secret(Secret::new("It's a Secret to Everybody"))
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        map
    }

    fn github() -> Auth {
        Auth::Hmac(Signed {
            secret: source(),
            header: "x-hub-signature-256".into(),
            prefix: "sha256=".into(),
            algorithm: Algorithm::Sha256,
            encoding: Encoding::Hex,
        })
    }

    /// GitHub's own example: <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>.
    #[test]
    fn a_signature_is_that_of_the_body() {
        let hex = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let sent = headers(&[("x-hub-signature-256", &format!("sha256={hex}"))]);
        assert_eq!(early(&github(), &key(), &sent), Early::Signed);
        assert!(is_signed(&github(), &key(), &sent, b"Hello, World!"));
        assert!(!is_signed(&github(), &key(), &sent, b"Hello, World"));
        assert!(!is_signed(&github(), &Key::Secret(Secret::new("other")), &sent, b"Hello, World!"));
        assert!(!is_signed(&github(), &Key::Unreadable, &sent, b"Hello, World!"));
        for wrong in [hex.to_owned(), format!("sha1={hex}"), "sha256=".into(), format!("sha256={}", hex.split_at(40).0)]
        {
            let sent = headers(&[("x-hub-signature-256", &wrong)]);
            assert!(!is_signed(&github(), &key(), &sent, b"Hello, World!"), "{wrong}");
        }
        assert_eq!(early(&github(), &key(), &headers(&[])), Early::Refused);
        let one = ("x-hub-signature-256", format!("sha256={hex}"));
        let twice = headers(&[(one.0, &one.1), (one.0, &one.1)]);
        assert_eq!(early(&github(), &key(), &twice), Early::Refused);
    }

    #[test]
    fn a_signature_may_be_base64_in_any_spelling() {
        let auth = |algorithm| {
            Auth::Hmac(Signed {
                secret: source(),
                header: "x-signature".into(),
                prefix: String::new(),
                algorithm,
                encoding: Encoding::Base64,
            })
        };
        let mac = |text: &str| headers(&[("x-signature", text)]);
        let key = Key::Secret(Secret::new("key"));
        // Of Python's `hmac.new(b"key", b"The quick brown fox jumps over the lazy dog", ...)`.
        let body = b"The quick brown fox jumps over the lazy dog";
        let sha1 = "3nybhbi3iqa8ino29wqQcBydtNk=";
        assert!(is_signed(&auth(Algorithm::Sha1), &key, &mac(sha1), body));
        assert!(is_signed(&auth(Algorithm::Sha1), &key, &mac(sha1.trim_end_matches('=')), body));
        let sha256 = "97yD9DBThCSxMpjmqm+xQ+9NWaFJRhdZl0edvC0aPNg=";
        assert!(is_signed(&auth(Algorithm::Sha256), &key, &mac(&sha256.replace('+', "-")), body));
        assert!(!is_signed(&auth(Algorithm::Sha512), &key, &mac(sha256), body));
    }

    #[test]
    fn a_bearer_is_the_secret_itself() {
        let auth = Auth::Bearer { secret: source(), header: None };
        let key = Key::Secret(Secret::new("s3cret"));
        let of = |value: &str| early(&auth, &key, &headers(&[("authorization", value)]));
        assert_eq!(of("Bearer s3cret"), Early::Admitted);
        assert_eq!(of("bearer  s3cret "), Early::Admitted);
        for wrong in ["Bearer s3cre", "Bearer s3cretx", "Bearer", "s3cret", "Basic s3cret", "Bearer "] {
            assert_eq!(of(wrong), Early::Refused, "{wrong}");
        }
        assert_eq!(early(&auth, &Key::Unreadable, &headers(&[("authorization", "Bearer s3cret")])), Early::Refused);
        let empty = Key::Secret(Secret::new(""));
        assert_eq!(early(&auth, &empty, &headers(&[("authorization", "Bearer ")])), Early::Refused);
        let alone = Auth::Bearer { secret: source(), header: Some("x-gitlab-token".into()) };
        assert_eq!(early(&alone, &key, &headers(&[("x-gitlab-token", "s3cret")])), Early::Admitted);
        assert_eq!(early(&alone, &key, &headers(&[("x-gitlab-token", "other")])), Early::Refused);
        assert_eq!(early(&alone, &key, &headers(&[("authorization", "Bearer s3cret")])), Early::Refused);
    }

    #[test]
    fn a_basic_name_and_password_are_both_compared() {
        let auth = Auth::Basic { user: "grafana".into(), password: source() };
        let key = Key::Secret(Secret::new("s3cret"));
        let of = |pair: &str| {
            let value = format!("Basic {}", BASE64.encode(pair));
            early(&auth, &key, &headers(&[("authorization", &value)]))
        };
        assert_eq!(of("grafana:s3cret"), Early::Admitted);
        for wrong in ["grafana:other", "other:s3cret", "grafana", "", ":", "grafana:s3cret:x"] {
            assert_eq!(of(wrong), Early::Refused, "{wrong}");
        }
        assert_eq!(early(&auth, &key, &headers(&[("authorization", "Basic !!!")])), Early::Refused);
    }
}
