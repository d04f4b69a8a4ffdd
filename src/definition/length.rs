//! Lengths of time as people write them: `30s`, `5m`, `2h`, `1h 30m`, `7d`.

use std::time::Duration;

/// Reads a length of time; an error says what is wrong with it.
///
/// # Errors
/// When it is no length of time, or longer than a hundred years.
pub fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{}` is no length of time", text.chars().take(40).collect::<String>().escape_debug());
    let mut rest = text.trim();
    let mut total: u64 = 0;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at_checked(digits).ok_or_else(wrong)?;
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(letters).ok_or_else(wrong)?;
        let number: u64 = number.parse().map_err(|_ignored| wrong())?;
        let millis = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 7 * 86_400_000,
            _ => return Err(wrong()),
        };
        total = number.checked_mul(millis).and_then(|more| total.checked_add(more)).ok_or_else(wrong)?;
        rest = after.trim_start();
    }
    if total > 100 * 366 * 86_400_000 {
        return Err(format!("{} is longer than a hundred years", text.trim()));
    }
    Ok(Duration::from_millis(total))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_are_read_as_people_write_them() {
        let seconds = |text: &str| parse(text).map(|length| length.as_secs());
        assert_eq!(seconds("30s"), Ok(30));
        assert_eq!(seconds(" 1h 30m "), Ok(5_400));
        assert_eq!(seconds("7d"), Ok(604_800));
        assert_eq!(parse("250ms"), Ok(Duration::from_millis(250)));
        for wrong in ["", "5", "s", "5 m", "-5s", "5x", "1.5h", "99999999999999999999s", "200w 9999999w"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in ".{0,30}") {
            let _ = parse(&text);
        }
    }
}
