//! How the answers look: tables, moments, lengths of time; and how they reach stdout.

use std::{
    io::{self, ErrorKind, IsTerminal, Write},
    time::Duration,
};

use comfy_table::{Table, presets};

use crate::{base::Millis, cli::failure::Failure};

/// Writes an answer to stdout. Whoever closed the pipe (`| head`) has seen enough, and that is no failure.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::fault(format!("the answer could not be written: {error}")))
        }
        _ => Ok(()),
    }
}

/// Says something beside the answer, on stderr.
pub(super) fn say(text: &str) {
    // With stderr gone there is nobody left to tell.
    let _ = writeln!(io::stderr(), "botyard: {text}");
}

/// Whether the answer may be coloured.
pub(super) fn colour() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Columns two spaces apart, without lines, so that `awk` and people read it alike.
pub(super) fn table<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table.add_rows(rows.into_iter().map(|row| row.map(|cell| plain(&cell))));
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// Names, reasons and ids come from outside: what would move the cursor or break the line is shown as a blot.
pub(super) fn plain(text: &str) -> String {
    text.trim().chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// At most so many characters, with dots when there were more.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// A moment to the second, UTC.
pub(super) fn moment(at: Millis) -> String {
    let iso = at.iso();
    iso.split_once('.').map_or_else(|| iso.clone(), |(seconds, _)| format!("{seconds}Z"))
}

/// A length of time as people say it.
pub(super) fn took(time: Duration) -> String {
    let (ms, seconds) = (time.as_millis(), time.as_secs());
    match seconds {
        0 => format!("{ms} ms"),
        1..60 => format!("{:.1} s", time.as_secs_f64()),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_cell_stays_in_its_place() {
        let rows = [["echo".to_owned(), "a\u{1b}[2Jb\nc".to_owned()], ["x".to_owned(), String::new()]];
        insta::assert_snapshot!(table(["BOT", "NAME"], rows), @"
        BOT   NAME
        echo  a�[2Jb�c
        x
        ");
    }

    #[test]
    fn times_are_short() {
        let ms = Duration::from_millis;
        let texts = [0, 12, 1_240, 59_900, 185_000, 7_400_000].map(|of| took(ms(of)));
        assert_eq!(texts, ["0 ms", "12 ms", "1.2 s", "59.9 s", "3 min 5 s", "2 h 3 min"]);
        assert_eq!(moment(Millis(1_461_265_968_920)), "2016-04-21T19:12:48Z");
        assert_eq!((cut("äöü", 3), cut("äöü!", 3)), ("äöü".into(), "äö…".into()));
    }
}
