//! A file of dates: days on which a schedule does not run.

use std::ops::Range;

use chrono::NaiveDate;

/// Most dates of one file: the holidays of a hundred years.
const MAX_DATES: usize = 5_000;

/// Reads one date a line, `2026-12-25`; what follows a `#` is for people. Sorted. An error has its place in the text.
///
/// # Errors
/// Every line that is no date, with where it stands and why.
pub fn dates(text: &str) -> Result<Vec<NaiveDate>, Vec<(Range<usize>, String)>> {
    let (mut dates, mut wrong) = (Vec::new(), Vec::new());
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let word = line.split('#').next().unwrap_or_default();
        let at = start + (word.len() - word.trim_start().len());
        let word = word.trim();
        start += line.len();
        if word.is_empty() {
            continue;
        }
        match NaiveDate::parse_from_str(word, "%Y-%m-%d") {
            Ok(date) => dates.push(date),
            Err(_) => wrong.push((at..at + word.len(), "this line is no date: write `2026-12-25`".to_owned())),
        }
    }
    if dates.len() > MAX_DATES {
        wrong.push((0..0, format!("a file of dates has at most {MAX_DATES}, this one has {}", dates.len())));
    }
    dates.sort_unstable();
    dates.dedup();
    if wrong.is_empty() { Ok(dates) } else { Err(wrong) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_a_line_each_and_what_is_none_is_told() {
        let day = |text: &str| NaiveDate::parse_from_str(text, "%Y-%m-%d").unwrap();
        let text = "# holidays\n2026-12-25   # Christmas\n\n  2026-01-01\n2026-12-25\n";
        assert_eq!(dates(text), Ok(vec![day("2026-01-01"), day("2026-12-25")]));
        let wrong = dates("2026-12-25\n  25.12.2026 # no\n2026-02-30").unwrap_err();
        assert_eq!(wrong.iter().map(|(range, _)| range.clone()).collect::<Vec<_>>(), [13..23, 29..39]);
        assert_eq!(dates(""), Ok(Vec::new()));
    }
}
