//! The `Link` header (RFC 8288): only `rel="next"` may be relied on, and its URL is opaque.

/// The URL of the next page, byte for byte.
#[must_use]
pub fn next(header: &str) -> Option<&str> {
    let mut rest = header;
    loop {
        let (_, after) = rest.split_once('<')?;
        let (url, after) = after.split_once('>')?;
        let (parameters, more) = split_unquoted(after, ',');
        if is_next(parameters) {
            return Some(url.trim()).filter(|url| !url.is_empty());
        }
        rest = more;
    }
}

/// Splits at the first `separator` outside of quotes; what follows begins with it.
fn split_unquoted(text: &str, separator: char) -> (&str, &str) {
    let mut quoted = false;
    let found = text.char_indices().find(|&(_, c)| {
        quoted ^= c == '"';
        c == separator && !quoted
    });
    found.and_then(|(at, _)| text.split_at_checked(at)).unwrap_or((text, ""))
}

fn is_next(parameters: &str) -> bool {
    let mut rest = parameters;
    while !rest.is_empty() {
        let (parameter, more) = split_unquoted(rest, ';');
        if let Some((name, value)) = parameter.split_once('=')
            && name.trim().eq_ignore_ascii_case("rel")
        {
            let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
            return relations.any(|relation| relation.eq_ignore_ascii_case("next"));
        }
        rest = more.get(1..).unwrap_or_default();
    }
    false
}

/// `next`, with the `mentionedPeople` of the request that it continues, should Webex have lost it.
pub(super) fn with_lost_mention(next: &str, asked: &str) -> String {
    let find = |url: &str| {
        let (_, query) = url.split_once('?')?;
        query.split('&').find(|pair| pair.starts_with("mentionedPeople=")).map(str::to_owned)
    };
    match find(asked) {
        Some(pair) if find(next).is_none() => {
            format!("{next}{}{pair}", if next.contains('?') { '&' } else { '?' })
        }
        _ => next.to_owned(),
    }
}

/// Scheme, host and port of an absolute `http` or `https` URL, in one form for equal ones.
///
/// Read by hand and strictly: two URL parsers that disagree about a backslash would disagree about who
/// gets the token.
pub(super) fn origin(url: &str) -> Option<(String, String, u16)> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let authority = rest.split(['/', '?', '#']).next()?.to_ascii_lowercase();
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    if authority.is_empty() || !authority.chars().all(allowed) {
        return None;
    }
    let default = match scheme.as_str() {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => Some((scheme, host.to_owned(), port.parse().ok()?)),
        _ => Some((scheme, authority, default)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_next_link_is_found_among_others_and_kept_as_it_is() {
        let url = "https://webexapis.com/v1/messages?before&after=&cursor=a,b;c";
        for header in [
            format!("<{url}>; rel=\"next\""),
            format!("<{url}>;rel=next"),
            format!("<https://a/?x=1,2>; rel=\"first\", <{url}>; rel=\"next\""),
            format!("<https://a/>; title=\"a, b; rel=next\", <{url}>; title=x; REL=\"prev next\""),
        ] {
            assert_eq!(next(&header), Some(url), "{header}");
        }
    }

    #[test]
    fn without_a_next_link_there_is_no_next_page() {
        for header in ["", "<", "<>; rel=next", "<https://a/>; rel=\"prev\"", "<https://a/>", "https://a/; rel=next"] {
            assert_eq!(next(header), None, "{header}");
        }
    }

    #[test]
    fn a_lost_mention_comes_back_and_one_that_is_there_stays() {
        let asked = "/messages?roomId=R&mentionedPeople=me&max=50";
        assert_eq!(with_lost_mention("https://a/m?cursor=x", asked), "https://a/m?cursor=x&mentionedPeople=me");
        let whole = "https://a/m?mentionedPeople=me&cursor";
        assert_eq!(with_lost_mention(whole, asked), whole);
        assert_eq!(with_lost_mention("https://a/m?cursor=x", "/webhooks?max=100"), "https://a/m?cursor=x");
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(header in ".*") {
            let _ = next(&header);
        }

        #[test]
        fn what_was_named_is_what_is_found(path in "[a-zA-Z0-9/?&=%,;._~-]{0,60}", before in 0..3_usize) {
            let url = format!("https://webexapis.com/v1/{path}");
            let header = format!("{}<{url}>; rel=\"next\"", "<https://webexapis.com/x?a,b>; rel=\"prev\", ".repeat(before));
            prop_assert_eq!(next(&header), Some(url.as_str()));
        }

        #[test]
        fn an_origin_ignores_what_follows_it(rest in "[/?#][ -~]{0,30}") {
            prop_assert_eq!(origin(&format!("https://h{rest}")), origin("https://H:443"));
        }
    }
}
