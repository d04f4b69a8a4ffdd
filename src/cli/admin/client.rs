//! One client of the admin API. Never through the proxy: the service is here.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::user;
use crate::{
    cli::failure::Failure,
    http::{ASKER, AdminToken},
    net::{HttpClient, HttpRequest, HttpResponse, NetError, NetErrorKind},
};

/// How long a look may take.
const LOOK: Duration = Duration::from_secs(10);
/// How long a change may take: longer than the 25 s after which the service itself says that it goes on.
const CHANGE: Duration = Duration::from_secs(30);
/// Largest answer in bytes; thousands of bots are a few megabytes.
const LARGEST: usize = 64 * 1024 * 1024;

/// The admin API of a running service.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) http: HttpClient,
    pub(super) address: SocketAddr,
    pub(super) token: AdminToken,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// The service does not take our token.
    #[error(
        "the service at `{address}` does not take the admin token in `{}`: it runs with another `data_dir` or \
         `admin.token_file`, so give this command the same settings (--data-dir DIR, BOTYARD_DATA_DIR, \
         BOTYARD_ADMIN__TOKEN_FILE)", path.display()
    )]
    Unauthorized {
        /// Who was asked.
        address: SocketAddr,
        /// Where our token stands.
        path: PathBuf,
    },
    /// The service says no, in its own words.
    #[error("{message}")]
    Refused {
        /// The stable word.
        code: String,
        /// The sentence.
        message: String,
    },
    /// The service was there a moment ago.
    #[error("the service at `{address}` went away: {error}; is it being stopped or started? Try again")]
    Gone {
        /// Who was asked.
        address: SocketAddr,
        /// What happened.
        error: NetError,
    },
    /// It takes too long.
    #[error(
        "the service at `{address}` did not answer within {} s: it is very busy or it hangs; its log and \
         `botyard healthcheck` say more", within.as_secs()
    )]
    Slow {
        /// Who was asked.
        address: SocketAddr,
        /// How long it had.
        within: Duration,
    },
    /// The answer is not understood.
    #[error(
        "the service at `{address}` answers what this version does not understand ({what}): is it another version?"
    )]
    Strange {
        /// Who was asked.
        address: SocketAddr,
        /// What was wrong.
        what: String,
    },
}

impl Trouble {
    /// Whether the service said no with this word.
    pub(super) fn is(&self, word: &str) -> bool {
        matches!(self, Self::Refused { code, .. } if code == word)
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Self::problem(trouble)
    }
}

/// What the service answered.
#[derive(Debug)]
pub(super) struct Answered {
    address: SocketAddr,
    body: Bytes,
}

impl Answered {
    /// The JSON as it came: for scripts, fields that this version does not know included.
    pub(super) fn json(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// What it says.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Trouble> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Trouble::Strange { address: self.address, what: error.to_string() })
    }
}

/// A request without token and body.
pub(super) fn request(method: &'static str, address: SocketAddr, path: &str, timeout: Duration) -> HttpRequest {
    HttpRequest {
        method,
        url: format!("http://{address}{path}"),
        headers: Vec::new(),
        bearer: None,
        body: None,
        timeout,
        max_body: LARGEST,
    }
}

impl Client {
    /// Looks at something.
    pub(super) async fn get(&self, path: &str) -> Result<Answered, Trouble> {
        self.ask(request("GET", self.address, path, LOOK)).await
    }

    /// Changes something.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Answered, Trouble> {
        let mut request = request("POST", self.address, path, CHANGE);
        request.headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
        request.body = Some(Bytes::from(body.to_string()));
        self.ask(request).await
    }

    async fn ask(&self, mut request: HttpRequest) -> Result<Answered, Trouble> {
        request.bearer = Some(self.token.secret.clone());
        request.headers.push((ASKER.to_owned(), user::name()));
        let (address, within) = (self.address, request.timeout);
        match self.http.send(request).await {
            Ok(answer) => self.understood(answer),
            Err(error) if error.kind == NetErrorKind::Timeout => Err(Trouble::Slow { address, within }),
            Err(error) => Err(Trouble::Gone { address, error }),
        }
    }

    fn understood(&self, answer: HttpResponse) -> Result<Answered, Trouble> {
        #[derive(Deserialize)]
        struct Body {
            error: Inner,
        }
        #[derive(Deserialize)]
        struct Inner {
            code: String,
            message: String,
        }
        let address = self.address;
        match answer.status {
            200..300 => Ok(Answered { address, body: answer.body }),
            401 => Err(Trouble::Unauthorized { address, path: self.token.path.clone() }),
            status => match serde_json::from_slice(&answer.body) {
                Ok(Body { error: Inner { code, message } }) => Err(Trouble::Refused { code, message }),
                Err(_) => Err(Trouble::Strange { address, what: format!("status {status}") }),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Secret;

    fn understood(status: u16, body: &str) -> Result<Answered, Trouble> {
        crate::net::install_tls();
        let client = Client {
            http: HttpClient::direct().unwrap(),
            address: "127.0.0.1:8081".parse().unwrap(),
            token: AdminToken { secret: Secret::new("s3cret"), path: "data/admin.token".into() },
        };
        client.understood(HttpResponse { status, headers: Vec::new(), body: Bytes::from(body.to_owned()) })
    }

    #[test]
    fn each_refusal_is_a_sentence_with_what_to_do() {
        let refused = |status, body: &str| {
            let text = understood(status, body).unwrap_err().to_string();
            assert!(!text.contains("s3cret"), "{text}");
            text
        };
        let wrong = refused(401, "{}");
        assert!(wrong.contains("`data/admin.token`") && wrong.contains("--data-dir"), "{wrong}");
        let own = refused(409, r#"{"error":{"code":"conflict","message":"this token is that of bot `hello`"}}"#);
        assert_eq!(own, "this token is that of bot `hello`");
        let foreign = refused(502, "<html>");
        assert!(foreign.contains("status 502"), "{foreign}");
        let trouble = understood(404, r#"{"error":{"code":"unknown_bot","message":"x"}}"#).unwrap_err();
        assert!(trouble.is("unknown_bot") && !trouble.is("unknown_event"));
    }

    #[test]
    fn an_answer_of_another_version_is_said_to_be_one() {
        let answered = understood(200, r#"{"bots":7}"#).unwrap();
        assert_eq!(answered.json(), r#"{"bots":7}"#);
        let text = answered.read::<Vec<String>>().unwrap_err().to_string();
        assert!(text.contains("another version"), "{text}");
    }
}
