//! Is a webhook really Webex's? The signature is the only authentication there is, so it fails closed: it is
//! checked over the raw bytes, in constant time, before anything is parsed.
//!
//! `X-Spark-Signature` is HMAC-SHA1 in hex; `X-Webex-Signature` a list like `SHA-256=<hex>, SHA-512=<hex>`.
//! The strongest one present decides: a request whose strong signature is wrong is not saved by a weak one.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use crate::base::Secret;

/// Longest signature header that is looked into.
const MAX_HEADER: usize = 1024;

/// The two headers as sent.
#[derive(Debug, Clone, Copy, Default)]
pub struct SignatureHeaders<'a> {
    /// `X-Spark-Signature`.
    pub spark: Option<&'a str>,
    /// `X-Webex-Signature`.
    pub webex: Option<&'a str>,
}

/// A kind of signature, the weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// HMAC-SHA1.
    Sha1,
    /// HMAC-SHA256.
    Sha256,
    /// HMAC-SHA512.
    Sha512,
}

/// Why a request is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SignatureError {
    /// Neither header holds a signature of a kind we know.
    #[error("the request is not signed")]
    Missing,
    /// A header is not in its form.
    #[error("the signature cannot be read")]
    Malformed,
    /// It was made with another secret, or over another body.
    #[error("the signature is wrong")]
    Wrong,
}

/// Checks the strongest signature of a request against every live secret: during a rotation there are two.
/// An empty secret is none.
///
/// # Errors
/// [`SignatureError`]; whatever it is, the request must be refused.
pub fn verify(headers: SignatureHeaders<'_>, body: &[u8], secrets: &[Secret]) -> Result<Algorithm, SignatureError> {
    let (algorithm, hex) = strongest(headers)?;
    let signature = hex::decode(hex).map_err(|_no_hex| SignatureError::Malformed)?;
    let usable = secrets.iter().filter(|secret| !secret.expose().is_empty());
    let mut right = false;
    for secret in usable {
        right |= matches(algorithm, secret, body, &signature);
    }
    if right { Ok(algorithm) } else { Err(SignatureError::Wrong) }
}

/// Makes a signature, as lower-case hex: what Webex would send.
#[must_use]
pub fn sign(algorithm: Algorithm, secret: &Secret, body: &[u8]) -> String {
    match algorithm {
        Algorithm::Sha1 => hex::encode(mac::<Hmac<Sha1>>(secret, body).finalize().into_bytes()),
        Algorithm::Sha256 => hex::encode(mac::<Hmac<Sha256>>(secret, body).finalize().into_bytes()),
        Algorithm::Sha512 => hex::encode(mac::<Hmac<Sha512>>(secret, body).finalize().into_bytes()),
    }
}

fn strongest<'a>(headers: SignatureHeaders<'a>) -> Result<(Algorithm, &'a str), SignatureError> {
    let mut best: Option<(Algorithm, &'a str)> = None;
    if let Some(list) = headers.webex {
        if list.len() > MAX_HEADER {
            return Err(SignatureError::Malformed);
        }
        for entry in list.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let (name, hex) = entry.split_once('=').ok_or(SignatureError::Malformed)?;
            let algorithm = match name.trim().to_ascii_uppercase().as_str() {
                "SHA-256" => Algorithm::Sha256,
                "SHA-512" => Algorithm::Sha512,
                // A kind that is new to us decides nothing.
                _ => continue,
            };
            match best {
                // The same kind twice: which one would be meant?
                Some((known, _)) if known == algorithm => return Err(SignatureError::Malformed),
                Some((known, _)) if known > algorithm => (),
                _ => best = Some((algorithm, hex.trim())),
            }
        }
    }
    let spark = headers.spark.map(|hex| (Algorithm::Sha1, hex.trim()));
    best.or(spark).ok_or(SignatureError::Missing)
}

fn matches(algorithm: Algorithm, secret: &Secret, body: &[u8], signature: &[u8]) -> bool {
    // `verify_slice` compares in constant time and refuses every other length.
    match algorithm {
        Algorithm::Sha1 => mac::<Hmac<Sha1>>(secret, body).verify_slice(signature).is_ok(),
        Algorithm::Sha256 => mac::<Hmac<Sha256>>(secret, body).verify_slice(signature).is_ok(),
        Algorithm::Sha512 => mac::<Hmac<Sha512>>(secret, body).verify_slice(signature).is_ok(),
    }
}

