//! `botyard token set`: where the token is read from, and that it can be one. It is never printed.

use std::{
    fmt::Display,
    io::{self, IsTerminal, Read, Write},
};

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::{
    base::{BotId, Secret},
    cli::failure::Failure,
};

/// Longest token in bytes, as the admin API has it; Webex's have about 110.
const LONGEST: usize = 4096;

/// Asks at a prompt that shows nothing, or takes what is piped in.
pub(super) fn read(bot: &BotId) -> Result<Secret, Failure> {
    let stdin = io::stdin();
    let text = if stdin.is_terminal() { ask(bot, &stdin)? } else { all_of(&mut stdin.lock()).map_err(unreadable)? };
    check(&text)
}

fn unreadable(error: impl Display) -> Failure {
    Failure::problem(format!("the token could not be read from standard input: {error}"))
}

fn ask(bot: &BotId, stdin: &io::Stdin) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut err = io::stderr();
    let prompted = write!(err, "token of `{bot}` (not shown): ").and_then(|()| err.flush());
    prompted.map_err(unreadable)?;
    let quiet = Quiet::on(stdin).map_err(unreadable)?;
    let typed = typed(stdin.lock().bytes());
    drop(quiet);
    // The Enter that ended the line was not shown either.
    let _ = writeln!(err);
    typed.map_err(unreadable)?.ok_or_else(|| Failure::problem("cancelled: nothing was changed"))
}

/// All that is piped in, but no more than shows that it is too long.
fn all_of(input: &mut impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(Vec::with_capacity(LONGEST + 2));
    input.take(LONGEST as u64 + 2).read_to_end(&mut text)?;
    Ok(text)
}

/// A line typed without the terminal's help; `None` when it was cancelled (Ctrl-C).
fn typed(bytes: impl Iterator<Item = io::Result<u8>>) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST + 2));
    for byte in bytes {
        match byte? {
            b'\r' | b'\n' | 0x04 => break,
            0x03 => return Ok(None),
            0x08 | 0x7f => drop(line.pop()),
            0x15 => line.clear(),
            byte if line.len() <= LONGEST => line.push(byte),
            _ => {}
        }
    }
    Ok(Some(line))
}

/// The token, if the text can be one.
fn check(text: &[u8]) -> Result<Secret, Failure> {
    let word = text.trim_ascii();
    if word.is_empty() {
        return Err(Failure::problem(
            "there is no token: type or paste it at the prompt, or pipe it in, as in `botyard token set echo < file`",
        ));
    }
    if word.len() > LONGEST {
        return Err(Failure::problem(format!("this is no token: it is longer than {LONGEST} characters")));
    }
    if word.iter().any(u8::is_ascii_whitespace) {
        return Err(Failure::problem(
            "this is no token: there are spaces or line ends in it; give the token alone, without `Bearer` or a name",
        ));
    }
    match std::str::from_utf8(word) {
        Ok(token) if token.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(Secret::new(token)),
        _ => Err(Failure::problem("this is no token: it holds characters that no token has")),
    }
}

/// A terminal that shows nothing of what is typed, until this is dropped. Keys that would end the process come
/// as characters instead: ended half-way, it would leave the terminal mute.
struct Quiet<'a> {
    stdin: &'a io::Stdin,
    before: Termios,
}

impl<'a> Quiet<'a> {
    fn on(stdin: &'a io::Stdin) -> io::Result<Self> {
        let before = tcgetattr(stdin)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
        quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(stdin, OptionalActions::Flush, &quiet)?;
        Ok(Self { stdin, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // If the terminal is gone, nobody is left to be shown anything.
        let _ = tcsetattr(self.stdin, OptionalActions::Now, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(keys: &[u8]) -> Option<String> {
        let typed = typed(keys.iter().map(|key| Ok(*key))).unwrap();
        typed.map(|line| String::from_utf8(line.to_vec()).unwrap())
    }

    #[test]
    fn a_line_is_typed_blind_with_the_usual_keys() {
        assert_eq!(line(b"abc\rrest").as_deref(), Some("abc"));
        assert_eq!(line(b"abx\x7fc\n").as_deref(), Some("abc"));
        assert_eq!(line(b"\x08wrong\x15abc\x04").as_deref(), Some("abc"));
        assert_eq!(line(b"abc").as_deref(), Some("abc"));
        assert_eq!(line(b"abc\x03"), None);
        assert_eq!(line(&[b'x'; 10_000]).unwrap().len(), LONGEST + 1, "what is typed is bounded");
    }

    #[test]
    fn a_token_is_trimmed_and_what_is_none_is_refused_unseen() {
        assert_eq!(check(b" abc-123\r\n").unwrap(), Secret::new("abc-123"));
        let long = [b'x'; LONGEST + 1];
        let wrong: [(&[u8], &str); 6] = [
            (b"", "no token"),
            (b" \n", "no token"),
            (b"Bearer hunter2", "`Bearer`"),
            (b"hunter2\nhunter3", "line ends"),
            (&long, "4096"),
            (b"hunter2\xff", "characters"),
        ];
        for (text, expected) in wrong {
            let told = format!("{:?}", check(text).unwrap_err());
            assert!(told.contains(expected) && !told.contains("hunter") && !told.contains("xxx"), "{told}");
        }
    }

    #[test]
    fn no_more_is_read_than_shows_that_it_is_too_long() {
        let text = all_of(&mut io::repeat(b'x')).unwrap();
        assert!(check(&text).is_err());
        assert_eq!(text.len(), LONGEST + 2);
    }
}
