//! A file by URL, as Webex fetches it: without a token, within limits of time and size.

use std::time::Duration;

use percent_encoding::percent_decode_str;
use url::Url;

use super::{MOST_BODY, name};
use crate::{
    net::{HttpClient, HttpRequest, HttpResponse},
    sim::{refusal::Refusal, world::NewFile},
};

/// How long it may take, redirects included.
const TIMEOUT: Duration = Duration::from_secs(30);
/// That Webex follows redirects, and how many, is believed.
const MOST_REDIRECTS: usize = 5;

/// Fetches a file of up to so many bytes.
pub(super) async fn fetch(client: &HttpClient, url: &str, most: usize) -> Result<NewFile, Refusal> {
    let fetched = tokio::time::timeout(TIMEOUT, follow(client, url, most)).await;
    fetched.unwrap_or_else(|_elapsed| Err(format!("no answer within {} s", TIMEOUT.as_secs()))).map_err(|why| {
        // That it is refused with 400 and these words in front is believed.
        Refusal::bad(format!("Unable to retrieve content: '{url}': {why}"))
    })
}

async fn follow(client: &HttpClient, url: &str, most: usize) -> Result<NewFile, String> {
    let mut url = Url::parse(url).map_err(|error| error.to_string())?;
    for _ in 0..=MOST_REDIRECTS {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("'{url}' is neither http nor https"));
        }
        url.set_fragment(None);
        let request = HttpRequest {
            method: "GET",
            url: url.to_string(),
            headers: Vec::new(),
            bearer: None,
            body: None,
            timeout: TIMEOUT,
            // What says no may say so at length.
            max_body: most.max(MOST_BODY),
        };
        let response = client.send(request).await.map_err(|error| error.to_string())?;
        match (response.status, response.header("location")) {
            (200..=299, _) if response.body.len() > most => return Err(format!("it is larger than {most} bytes")),
            (200..=299, _) => return Ok(file(&url, &response)),
            (301 | 302 | 303 | 307 | 308, Some(location)) => {
                url = url.join(location).map_err(|error| format!("a redirect to '{location}': {error}"))?;
            }
            (status, _) => return Err(format!("the answer was {status}")),
        }
    }
    Err(format!("more than {MOST_REDIRECTS} redirects"))
}

/// Named by its server, else by the last part of its address.
fn file(url: &Url, response: &HttpResponse) -> NewFile {
    let said = response.header("content-disposition").and_then(name::of);
    let last = || url.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default();
    let name = said.unwrap_or_else(|| percent_decode_str(last()).decode_utf8_lossy().into_owned());
    NewFile::new(&name, response.header("content-type"), response.body.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_by_its_server_or_by_its_address() {
        let named = |url: &str, headers: &[(&str, &str)]| {
            let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let response = HttpResponse { status: 200, headers, body: "x".into() };
            let file = file(&Url::parse(url).unwrap(), &response);
            (file.name, file.media_type)
        };
        let is = |name: &str, kind: &str| (name.to_owned(), kind.to_owned());
        let any = "application/octet-stream";
        assert_eq!(named("http://h/a/b%20c.png?x=1", &[("content-type", "image/png")]), is("b c.png", "image/png"));
        assert_eq!(named("http://h/a", &[("content-disposition", "inline; filename=\"d.pdf\"")]), is("d.pdf", any));
        assert_eq!(named("http://h/", &[]), is("file", any));
    }
}
