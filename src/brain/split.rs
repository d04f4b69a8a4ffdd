//! Cuts a text into messages that Webex takes, where a reader would cut it.

/// Most UTF-8 bytes of one message's text or markdown.
pub const LIMIT: usize = 7439;

/// Longer first lines of a code block are not repeated when it is opened again.
const MAX_INFO: usize = 64;

/// Parts of plain text, each within [`LIMIT`].
#[must_use]
pub fn text(text: &str) -> Vec<String> {
    parts(text, LIMIT, false)
}

/// Parts of markdown, each within [`LIMIT`]; a code block that does not fit into one part is closed at the
/// end of a part and opened again in the next.
#[must_use]
pub fn markdown(text: &str) -> Vec<String> {
    parts(text, LIMIT, true)
}

fn parts(text: &str, limit: usize, fences: bool) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = text.trim_end().trim_start_matches(['\n', '\r']);
    let mut carried: Option<Fence<'_>> = None;
    while !rest.trim().is_empty() {
        let head = carried.map(Fence::reopen).unwrap_or_default();
        let room = limit.saturating_sub(head.len());
        let (cut, next) = if fences { fenced_cut(rest, room, carried) } else { (plain_cut(rest, room), None) };
        let (body, tail) = rest.split_at_checked(cut).unwrap_or((rest, ""));
        let body = if next.is_some() { body.trim_end_matches('\n') } else { body.trim_end() };
        let mut part = head;
        part.push_str(body);
        if let Some(fence) = next {
            part.push('\n');
            part.push_str(fence.marker);
        }
        if !body.trim().is_empty() {
            parts.push(part);
        }
        carried = next;
        rest = if next.is_some() { tail.strip_prefix('\n').unwrap_or(tail) } else { tail.trim_start_matches('\n') };
        if next.is_none() && !body.ends_with('\n') {
            rest = rest.strip_prefix(' ').unwrap_or(rest);
        }
    }
    parts
}

/// A code block that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fence<'t> {
    /// What closes it.
    marker: &'t str,
    /// The whole line that opened it.
    opening: &'t str,
}

impl Fence<'_> {
    fn reopen(self) -> String {
        let line = if self.opening.len() <= MAX_INFO { self.opening } else { self.marker };
        format!("{line}\n")
    }
}

/// Where to cut markdown, and the code block that is open there.
fn fenced_cut<'t>(rest: &'t str, room: usize, carried: Option<Fence<'t>>) -> (usize, Option<Fence<'t>>) {
    let end = |fence: Option<Fence<'_>>| fence.map_or(0, |fence| fence.marker.len() + 1);
    let (last, _) = open_at(rest, rest.len(), carried);
    if rest.len() + end(last) <= room {
        return (rest.len(), last);
    }
    let mut budget = room;
    loop {
        let cut = plain_cut(rest, budget);
        let (fence, began) = open_at(rest, cut, carried);
        let Some(open) = fence else { return (cut, None) };
        if let Some(began) = began {
            // The block began in this part: keep it whole in the next one if it fits there, and never
            // leave its first line alone.
            let block = block_length(rest.get(began..).unwrap_or_default(), open);
            let only_opening = rest.get(began..cut).unwrap_or_default().trim_end().len() <= open.opening.len();
            if began > 0 && (block <= LIMIT.min(room) || only_opening) {
                return (began, None);
            }
        }
        if cut + end(fence) <= room {
            return (cut, fence);
        }
        let shorter = room.saturating_sub(end(fence));
        if shorter >= budget || shorter == 0 {
            // The marker alone leaves no room: the block is cut without being closed.
            return (cut, None);
        }
        budget = shorter;
    }
}

/// Where to cut a text so that at most `room` bytes stand before: behind a paragraph, a line, a word, a character.
fn plain_cut(rest: &str, room: usize) -> usize {
    if rest.len() <= room {
        return rest.len();
    }
    let window = rest.get(..rest.floor_char_boundary(room)).unwrap_or_default();
    let behind = |mark: &str, least: usize| window.rfind(mark).filter(|at| *at >= least).map(|at| at + mark.len());
    behind("\n\n", room / 2)
        .or_else(|| behind("\n", room / 4))
        .or_else(|| behind(" ", room / 4))
        .unwrap_or_else(|| window.len().max(rest.chars().next().map_or(0, char::len_utf8)))
}

