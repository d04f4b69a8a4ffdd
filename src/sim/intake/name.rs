//! The file name in a `Content-Disposition`: quoted, bare, or extended as RFC 5987 has it.

use percent_encoding::percent_decode_str;

/// The name, of which `filename*` is the better one. A header without a name has no file.
pub(super) fn of(disposition: &str) -> Option<String> {
    let (mut plain, mut extended) = (None, None);
    let mut rest = disposition.split_once(';')?.1;
    while let Some((key, after)) = rest.split_once('=') {
        let (value, behind) = value(after.trim_start());
        match key.trim().to_ascii_lowercase().as_str() {
            "filename" => plain = Some(value),
            "filename*" => extended = decoded(&value),
            _ => {}
        }
        rest = behind.split_once(';').map_or("", |(_, rest)| rest);
    }
    extended.or(plain)
}

/// The value that begins here, and what stands behind it.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        let (value, behind) = text.split_at(end);
        return (value.trim().to_owned(), behind);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match (c, chars.peek()) {
            // Only these two: a path of Windows is sent without escapes.
            ('\\', Some((_, next @ ('"' | '\\')))) => {
                value.push(*next);
                chars.next();
            }
            ('"', _) => return (value, quoted.get(at + 1..).unwrap_or_default()),
            (c, _) => value.push(c),
        }
    }
    (value, "")
}

/// `UTF-8'language'percent%20encoded`; in another character set it is not read.
fn decoded(value: &str) -> Option<String> {
    let mut parts = value.splitn(3, '\'');
    let (charset, _language, text) = (parts.next()?, parts.next()?, parts.next()?);
    let text = charset.eq_ignore_ascii_case("utf-8").then(|| percent_decode_str(text).decode_utf8().ok())??;
    Some(text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_in_every_form() {
        let is = |header: &str, name: &str| assert_eq!(of(header).as_deref(), Some(name), "{header}");
        is(r#"form-data; name="files"; filename="a b.txt""#, "a b.txt");
        is(r#"form-data; filename="a;b=c.txt"; name="files""#, "a;b=c.txt");
        is(r#"attachment; FileName="a \"b\" \\ c""#, r#"a "b" \ c"#);
        is(r#"attachment; filename="C:\tmp\a.txt""#, r"C:\tmp\a.txt");
        is("attachment; filename=bare.txt ; x=1", "bare.txt");
        is(r#"attachment; filename="G__e"; filename*=UTF-8''Gr%C3%B6e"#, "Gröe");
        is(r#"attachment; filename*=UTF-8'en'x%20y; filename="G__e""#, "x y");
        is(r#"attachment; filename="plain"; filename*=latin1''%E9"#, "plain");
        is(r#"attachment; filename=""#, "");
    }

    #[test]
    fn no_name_is_none() {
        for header in ["form-data", "form-data; name=\"files\"", "attachment; filename*=nonsense", ";;="] {
            assert_eq!(of(header), None, "{header}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_header_is_too_strange(header in "(filename|\\*|=|;|\"|\\\\|'|%|\\PC){0,30}") {
            let _any = of(&header);
        }
    }
}
