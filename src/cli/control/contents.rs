//! Files of messages: what they are, their bytes, and sending one. By the Webex API itself, as the person.

use percent_encoding::percent_decode_str;
use url::Url;

use super::{AT_ONCE, Bytes, Control, ControlError, Deserialize, Duration, HttpRequest, HttpResponse, Message, Secret};

/// Webex takes no larger file.
pub(in crate::cli) const MOST_FILE: usize = 100 << 20;
/// How long a file may take.
const FILE_TIME: Duration = Duration::from_mins(2);
/// How long it is looked for what a file is: who reads waits for it.
const LOOK_TIME: Duration = Duration::from_secs(3);

/// What is known of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::cli) struct Facts {
    /// Where it is.
    pub(in crate::cli) url: String,
    pub(in crate::cli) name: Option<String>,
    /// Its MIME type.
    pub(in crate::cli) kind: Option<String>,
    /// In bytes.
    pub(in crate::cli) size: Option<u64>,
    /// Why it cannot be had now.
    pub(in crate::cli) trouble: Option<&'static str>,
}

/// A file on its way to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Upload {
    pub(in crate::cli) name: String,
    pub(in crate::cli) kind: &'static str,
    pub(in crate::cli) bytes: Vec<u8>,
    /// Other fields of the message: `roomId`, `text`.
    pub(in crate::cli) fields: Vec<(&'static str, String)>,
}

impl Control {
    /// A token of this person; one is made for somebody who has none.
    pub(in crate::cli) async fn token(&self, email: &str) -> Result<Secret, ControlError> {
        #[derive(Deserialize)]
        struct Granted {
            token: Secret,
        }
        if let Some(token) = self.token_of_any(&[email.to_owned()]).await? {
            return Ok(token);
        }
        let granted = self.post::<Granted>("/tokens", &serde_json::json!({ "email": email }), AT_ONCE).await?;
        Ok(granted.token)
    }

    /// A token of whichever of these people has one; bots are none.
    pub(in crate::cli) async fn token_of_any(&self, emails: &[String]) -> Result<Option<Secret>, ControlError> {
        let people = self.people().await?;
        let known = people.into_iter().filter(|person| !person.bot && emails.contains(&person.email));
        Ok(known.flat_map(|person| person.tokens).next().map(Secret::new))
    }

    /// What a file is. Whatever goes wrong, there is still its address to show.
    pub(in crate::cli) async fn facts(&self, url: &str, token: &Secret) -> Facts {
        let unknown = Facts { url: url.to_owned(), ..Facts::default() };
        let Some(request) = self.contents("HEAD", url, token, LOOK_TIME) else { return unknown };
        match self.send(request).await {
            Ok(answer) if answer.status == 200 => Facts {
                name: answer.header("content-disposition").and_then(file_name),
                kind: answer.header("content-type").map(str::to_owned),
                size: answer.header("content-length").and_then(|size| size.parse().ok()),
                ..unknown
            },
            Ok(answer) => Facts { trouble: trouble(answer.status), ..unknown },
            Err(_unreachable) => unknown,
        }
    }

    /// A file's bytes.
    pub(in crate::cli) async fn file(&self, url: &str, token: &Secret) -> Result<Bytes, ControlError> {
        let elsewhere = || self.strange(format!("`{url}` is no file of a message"));
        let request = self.contents("GET", url, token, FILE_TIME).ok_or_else(elsewhere)?;
        let answer = self.send(request).await?;
        match (answer.status, trouble(answer.status)) {
            (200, _) => Ok(answer.body),
            (status, Some(trouble)) => Err(ControlError::Refused { status, message: trouble.to_owned() }),
            _ => Err(self.refused(&answer)),
        }
    }

    /// Posts a message with a file, as the owner of the token.
    pub(in crate::cli) async fn upload(&self, upload: &Upload, token: &Secret) -> Result<Message, ControlError> {
        let (kind, body) = upload.multipart();
        let request = HttpRequest {
            method: "POST",
            url: format!("{}/v1/messages", self.url),
            headers: vec![("content-type".to_owned(), kind)],
            bearer: Some(token.clone()),
            body: Some(body.into()),
            timeout: FILE_TIME,
            max_body: 1 << 20,
        };
        let answer: HttpResponse = self.send(request).await?;
        self.read(&answer)
    }

