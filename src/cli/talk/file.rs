//! Files as words: how one is shown, what it is called when it is saved, and what kind it is when it is sent. Pure.

use std::path::Path;

use super::show::plain;
use crate::cli::control::Facts;

/// Longest name that a file is saved under, in bytes: what common file systems take.
const LONGEST_NAME: usize = 200;

/// A file in a line: name, size and type as far as they are known, and where it is.
pub(super) fn line(file: &Facts) -> String {
    let name = file.name.as_deref().map(|name| plain(name).replace('\n', " "));
    let kind = file.kind.as_deref().map(|kind| plain(kind).replace('\n', " "));
    let trouble = file.trouble.map(str::to_owned);
    let known: Vec<String> = [name, file.size.map(size), kind, trouble].into_iter().flatten().collect();
    let url = plain(&file.url).replace('\n', " ");
    if known.is_empty() { url } else { format!("{}  {url}", known.join(", ")) }
}

/// A number of bytes as people say it.
pub(super) fn size(bytes: u64) -> String {
    let tenths = |unit: u64| format!("{}.{}", bytes / unit, bytes % unit * 10 / unit);
    match bytes {
        1 => "1 byte".to_owned(),
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{} KB", tenths(1_000)),
        _ => format!("{} MB", tenths(1_000_000)),
    }
}

/// What a file is called here: a bot's name for it never leads out of a folder or hides in it.
pub(super) fn safe_name(file: &Facts, number: usize) -> String {
    let name = file.name.as_deref().unwrap_or_default();
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut safe: String = last.chars().filter(|c| !c.is_control()).collect();
    while safe.len() > LONGEST_NAME {
        safe.pop();
    }
    let safe = safe.trim().trim_start_matches('.').trim();
    if safe.is_empty() { format!("file-{number}") } else { safe.to_owned() }
}

/// The MIME type of a file by the end of its name.
pub(super) fn kind(path: &Path) -> &'static str {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    match ending.as_deref().unwrap_or_default() {
        "txt" | "log" | "md" | "toml" | "yaml" | "yml" => "text/plain",
        "csv" => "text/csv",
        "html" | "htm" => "text/html",
        "json" => "application/json",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "bmp" => "image/bmp",
        "mp4" => "video/mp4",
        "doc" => "application/msword",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xls" => "application/vnd.ms-excel",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "ppt" => "application/vnd.ms-powerpoint",
        "pptx" => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn named(name: &str) -> Facts {
        Facts { url: "http://s/v1/contents/1".into(), name: Some(name.into()), ..Facts::default() }
    }

    #[test]
    fn a_file_is_shown_with_what_is_known_of_it() {
        let url = "http://s/v1/contents/1";
        let all = Facts { kind: Some("application/pdf".into()), size: Some(12_345), ..named("a\u{1b}[2J\nb.pdf") };
        assert_eq!(line(&all), format!("a[2J b.pdf, 12.3 KB, application/pdf  {url}"));
        assert_eq!(line(&Facts { name: None, ..named("") }), url);
        let scanned = Facts { name: None, trouble: Some("it is still being scanned"), ..named("") };
        assert_eq!(line(&scanned), format!("it is still being scanned  {url}"));
    }

    #[test]
    fn sizes_are_said_as_people_say_them() {
        let said = [0, 1, 999, 1_000, 99_950, 2_500_000].map(size);
        assert_eq!(said, ["0 bytes", "1 byte", "999 bytes", "1.0 KB", "99.9 KB", "2.5 MB"]);
    }

    #[test]
    fn a_name_never_leads_out_of_the_folder() {
        for (name, safe) in [
            ("report.pdf", "report.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Temp\\a.txt", "a.txt"),
            (".bashrc", "bashrc"),
            ("..", "file-3"),
            ("a/", "file-3"),
            ("", "file-3"),
        ] {
            assert_eq!(safe_name(&named(name), 3), safe, "{name}");
        }
    }

    #[test]
    fn a_type_follows_from_the_name() {
        assert_eq!(kind(Path::new("a/Cat.PNG")), "image/png");
        assert_eq!(kind(Path::new("Makefile")), "application/octet-stream");
    }

    proptest! {
        #[test]
        fn any_name_is_made_safe(name in "\\PC{0,300}") {
            let safe = safe_name(&named(&name), 1);
            prop_assert!(!safe.is_empty() && safe.len() <= LONGEST_NAME && !safe.contains(['/', '\\']));
            prop_assert!(!safe.starts_with('.'));
        }
    }
}
