//! A message with a file, as the form that Webex takes: text parts, then a part `files` with name and type.

use std::path::Path;

use serde_json::Value;

use super::request::{Body, NewMessage, Upload};

/// Types by the ending of the name. Webex shows a preview of most of these; anything else is only a file.
const TYPES: &[(&str, &str)] = &[
    ("bmp", "image/bmp"),
    ("csv", "text/csv"),
    ("doc", "application/msword"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("gif", "image/gif"),
    ("htm", "text/html"),
    ("html", "text/html"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("json", "application/json"),
    ("log", "text/plain"),
    ("md", "text/markdown"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("ppt", "application/vnd.ms-powerpoint"),
    ("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    ("svg", "image/svg+xml"),
    ("txt", "text/plain"),
    ("xls", "application/vnd.ms-excel"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("zip", "application/zip"),
];

/// The form of a message and its file.
pub(super) fn body(message: &NewMessage<'_>, file: &Upload, boundary: &str) -> Body {
    // Nobody can know it beforehand, so it stands in no file.
    let boundary = format!("botyard-{boundary}");
    let mut bytes = Vec::with_capacity(file.bytes.len() + 1_024);
    let fields = serde_json::to_value(message).unwrap_or_default();
    for (name, value) in fields.as_object().into_iter().flatten() {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        bytes.extend_from_slice(head.as_bytes());
        bytes.extend_from_slice(text.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{}\"\r\nContent-Type: {}\r\n\r\n",
        quoted(&file.name),
        type_of(&file.name)
    );
    bytes.extend_from_slice(head.as_bytes());
    bytes.extend_from_slice(&file.bytes);
    bytes.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    Body::Form { boundary, bytes: bytes.into() }
}

/// A name between quotes, as browsers write it.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

fn type_of(name: &str) -> &'static str {
    let ending = Path::new(name).extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_lowercase();
    TYPES.iter().find(|(known, _)| *known == ending).map_or("application/octet-stream", |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webex::Recipient;

    #[test]
    fn a_form_has_its_golden_form() {
        let message = NewMessage { text: Some("the plan"), ..NewMessage::to(Recipient::Room("R")) };
        let file = Upload { name: "pl\"an.PDF".into(), bytes: b"%PDF".to_vec() };
        let Body::Form { boundary, bytes } = body(&message, &file, "b") else { panic!() };
        assert_eq!(boundary, "botyard-b");
        let expected = "--botyard-b\r\nContent-Disposition: form-data; name=\"roomId\"\r\n\r\nR\r\n\
            --botyard-b\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nthe plan\r\n\
            --botyard-b\r\nContent-Disposition: form-data; name=\"files\"; filename=\"pl%22an.PDF\"\r\n\
            Content-Type: application/pdf\r\n\r\n%PDF\r\n--botyard-b--\r\n";
        assert_eq!(String::from_utf8_lossy(&bytes), expected);
    }
}