    /// The token is for the simulator alone: of a file's address only what stands below `/v1` counts.
    fn contents(&self, method: &'static str, url: &str, token: &Secret, timeout: Duration) -> Option<HttpRequest> {
        let url = Url::parse(url).ok()?;
        let at = url.path().find("/v1/contents/")?;
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        Some(HttpRequest {
            method,
            url: format!("{}{}{query}", self.url, url.path().get(at..)?),
            headers: Vec::new(),
            bearer: Some(token.clone()),
            body: None,
            timeout,
            max_body: MOST_FILE,
        })
    }
}

fn trouble(status: u16) -> Option<&'static str> {
    match status {
        404 => Some("it is gone"),
        410 => Some("it is infected, nobody gets it"),
        423 => Some("it is still being scanned"),
        428 => Some("it cannot be scanned; whoever wants it all the same adds `?allow=unscannable` to its address"),
        _ => None,
    }
}

/// The name in a `Content-Disposition`; the form that can carry any character goes first.
fn file_name(disposition: &str) -> Option<String> {
    let (mut extended, mut quoted) = (None, None);
    for part in parts(disposition) {
        let Some((name, value)) = part.split_once('=') else { continue };
        match name.trim().to_ascii_lowercase().as_str() {
            "filename*" => {
                let encoded = value.trim().splitn(3, '\'').nth(2)?;
                extended = Some(percent_decode_str(encoded).decode_utf8_lossy().into_owned());
            }
            "filename" => quoted = Some(unquoted(value.trim())),
            _ => {}
        }
    }
    extended.or(quoted).filter(|name| !name.trim().is_empty())
}

/// The parts between semicolons, but not those in quotes.
fn parts(header: &str) -> Vec<&str> {
    let (mut found, mut from, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, c) in header.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ';' if !quoted => {
                found.extend(header.get(from..at));
                from = at + 1;
            }
            _ => {}
        }
    }
    found.extend(header.get(from..));
    found
}

fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) else {
        return value.to_owned();
    };
    let (mut name, mut escaped) = (String::new(), false);
    for c in inner.chars() {
        if c == '\\' && !escaped {
            escaped = true;
        } else {
            name.push(c);
            escaped = false;
        }
    }
    name
}

impl Upload {
    /// `multipart/form-data`: the header's value, and the body.
    fn multipart(&self) -> (String, Vec<u8>) {
        // Random, so that it stands in no file.
        let boundary = format!("botyard-{}", uuid::Uuid::new_v4().simple());
        let mut body = Vec::with_capacity(self.bytes.len() + 1_024);
        for (name, value) in &self.fields {
            let part = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            body.extend_from_slice(part.as_bytes());
        }
        // Quotes and line ends as browsers write them in a name.
        let name = self.name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{name}\"\r\n\
             Content-Type: {}\r\n\r\n",
            self.kind
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(&self.bytes);
        body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        (format!("multipart/form-data; boundary={boundary}"), body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_in_every_form_of_the_header() {
        for (header, name) in [
            ("attachment; filename=\"report.pdf\"", Some("report.pdf")),
            ("attachment; filename=report.pdf", Some("report.pdf")),
            ("attachment; filename=\"a \\\"b\\\"; c.txt\"; size=3", Some("a \"b\"; c.txt")),
            ("attachment; filename=\"_.txt\"; filename*=UTF-8''%C3%BC+&%20.txt", Some("ü+& .txt")),
            ("attachment", None),
            ("attachment; filename=\"\"", None),
        ] {
            assert_eq!(file_name(header).as_deref(), name, "{header}");
        }
    }

    #[test]
    fn the_token_goes_to_the_simulator_whoever_an_address_names() {
        let control = Control::new("http://127.0.0.1:7070").unwrap();
        let token = Secret::new("sim-alice");
        let url = |url: &str| control.contents("GET", url, &token, AT_ONCE).map(|request| request.url);
        let there = Some("http://127.0.0.1:7070/v1/contents/Y2lz?allow=unscannable".to_owned());
        assert_eq!(url("http://sim:7070/v1/contents/Y2lz?allow=unscannable"), there);
        assert_eq!(url("https://example.com/cat.png"), None);
        assert_eq!(url("nonsense"), None);
    }

    #[test]
    fn an_upload_has_its_fields_before_its_file() {
        let upload = Upload {
            name: "a\".txt".into(),
            kind: "text/plain",
            bytes: b"hello".to_vec(),
            fields: vec![("roomId", "R".into())],
        };
        let (kind, body) = upload.multipart();
        let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
        let expected = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"roomId\"\r\n\r\nR\r\n\
             --{boundary}\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a%22.txt\"\r\n\
             Content-Type: text/plain\r\n\r\nhello\r\n--{boundary}--\r\n"
        );
        assert_eq!(String::from_utf8(body).unwrap(), expected);
    }
}
