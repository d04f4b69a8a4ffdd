//! Markdown as a terminal shows it: lightly. Colour is never the only carrier: code keeps its back-ticks, links
//! their address, lists their marks.

use std::fmt::Write as _;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

const BOLD: (&str, &str) = ("\u{1b}[1m", "\u{1b}[22m");
const ITALIC: (&str, &str) = ("\u{1b}[3m", "\u{1b}[23m");

/// Renders markdown; with `style` bold is bold, without it keeps its stars.
pub(super) fn terminal(markdown: &str, style: bool) -> String {
    let markdown = plain_mentions(markdown);
    let mut page = Page { style, ..Page::default() };
    for event in Parser::new_ext(&markdown, Options::ENABLE_STRIKETHROUGH) {
        page.put(event);
    }
    page.out.truncate(page.out.trim_end().len());
    page.out
}

/// `<@personEmail:bob@example.com|Bob>` is shown as `@Bob`.
fn plain_mentions(markdown: &str) -> String {
    let mut out = String::with_capacity(markdown.len());
    let mut rest = markdown;
    while let Some((before, after)) = rest.split_once("<@") {
        out.push_str(before);
        let Some((mention, behind)) = after.split_once('>') else {
            out.push_str("<@");
            rest = after;
            break;
        };
        let name =
            mention.split_once('|').map_or_else(|| mention.rsplit(':').next().unwrap_or(mention), |(_, name)| name);
        out.push('@');
        out.push_str(name);
        rest = behind;
    }
    out.push_str(rest);
    out
}

#[derive(Default)]
struct Page {
    style: bool,
    out: String,
    /// The number of the next item of each list that is open; none for bullets.
    lists: Vec<Option<u64>>,
    quotes: usize,
    in_code: bool,
    /// Where the text of each open link begins, and where it leads.
    links: Vec<(usize, String)>,
}

impl Page {
    fn put(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.in_code => {
                for line in text.lines() {
                    self.indent();
                    self.out.push_str("    ");
                    self.out.push_str(line);
                    self.out.push('\n');
                }
            }
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => self.out.push_str(&text),
            Event::Code(code) => {
                self.out.push('`');
                self.out.push_str(&code);
                self.out.push('`');
            }
            Event::SoftBreak | Event::HardBreak => self.new_line(),
            Event::Rule => {
                self.block();
                self.out.push_str("---\n");
            }
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph if self.lists.is_empty() || self.out.ends_with('\n') => self.block(),
            Tag::Heading { .. } => {
                self.block();
                self.mark(BOLD, "**", true);
            }
            Tag::BlockQuote(_) => {
                self.quotes += 1;
            }
            Tag::CodeBlock(kind) => {
                self.block();
                // Which language it is helps a reader less than the room it takes.
                let (CodeBlockKind::Indented | CodeBlockKind::Fenced(_)) = kind;
                self.in_code = true;
            }
            Tag::List(first) => {
                if self.lists.is_empty() {
                    self.block();
                }
                self.lists.push(first);
            }
            Tag::Item => {
                if !self.out.is_empty() && !self.out.ends_with('\n') {
                    self.out.push('\n');
                }
                let depth = self.lists.len().saturating_sub(1);
                let quotes = "> ".repeat(self.quotes);
                self.out.push_str(&quotes);
                self.out.push_str(&"  ".repeat(depth));
                match self.lists.last_mut() {
                    Some(Some(number)) => {
                        let _ = write!(self.out, "{number}. ");
                        *number += 1;
                    }
                    _ => self.out.push_str("- "),
                }
            }
            Tag::Strong => self.mark(BOLD, "**", true),
            Tag::Emphasis => self.mark(ITALIC, "*", true),
            Tag::Strikethrough => self.out.push_str("~~"),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                self.links.push((self.out.len(), dest_url.into_string()));
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph => self.out.push('\n'),
            TagEnd::Heading(_) => {
                self.mark(BOLD, "**", false);
                self.out.push('\n');
            }
            TagEnd::BlockQuote(_) => self.quotes = self.quotes.saturating_sub(1),
            TagEnd::CodeBlock => self.in_code = false,
            TagEnd::List(_) => {
                self.lists.pop();
                if !self.out.ends_with('\n') {
                    self.out.push('\n');
                }
            }
            TagEnd::Strong => self.mark(BOLD, "**", false),
            TagEnd::Emphasis => self.mark(ITALIC, "*", false),
            TagEnd::Strikethrough => self.out.push_str("~~"),
            TagEnd::Link | TagEnd::Image => {
                let Some((start, url)) = self.links.pop() else { return };
                if self.out.get(start..) != Some(url.as_str()) {
                    let _ = write!(self.out, " ({url})");
                }
            }
            _ => {}
        }
    }

    fn mark(&mut self, styled: (&str, &str), plain: &str, opens: bool) {
        let styled = if opens { styled.0 } else { styled.1 };
        self.out.push_str(if self.style { styled } else { plain });
    }

    /// Blocks stand apart by an empty line.
    fn block(&mut self) {
        if !self.out.is_empty() {
            while !self.out.ends_with("\n\n") && self.lists.is_empty() {
                self.out.push('\n');
            }
        }
        self.indent();
    }

    fn new_line(&mut self) {
        self.out.push('\n');
        self.indent();
    }

    fn indent(&mut self) {
        let (quotes, depth) = ("> ".repeat(self.quotes), "  ".repeat(self.lists.len()));
        self.out.push_str(&quotes);
        self.out.push_str(&depth);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EXAMPLE: &str = "# Ops\n\n**Disk** of `db1` is *full*, [see](https://x.example/1), <https://y.example>\nask \
        <@personEmail:bob@example.com|Bob>.\n\n- one\n- two\n  1. deep\n  2. deeper\n\n> said\n> twice\n\n```sh\nrm -rf\n  /tmp\n```\nend";

    #[test]
    fn every_part_keeps_what_it_means_without_colour() {
        insta::assert_snapshot!(terminal(EXAMPLE, false));
    }

    #[test]
    fn style_adds_only_style() {
        assert_eq!(terminal("**a** and *b*", true), "\u{1b}[1ma\u{1b}[22m and \u{1b}[3mb\u{1b}[23m");
        assert_eq!(terminal("**a** and *b*", false), "**a** and *b*");
    }

    #[test]
    fn plain_text_stays_as_it_is() {
        assert_eq!(terminal("one line\nand another", true), "one line\nand another");
        assert_eq!(terminal("a <@ b", false), "a <@ b");
    }

    proptest! {
        #[test]
        fn any_text_can_be_shown(text in "[-#>*_`~\\[\\]()<@|:0-9a-c. \n]{0,60}") {
            let shown = terminal(&text, false);
            for c in ['a', 'b', 'c'] {
                // No letter is lost, but those of a link's title and of a mention's id.
                if !text.contains(['[', '<', '`', '~', '#']) {
                    prop_assert_eq!(shown.matches(c).count(), text.matches(c).count(), "{}", shown);
                }
            }
        }
    }
}