/// The code block that is open at `cut`, and where it began (nothing: in an earlier part).
fn open_at<'t>(text: &'t str, cut: usize, carried: Option<Fence<'t>>) -> (Option<Fence<'t>>, Option<usize>) {
    let (mut fence, mut began) = (carried, None);
    let mut at = 0;
    for line in text.get(..cut).unwrap_or(text).split_inclusive('\n') {
        fence = match fence {
            Some(open) if closes(line, open) => None,
            Some(open) => Some(open),
            None => opens(line).inspect(|_| began = Some(at)),
        };
        if fence.is_none() {
            began = None;
        }
        at += line.len();
    }
    (fence, began)
}

/// How long a block is, its last line included.
fn block_length(block: &str, open: Fence<'_>) -> usize {
    let mut length = 0;
    for (index, line) in block.split_inclusive('\n').enumerate() {
        length += line.len();
        if index > 0 && closes(line, open) {
            return length;
        }
    }
    length + open.marker.len() + 1
}

fn opens(line: &str) -> Option<Fence<'_>> {
    let line = line.trim_end();
    let body = line.trim_start_matches(' ');
    let first = body.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let run = body.len() - body.trim_start_matches(first).len();
    let info = body.get(run..)?;
    if run < 3 || line.len() - body.len() > 3 || (first == '`' && info.contains('`')) {
        return None;
    }
    Some(Fence { marker: body.get(..run)?, opening: line })
}

fn closes(line: &str, open: Fence<'_>) -> bool {
    let body = line.trim();
    let first = open.marker.chars().next().unwrap_or('`');
    body.len() >= open.marker.len() && body.chars().all(|c| c == first)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn squeezed(text: &str) -> String {
        text.chars().filter(|c| !c.is_whitespace()).collect()
    }

    #[test]
    fn a_short_text_is_one_part_and_an_empty_one_none() {
        assert_eq!(text("hello"), ["hello"]);
        assert_eq!(text(" \n "), Vec::<String>::new());
        assert_eq!(text(&"x".repeat(LIMIT)).len(), 1);
        assert_eq!(text(&"x".repeat(LIMIT + 1)).len(), 2);
    }

    #[test]
    fn it_is_cut_behind_paragraphs_lines_and_words() {
        assert_eq!(parts("aaaa aaaa\n\nbbbb bbbb\ncccc", 20, false), ["aaaa aaaa", "bbbb bbbb\ncccc"]);
        assert_eq!(parts("aaaa aaaa bbbb", 11, false), ["aaaa aaaa", "bbbb"]);
        assert_eq!(parts("äääää", 3, false), ["ä", "ä", "ä", "ä", "ä"]);
    }

    #[test]
    fn a_code_block_that_fits_stays_whole() {
        let block = "```\naaaa\nbbbb\n```";
        assert_eq!(
            parts(&format!("some text here\n{block}\nend"), 24, true),
            ["some text here", &format!("{block}\nend")]
        );
    }

    #[test]
    fn a_code_block_that_does_not_fit_is_closed_and_opened_again() {
        let block = format!("```rust\n{}```", "line of code\n".repeat(4));
        assert_eq!(
            parts(&block, 40, true),
            ["```rust\nline of code\nline of code\n```", "```rust\nline of code\nline of code\n```",]
        );
    }

    proptest! {
        #[test]
        fn plain_parts_are_within_the_limit_and_lose_nothing(body in "[a-zä€🎈 \n]{0,300}", limit in 8..60usize) {
            let parts = parts(&body, limit, false);
            prop_assert!(parts.iter().all(|part| part.len() <= limit && !part.trim().is_empty()));
            prop_assert_eq!(squeezed(&parts.concat()), squeezed(&body));
        }

        #[test]
        fn markdown_parts_are_within_the_limit_balanced_and_lose_nothing(
            blocks in prop::collection::vec(("[a-zä 🎈\n]{0,60}", any::<bool>(), "[a-z ]{1,9}"), 0..8),
            limit in 40..120usize,
        ) {
            let mut body = String::new();
            for (text, code, info) in &blocks {
                if *code {
                    body.extend(["```", info.trim(), "\n", text, "\n```\n"]);
                } else {
                    body.extend([text, "\n"]);
                }
            }
            let parts = parts(&body, limit, true);
            for part in &parts {
                prop_assert!(part.len() <= limit, "{} > {limit}: {part:?}", part.len());
                prop_assert_eq!(open_at(part, part.len(), None).0, None, "{:?}", part);
            }
            let without_fences = |text: &str| -> String {
                squeezed(&text.lines().filter(|line| !line.starts_with("```")).collect::<Vec<_>>().join("\n"))
            };
            prop_assert_eq!(without_fences(&parts.join("\n")), without_fences(&body));
        }
    }
}
