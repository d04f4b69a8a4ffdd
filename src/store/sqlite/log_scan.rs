//! Reads the engine's log before the engine does, to see whether something is missing from it.
//!
//! The engine takes a log up to the first frame that does not fit and forgets the rest, because that is how the end
//! of a log looks after a power cut. It looks the same when the disk lost a part in the middle, and then what was
//! acknowledged would be gone without a word. The two can be told apart: a commit is synced before the next one is
//! written, so behind a whole transaction that was followed by another, nothing before it can be missing by right.
//!
//! The form: <https://www.sqlite.org/fileformat2.html#walformat>

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek},
    path::Path,
};

const HEADER: usize = 32;
const FRAME: usize = 24;

/// What is missing from a log, in words; `None`: nothing that is known to have been there.
pub(super) fn missing(path: &Path) -> io::Result<Option<String>> {
    match File::open(path) {
        Ok(file) => scan(BufReader::with_capacity(1 << 16, file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn scan(mut log: impl Read + Seek) -> io::Result<Option<String>> {
    let mut header = [0; HEADER];
    // A log that was made and never synced: nothing was ever committed to it.
    if !filled(&mut log, &mut header)? || header == [0; HEADER] {
        return Ok(None);
    }
    let Some((mut sum, page)) = begin(&header) else {
        return Ok(Some("its header is damaged".to_owned()));
    };
    let salt = &header[16..24];
    let mut frame = vec![0; FRAME + page];
    let mut number: u64 = 0;
    // Frames that fit the header and each other, one after the other.
    loop {
        if !filled(&mut log, &mut frame)? {
            return Ok(None);
        }
        number += 1;
        sum.add(&frame[..8]);
        sum.add(&frame[FRAME..]);
        if frame[8..16] != *salt || frame[16..24] != sum.bytes() {
            break;
        }
    }
    // Behind the first that does not: only the heads, and only those of this generation of the log.
    let (first, mut committed) = (number, false);
    loop {
        if frame[8..16] == *salt {
            if committed {
                return Ok(Some(format!("its frame {first} is damaged, and commits follow it")));
            }
            committed = frame[4..8] != [0; 4];
        }
        if !filled(&mut log, &mut frame[..FRAME])? {
            return Ok(None);
        }
        log.seek_relative(i64::try_from(page).unwrap_or_default())?;
    }
}

/// Fills a buffer; false when the file ends before.
fn filled(log: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match log.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// The running sum after the header and the size of a page; `None` when the header is none.
fn begin(header: &[u8; HEADER]) -> Option<(Sum, usize)> {
    let big_endian = match header[..4] {
        [0x37, 0x7f, 0x06, 0x82] => false,
        [0x37, 0x7f, 0x06, 0x83] => true,
        _ => return None,
    };
    let mut sum = Sum { parts: (0, 0), big_endian };
    sum.add(&header[..24]);
    let size = header[8..12].try_into().map(u32::from_be_bytes).ok()?;
    let good = size.is_power_of_two() && (512..=65_536).contains(&size) && header[24..32] == sum.bytes();
    Some((sum, usize::try_from(size).ok()?)).filter(|_| good)
}

/// The engine's checksum.
struct Sum {
    parts: (u32, u32),
    big_endian: bool,
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        let word = |bytes: &[u8]| {
            let four = bytes.try_into().unwrap_or_default();
            if self.big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
        };
        for eight in bytes.chunks_exact(8) {
            let (a, b) = self.parts;
            let a = a.wrapping_add(word(&eight[..4])).wrapping_add(b);
            self.parts = (a, b.wrapping_add(word(&eight[4..])).wrapping_add(a));
        }
    }

    fn bytes(&self) -> [u8; 8] {
        let mut bytes = [0; 8];
        bytes[..4].copy_from_slice(&self.parts.0.to_be_bytes());
        bytes[4..].copy_from_slice(&self.parts.1.to_be_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    const PAGE: usize = 512;

    /// A log with transactions of so many frames each.
    fn log(transactions: &[usize]) -> Vec<u8> {
        let mut log = vec![0x37, 0x7f, 0x06, 0x82, 0, 0x2d, 0xe2, 0x18, 0, 0, 2, 0, 0, 0, 0, 1];
        log.extend_from_slice(b"salty!!!");
        let mut sum = Sum { parts: (0, 0), big_endian: false };
        sum.add(&log);
        log.extend_from_slice(&sum.bytes());
        for (number, frames) in transactions.iter().enumerate() {
            for frame in 1..=*frames {
                let mut head = vec![0, 0, 0, u8::try_from(frame).unwrap()];
                head.extend_from_slice(&u32::from(frame == *frames).to_be_bytes());
                let page = vec![u8::try_from(number).unwrap(); PAGE];
                sum.add(&head);
                sum.add(&page);
                log.extend_from_slice(&head);
                log.extend_from_slice(b"salty!!!");
                log.extend_from_slice(&sum.bytes());
                log.extend_from_slice(&page);
            }
        }
        log
    }

    fn found(log: &[u8]) -> Option<String> {
        scan(Cursor::new(log)).unwrap()
    }

    #[test]
    fn a_log_that_is_empty_or_whole_or_was_never_synced_misses_nothing() {
        for log in [Vec::new(), vec![0; 10_000], vec![7; 20], log(&[]), log(&[1, 3, 2])] {
            assert_eq!(found(&log), None);
        }
    }

    #[test]
    fn a_damaged_header_is_seen() {
        for at in [0, 9, 17, 25] {
            let mut log = log(&[1]);
            log[at] ^= 0x55;
            assert_eq!(found(&log).as_deref(), Some("its header is damaged"), "byte {at}");
        }
    }

    #[test]
    fn what_remains_of_an_older_generation_is_no_damage() {
        let mut whole = log(&[2, 2]);
        let old = log(&[3, 3, 3]).split_off(HEADER + 4 * (FRAME + PAGE));
        let mut old = old.replace_salt();
        whole.append(&mut old);
        assert_eq!(found(&whole), None);
    }

    trait ReplaceSalt {
        fn replace_salt(self) -> Self;
    }

    impl ReplaceSalt for Vec<u8> {
        fn replace_salt(mut self) -> Self {
            for frame in self.chunks_exact_mut(FRAME + PAGE) {
                frame[8..16].copy_from_slice(b"saltier!");
            }
            self
        }
    }

    proptest! {
        #[test]
        fn damage_is_seen_exactly_where_a_later_transaction_proves_it(
            transactions in prop::collection::vec(1_usize..4, 1..6),
            at in any::<prop::sample::Index>(),
            flip in 1_u8..,
        ) {
            let mut log = log(&transactions);
            let at = HEADER + at.index(log.len() - HEADER);
            let hit = (at - HEADER) / (FRAME + PAGE);
            let place = (at - HEADER) % (FRAME + PAGE);
            // Its number of pages says whether a frame is a commit: damaged there, it may pass for what it is not.
            prop_assume!(!(4..16).contains(&place));
            log[at] ^= flip;
            let ends: Vec<usize> = transactions.iter().scan(0, |sum, n| { *sum += n; Some(*sum) }).collect();
            let of = ends.iter().position(|end| hit < *end).unwrap();
            let proven = of + 1 < transactions.len();
            prop_assert_eq!(found(&log).is_some(), proven, "frame {} of {:?}", hit, transactions);
        }

        #[test]
        fn a_log_that_ends_anywhere_is_what_a_power_cut_leaves(cut in any::<prop::sample::Index>()) {
            let mut log = log(&[2, 1, 3]);
            log.truncate(cut.index(log.len()));
            prop_assert_eq!(found(&log), None);
        }

        #[test]
        fn whatever_it_reads_it_ends_and_does_not_panic(log in prop::collection::vec(any::<u8>(), 0..4096)) {
            let _ = found(&log);
        }
    }
}