fn mac<M: Mac + KeyInit>(secret: &Secret, body: &[u8]) -> M {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mut mac = <M as KeyInit>::new_from_slice(secret.expose().as_bytes()).expect("a key of any length");
    mac.update(body);
    mac
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BODY: &[u8] = br#"{"id":"W","resource":"messages"}"#;

    fn spark(hex: &str) -> SignatureHeaders<'_> {
        SignatureHeaders { spark: Some(hex), webex: None }
    }

    fn check(headers: SignatureHeaders<'_>) -> Result<Algorithm, SignatureError> {
        verify(headers, BODY, &[Secret::new("s3cret")])
    }

    #[test]
    fn the_published_vectors_hold() {
        // RFC 2202 and RFC 4231, test case 2.
        let (key, body) = (Secret::new("Jefe"), b"what do ya want for nothing?");
        assert_eq!(sign(Algorithm::Sha1, &key, body), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
        let sha256 = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(sign(Algorithm::Sha256, &key, body), sha256);
        assert!(sign(Algorithm::Sha512, &key, body).starts_with("164b7a7bfcf819e2e395fbe73b56e0a3"));
    }

    #[test]
    fn a_right_signature_is_believed_in_either_header() {
        let secret = Secret::new("s3cret");
        let [sha1, sha256, sha512] =
            [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512].map(|kind| sign(kind, &secret, BODY));
        assert_eq!(check(spark(&sha1)), Ok(Algorithm::Sha1));
        assert_eq!(check(spark(&sha1.to_uppercase())), Ok(Algorithm::Sha1));
        let list = format!("SHA-256={sha256}, SHA-512={sha512}");
        assert_eq!(check(SignatureHeaders { spark: None, webex: Some(&list) }), Ok(Algorithm::Sha512));
        let list = format!("sha-256={sha256}");
        assert_eq!(check(SignatureHeaders { spark: Some(&sha1), webex: Some(&list) }), Ok(Algorithm::Sha256));
    }

    #[test]
    fn the_strongest_one_decides_and_a_weaker_one_saves_nothing() {
        let secret = Secret::new("s3cret");
        let sha1 = sign(Algorithm::Sha1, &secret, BODY);
        let sha256 = sign(Algorithm::Sha256, &secret, BODY);
        let wrong = "00".repeat(64);
        let list = format!("SHA-512={wrong}, SHA-256={sha256}");
        assert_eq!(check(SignatureHeaders { spark: Some(&sha1), webex: Some(&list) }), Err(SignatureError::Wrong));
        let twice = format!("SHA-256={sha256}, SHA-256={sha256}");
        assert_eq!(check(SignatureHeaders { spark: Some(&sha1), webex: Some(&twice) }), Err(SignatureError::Malformed));
        let unknown = format!("SHA3-512={wrong}");
        assert_eq!(check(SignatureHeaders { spark: Some(&sha1), webex: Some(&unknown) }), Ok(Algorithm::Sha1));
    }

    #[test]
    fn what_is_missing_or_malformed_is_refused() {
        assert_eq!(check(SignatureHeaders::default()), Err(SignatureError::Missing));
        assert_eq!(check(SignatureHeaders { spark: None, webex: Some("SHA3=00") }), Err(SignatureError::Missing));
        assert_eq!(check(SignatureHeaders { spark: None, webex: Some("") }), Err(SignatureError::Missing));
        for hex in ["zz", "abc", "sha1=ab", "é"] {
            assert_eq!(check(spark(hex)), Err(SignatureError::Malformed), "{hex}");
        }
        let sha1 = sign(Algorithm::Sha1, &Secret::new("s3cret"), BODY);
        for list in [sha1.as_str(), "SHA-512=zz", &"x".repeat(5000)] {
            let headers = SignatureHeaders { spark: Some(&sha1), webex: Some(list) };
            assert_eq!(check(headers), Err(SignatureError::Malformed), "{list}");
        }
        assert_eq!(check(spark("")), Err(SignatureError::Wrong));
        assert_eq!(check(spark(sha1.get(..20).unwrap())), Err(SignatureError::Wrong));
    }

    #[test]
    fn during_a_rotation_both_secrets_count_and_an_empty_one_never_does() {
        let (old, new, empty) = (Secret::new("old"), Secret::new("new"), Secret::new(""));
        let live = [old.clone(), new.clone(), empty.clone()];
        for secret in [&old, &new] {
            assert!(verify(spark(&sign(Algorithm::Sha1, secret, BODY)), BODY, &live).is_ok());
        }
        let forged = sign(Algorithm::Sha1, &empty, BODY);
        assert_eq!(verify(spark(&forged), BODY, &live), Err(SignatureError::Wrong));
        assert_eq!(verify(spark(&forged), BODY, &[]), Err(SignatureError::Wrong));
    }

    proptest! {
        #[test]
        fn what_was_signed_is_believed_and_nothing_else(
            secret in "[ -~]{1,80}",
            other in "[ -~]{1,80}",
            body in proptest::collection::vec(any::<u8>(), 0..200),
            flip in any::<proptest::sample::Index>(),
        ) {
            prop_assume!(secret != other);
            let secrets = [Secret::new(secret)];
            for algorithm in [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512] {
                let hex = sign(algorithm, &secrets[0], &body);
                let (as_list, changed_list);
                let mut changed = body.clone();
                if !changed.is_empty() {
                    let at = flip.index(changed.len());
                    changed[at] ^= 1;
                }
                let forged = sign(algorithm, &Secret::new(other.clone()), &body);
                let (headers, forged) = if algorithm == Algorithm::Sha1 {
                    (spark(&hex), spark(&forged))
                } else {
                    let name = if algorithm == Algorithm::Sha256 { "SHA-256" } else { "SHA-512" };
                    as_list = format!("{name}={hex}");
                    changed_list = format!("{name}={forged}");
                    (
                        SignatureHeaders { spark: None, webex: Some(&as_list) },
                        SignatureHeaders { spark: None, webex: Some(&changed_list) },
                    )
                };
                prop_assert_eq!(verify(headers, &body, &secrets), Ok(algorithm));
                prop_assert_eq!(verify(forged, &body, &secrets), Err(SignatureError::Wrong));
                if !body.is_empty() {
                    prop_assert_eq!(verify(headers, &changed, &secrets), Err(SignatureError::Wrong));
                }
            }
        }

        #[test]
        fn no_header_makes_it_panic(spark in proptest::option::of(".*"), webex in proptest::option::of(".*")) {
            let headers = SignatureHeaders { spark: spark.as_deref(), webex: webex.as_deref() };
            prop_assert!(check(headers).is_err());
        }
    }
}
