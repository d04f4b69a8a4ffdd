//! The form that CI systems read: a suite a file, a case a case.

use std::fmt::Write as _;

use super::report::{Report, Told, tell};

/// The whole document.
pub(super) fn document(report: &Report) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let all: usize = report.suites.iter().map(|suite| suite.cases.len() + usize::from(suite.is_broken())).sum();
    let failed = |cases: &[Told]| cases.iter().filter(|case| case.played.failure.is_some()).count();
    let failures: usize = report.suites.iter().map(|suite| failed(&suite.cases)).sum();
    let errors = report.suites.iter().filter(|suite| suite.is_broken()).count();
    let _ = writeln!(
        out,
        "<testsuites name=\"botyard\" tests=\"{all}\" failures=\"{failures}\" errors=\"{errors}\" time=\"{:.3}\">",
        report.took.as_secs_f64()
    );
    for suite in &report.suites {
        let (tests, broken) = (suite.cases.len() + usize::from(suite.is_broken()), usize::from(suite.is_broken()));
        let took: std::time::Duration = suite.cases.iter().map(|case| case.took).sum();
        let _ = writeln!(
            out,
            "  <testsuite name=\"{}\" file=\"{}\" tests=\"{tests}\" failures=\"{}\" errors=\"{broken}\" time=\"{:.3}\">",
            escaped(&suite.bot),
            escaped(&suite.path),
            failed(&suite.cases),
            took.as_secs_f64()
        );
        if suite.is_broken() {
            let mut why: Vec<String> = suite.diagnostics.iter().map(ToString::to_string).collect();
            why.extend(suite.trouble.clone());
            let _ = writeln!(
                out,
                "    <testcase classname=\"{}\" name=\"the file can be played\"><error message=\"{}\"/></testcase>",
                escaped(&suite.bot),
                escaped(&why.join("\n"))
            );
        }
        for case in &suite.cases {
            let _ = write!(
                out,
                "    <testcase classname=\"{}\" name=\"{}\" file=\"{}\" line=\"{}\" time=\"{:.3}\"",
                escaped(&suite.bot),
                escaped(&case.name),
                escaped(&suite.path),
                case.line,
                case.took.as_secs_f64()
            );
            let Some(failure) = &case.played.failure else {
                out.push_str("/>\n");
                continue;
            };
            let mut text = format!("{}:{}: {}\n", suite.path, failure.line, failure.what);
            for (name, part) in [("expected", &failure.expected), ("got", &failure.got)] {
                if let Some(part) = part {
                    let _ = writeln!(text, "{name}: {part}");
                }
            }
            tell(&mut text, &case.played.told);
            let _ = writeln!(
                out,
                "><failure message=\"{}\">{}</failure></testcase>",
                escaped(&failure.what),
                escaped(&text)
            );
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

/// Text as it may stand in an element or an attribute. XML has no way to say most control characters.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
