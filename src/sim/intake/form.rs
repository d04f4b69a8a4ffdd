//! A body of the type `multipart/form-data`: text fields, and one file in the part `files`.
//!
//! It is taken apart while it arrives, so a file is in memory once. What follows a refusal is read and thrown
//! away: a client that writes everything before it listens would only see its connection break.

use actix_web::web;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use multer::{Constraints, Multipart, SizeLimit};
use tokio::sync::mpsc;

use super::{MOST_BODY, name, too_large, unreadable};
use crate::sim::{refusal::Refusal, world::NewFile};

/// The part that holds the file.
const FILES: &str = "files";
/// More than a message has fields.
const MOST_PARTS: usize = 64;
/// Pieces between the socket and the parser.
const PIECES: usize = 8;
/// What is thrown away of a body that is refused, as a multiple of the largest good one.
const PATIENCE: usize = 4;

/// A form, taken apart.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Form {
    /// Text parts, in order.
    pub(crate) fields: Vec<(String, String)>,
    /// The part `files` that has a file name.
    pub(crate) file: Option<NewFile>,
}

type Piece = Result<Bytes, String>;

/// Reads a form with a file of up to so many bytes.
pub(super) async fn read(payload: web::Payload, content_type: &str, most_file: usize) -> Result<Form, Refusal> {
    let boundary = multer::parse_boundary(content_type).map_err(|error| unreadable(&error))?;
    let (sender, receiver) = mpsc::channel(PIECES);
    let pieces = stream::unfold(receiver, |mut from| async { from.recv().await.map(|piece| (piece, from)) });
    let most = most_file.saturating_add(MOST_BODY);
    // The payload cannot leave its thread, the parser's stream must be able to: hence the channel.
    let ((), form) = tokio::join!(pump(payload, sender, most), take_apart(pieces, boundary, most_file));
    form
}

/// Takes apart what is there already.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) async fn of_bytes(body: &[u8], content_type: &str) -> Result<Form, Refusal> {
    let boundary = multer::parse_boundary(content_type).map_err(|error| unreadable(&error))?;
    take_apart(stream::iter([Ok(Bytes::copy_from_slice(body))]), boundary, MOST_BODY).await
}

async fn pump(mut payload: web::Payload, parser: mpsc::Sender<Piece>, most: usize) {
    let mut seen = 0_usize;
    while let Some(piece) = payload.next().await {
        let broken = piece.is_err();
        seen = seen.saturating_add(piece.as_ref().map_or(0, Bytes::len));
        // The parser is gone once it has refused, or seen the end.
        let _gone = parser.send(piece.map_err(|error| error.to_string())).await;
        if broken || seen > most.saturating_mul(PATIENCE) {
            return;
        }
    }
}

