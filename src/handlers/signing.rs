//! Signatures of calls, by Standard Webhooks: a program knows that a call is ours and that nobody replays an old one.
//!
//! What is signed is `<webhook-id>.<webhook-timestamp>.<body>`, with HMAC-SHA256; the header holds `v1,` and base64.
//! A secret that begins with `whsec_` is base64 behind it; any other is taken as it is, byte for byte.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::base::Secret;

/// The id of a call: the same in every repetition.
pub const ID: &str = "webhook-id";
/// When it left, in seconds since 1970.
pub const TIMESTAMP: &str = "webhook-timestamp";
/// The signature.
pub const SIGNATURE: &str = "webhook-signature";

/// How much a timestamp may be off for [`verify`], in seconds: what the libraries of Standard Webhooks allow.
const TOLERANCE: i64 = 300;

/// The value of `webhook-signature`.
#[must_use]
pub fn sign(secret: &Secret, id: &str, seconds: i64, body: &[u8]) -> String {
    format!("v1,{}", STANDARD.encode(mac(secret, id, seconds, body).finalize().into_bytes()))
}

/// The three headers of a call.
#[must_use]
pub fn headers(secret: Option<&Secret>, id: &str, seconds: i64, body: &[u8]) -> Vec<(String, String)> {
    let mut headers = vec![(ID.to_owned(), id.to_owned()), (TIMESTAMP.to_owned(), seconds.to_string())];
    if let Some(secret) = secret {
        headers.push((SIGNATURE.to_owned(), sign(secret, id, seconds, body)));
    }
    headers
}

/// Whether one of the signatures in a header is right, for what is posted back.
#[must_use]
pub fn verify(secret: &Secret, id: &str, timestamp: &str, header: &str, body: &[u8], now: i64) -> bool {
    let Ok(seconds) = timestamp.parse::<i64>() else { return false };
    if (now - seconds).abs() > TOLERANCE {
        return false;
    }
    let mut right = false;
    for signature in header.split(' ').take(10).filter_map(|entry| entry.strip_prefix("v1,")) {
        let Ok(bytes) = STANDARD.decode(signature) else { continue };
        // The comparison inside takes the same time wherever they differ.
        right |= mac(secret, id, seconds, body).verify_slice(&bytes).is_ok();
    }
    right
}

fn mac(secret: &Secret, id: &str, seconds: i64, body: &[u8]) -> Hmac<Sha256> {
    let key = key(secret);
    // Lossless: HMAC takes a key of any length.
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap_or_else(|_any_length| unreachable!("HMAC takes any key"));
    mac.update(id.as_bytes());
    mac.update(b".");
    mac.update(seconds.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    mac
}

fn key(secret: &Secret) -> Zeroizing<Vec<u8>> {
    let text = secret.expose();
    let coded = text.strip_prefix("whsec_").and_then(|coded| STANDARD.decode(coded).ok());
    Zeroizing::new(coded.unwrap_or_else(|| text.as_bytes().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification and its libraries' tests.
    #[test]
    fn the_example_of_the_specification_comes_out() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let (id, seconds, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(sign(&secret, id, seconds, body), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn only_the_right_secret_id_time_and_body_verify() {
        let secret = Secret::new("plain");
        let header = sign(&secret, "id", 1_000, b"{}");
        let check = |secret: &str, id: &str, time: &str, body: &[u8], now: i64| {
            verify(&Secret::new(secret), id, time, &header, body, now)
        };
        assert!(check("plain", "id", "1000", b"{}", 1_100));
        assert!(!check("other", "id", "1000", b"{}", 1_100) && !check("plain", "other", "1000", b"{}", 1_100));
        assert!(!check("plain", "id", "1001", b"{}", 1_100) && !check("plain", "id", "1000", b"{ }", 1_100));
        assert!(!check("plain", "id", "1000", b"{}", 1_301), "it is too old");
        assert!(!check("plain", "id", "soon", b"{}", 1_000));
    }

    #[test]
    fn several_signatures_may_stand_in_one_header() {
        let secret = Secret::new("new");
        let header = format!("v1,AAAA v2,x {}", sign(&secret, "id", 5, b""));
        assert!(verify(&secret, "id", "5", &header, b"", 5));
    }
}