async fn take_apart(
    pieces: impl Stream<Item = Piece> + Send + 'static,
    boundary: String,
    most_file: usize,
) -> Result<Form, Refusal> {
    let bytes = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let limits = SizeLimit::new()
        .whole_stream(bytes(most_file.saturating_add(MOST_BODY)))
        .per_field(bytes(MOST_BODY))
        .for_field(FILES, bytes(most_file));
    let mut parts = Multipart::with_constraints(pieces, boundary, Constraints::new().size_limit(limits));
    let refused = |error: multer::Error| match error {
        multer::Error::FieldSizeExceeded { field_name: Some(name), .. } if name == FILES => {
            Refusal::new(413, format!("A file has at most {most_file} bytes."))
        }
        multer::Error::FieldSizeExceeded { .. } => too_large(MOST_BODY),
        multer::Error::StreamSizeExceeded { .. } => too_large(most_file.saturating_add(MOST_BODY)),
        error => unreadable(&error),
    };
    let mut form = Form::default();
    for _ in 0..=MOST_PARTS {
        let Some(part) = parts.next_field().await.map_err(refused)? else { return Ok(form) };
        let field = part.name().unwrap_or_default().to_owned();
        let header = part.headers().get("content-disposition").map(|value| String::from_utf8_lossy(value.as_bytes()));
        let file_name = header.as_deref().and_then(name::of);
        let media_type = part.content_type().map(ToString::to_string);
        let content = part.bytes().await.map_err(refused)?;
        match file_name {
            Some(name) if field == FILES => {
                if form.file.is_some() {
                    return Err(Refusal::bad("Only one file is allowed per message."));
                }
                form.file = Some(NewFile::new(&name, media_type.as_deref(), content));
            }
            // A file in another part is as unknown as any unknown field.
            Some(_) => {}
            None => {
                let text = String::from_utf8(content.into())
                    .map_err(|_binary| unreadable(&format_args!("the part '{field}' is no UTF-8 text")))?;
                form.fields.push((field, text));
            }
        }
    }
    Err(Refusal::bad(format!("A form has at most {MOST_PARTS} parts.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDARY: &str = "XX";

    fn part(head: &str, content: &str) -> String {
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n")
    }

    /// In pieces of seven bytes, so that every boundary is cut somewhere.
    async fn take(parts: &[String], most_file: usize) -> Result<Form, Refusal> {
        let body = format!("{}--{BOUNDARY}--\r\n", parts.concat());
        take_raw(body.as_bytes(), most_file).await
    }

    async fn take_raw(body: &[u8], most_file: usize) -> Result<Form, Refusal> {
        let pieces: Vec<Piece> = body.chunks(7).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        take_apart(stream::iter(pieces), BOUNDARY.to_owned(), most_file).await
    }

    #[tokio::test]
    async fn text_parts_become_fields_and_the_part_files_the_file() {
        let parts = [
            part("name=\"roomId\"", "R"),
            part("name=\"files\"; filename=\"a.txt\"\r\nContent-Type: text/plain", "--X\r\nY"),
            part("name=\"markdown\"", "**é**\r\nline"),
            part("name=\"other\"; filename=\"b.bin\"", "ignored"),
        ];
        let form = take(&parts, 100).await.unwrap();
        let field = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(form.fields, [field("roomId", "R"), field("markdown", "**é**\r\nline")]);
        assert_eq!(form.file, Some(NewFile::new("a.txt", Some("text/plain"), "--X\r\nY".into())));
    }

    #[tokio::test]
    async fn a_file_without_a_type_and_with_an_extended_name_is_taken() {
        let parts = [part("name=\"files\"; filename*=utf-8''Gr%C3%B6%C3%9Fe.txt", "")];
        let file = take(&parts, 100).await.unwrap().file.unwrap();
        assert_eq!((file.name.as_str(), file.media_type.as_str()), ("Größe.txt", "application/octet-stream"));
    }

    #[tokio::test]
    async fn what_is_too_large_or_too_much_is_refused() {
        let file = |size| part("name=\"files\"; filename=\"a\"", &"x".repeat(size));
        assert!(take(&[file(100)], 100).await.is_ok());
        let refusal = take(&[file(101)], 100).await.unwrap_err();
        assert_eq!((refusal.status, refusal.message.as_str()), (413, "A file has at most 100 bytes."));
        let refusal = take(&[part("name=\"text\"", &"x".repeat(MOST_BODY + 1))], 1 << 22).await.unwrap_err();
        assert_eq!(refusal.status, 413);
        let refusal = take(&[file(1), file(1)], 100).await.unwrap_err();
        assert_eq!((refusal.status, refusal.message.as_str()), (400, "Only one file is allowed per message."));
        let many: Vec<String> = (0..=MOST_PARTS).map(|_| part("name=\"text\"", "x")).collect();
        assert!(take(&many, 100).await.unwrap_err().message.contains("64 parts"));
        assert!(take(&many[1..], 100).await.is_ok());
    }

    #[tokio::test]
    async fn a_body_that_is_none_is_refused_with_the_reason() {
        for body in ["", "--XX", "--XX\r\nnonsense", "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nbreaks"]
        {
            assert_eq!(take_raw(body.as_bytes(), 100).await.unwrap_err().status, 400, "{body}");
        }
        let mut binary = part("name=\"text\"", "?").into_bytes();
        let at = binary.iter().position(|byte| *byte == b'?').unwrap();
        binary[at] = 0xff;
        binary.extend_from_slice(b"--XX--\r\n");
        let refusal = take_raw(&binary, 100).await.unwrap_err();
        assert!(refusal.message.contains("the part 'text' is no UTF-8"), "{}", refusal.message);
    }
}
