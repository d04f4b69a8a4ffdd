//! Markdown as Webex reads it: to `html`, to the plain `text` beside it, and to the people it mentions.
//!
//! Mentions (`<@personEmail:a@b|Name>`, `<@personId:…|Name>`, `<@all>`) are no HTML and may hold characters
//! that mean something in markdown, so they are taken out before parsing and put back into plain text runs
//! after it. Inside code they stay as they were written. Raw HTML is shown, not obeyed.

use std::borrow::Cow;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html};

use super::ids::PersonId;

/// Two characters of Unicode's private use area: they fence the number of a mention while markdown is parsed.
const OPEN: char = '\u{e000}';
const CLOSE: char = '\u{e001}';

/// Markdown, read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Rendered {
    /// For clients that can.
    pub(crate) html: String,
    /// For those that cannot.
    pub(crate) text: String,
    /// Who is mentioned, each once, in order.
    pub(crate) people: Vec<PersonId>,
    /// Whether everybody is.
    pub(crate) all: bool,
}

/// Whom a mention means; `None` leaves it plain text.
pub(crate) trait Directory {
    /// By address: id and display name.
    fn by_email(&self, email: &str) -> Option<(PersonId, String)>;
    /// By id: id and display name.
    fn by_id(&self, id: &str) -> Option<(PersonId, String)>;
}

/// One mention as written, and what became of it.
struct Mention<'a> {
    source: &'a str,
    who: Who<'a>,
}

enum Who<'a> {
    Everyone,
    Person { id: PersonId, name: Cow<'a, str> },
    Nobody { name: &'a str },
}

/// The element a client draws as a mention.
pub(crate) fn element(id: &str, name: &str) -> String {
    format!(r#"<spark-mention data-object-type="person" data-object-id="{id}">{}</spark-mention>"#, escape(name))
}

/// Text as it may stand in HTML.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

/// Reads markdown.
pub(crate) fn render(markdown: &str, directory: &impl Directory) -> Rendered {
    let (fenced, mentions) = take_out(markdown, directory);
    let mut rendered = Rendered::default();
    for mention in &mentions {
        match &mention.who {
            Who::Everyone => rendered.all = true,
            Who::Person { id, .. } if !rendered.people.contains(id) => rendered.people.push(*id),
            Who::Person { .. } | Who::Nobody { .. } => {}
        }
    }
    let mut events = Vec::new();
    let mut lists = Vec::new();
    let mut in_code = false;
    for event in Parser::new_ext(&fenced, Options::ENABLE_STRIKETHROUGH) {
        match event {
            Event::Text(code) if in_code => {
                let code = as_written(&code, &mentions);
                rendered.text.push_str(&code);
                events.push(Event::Text(code.into()));
            }
            Event::Text(text) => put_back(&text, &mentions, &mut events, &mut rendered.text),
            Event::Html(raw) | Event::InlineHtml(raw) => {
                put_back(&raw, &mentions, &mut events, &mut rendered.text);
            }
            Event::Code(code) => {
                let code = as_written(&code, &mentions);
                rendered.text.push_str(&code);
                events.push(Event::Code(code.into()));
            }
            other => {
                match &other {
                    Event::Start(Tag::CodeBlock(_)) => in_code = true,
                    Event::End(TagEnd::CodeBlock) => in_code = false,
                    _ => {}
                }
                plain(&other, &mut lists, &mut rendered.text);
                events.push(without_images(other));
            }
        }
    }
    html::push_html(&mut rendered.html, events.into_iter());
    if rendered.html.contains(OPEN) {
        // In a place that holds no text, such as the language of a code block.
        rendered.html = escaped_as_written(&rendered.html, &mentions);
    }
    rendered.html.truncate(rendered.html.trim_end().len());
    rendered.text.truncate(rendered.text.trim_end().len());
    rendered
}

/// Webex draws no images; that it leaves a link to them is believed.
fn without_images(event: Event<'_>) -> Event<'_> {
    match event {
        Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
            Event::Start(Tag::Link { link_type, dest_url, title, id })
        }
        Event::End(TagEnd::Image) => Event::End(TagEnd::Link),
        other => other,
    }
}

/// What an event that is no text leaves in the plain text. `lists` are those around it, with the next number of
/// each that is ordered.
fn plain(event: &Event<'_>, lists: &mut Vec<Option<u64>>, text: &mut String) {
    match event {
        Event::SoftBreak | Event::HardBreak | Event::Rule => text.push('\n'),
        Event::Start(Tag::List(first)) => {
            if !lists.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
            lists.push(*first);
        }
        Event::Start(Tag::Item) => {
            text.push_str(&"  ".repeat(lists.len().saturating_sub(1)));
            match lists.last_mut() {
                Some(Some(number)) => {
                    text.push_str(&number.to_string());
                    text.push_str(". ");
                    *number += 1;
                }
                _ => text.push_str("- "),
            }
        }
        Event::End(
            end @ (TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::Item | TagEnd::List(_) | TagEnd::CodeBlock),
        ) => {
            if matches!(end, TagEnd::List(_)) {
                lists.pop();
            }
            if !text.ends_with('\n') {
                text.push('\n');
            }
        }
        _ => {}
    }
}

/// Replaces each mention by its fenced number.
fn take_out<'a>(markdown: &'a str, directory: &impl Directory) -> (String, Vec<Mention<'a>>) {
    let mut out = String::with_capacity(markdown.len());
    let mut mentions = Vec::new();
    let mut rest = markdown;
    while let Some((before, after)) = rest.split_once("<@") {
        push_clean(&mut out, before);
        let parsed = after.split_once('>').filter(|(inner, _)| !inner.contains(['<', '\n']));
        let who = parsed.and_then(|(inner, _)| mentioned(inner, directory));
        if let (Some((inner, tail)), Some(who)) = (parsed, who) {
            let start = rest.len() - after.len() - 2;
            let source = rest.get(start..start + inner.len() + 3).unwrap_or_default();
            out.push(OPEN);
            out.push_str(&mentions.len().to_string());
            out.push(CLOSE);
            mentions.push(Mention { source, who });
            rest = tail;
        } else {
            out.push_str("<@");
            rest = after;
        }
    }
    push_clean(&mut out, rest);
    (out, mentions)
}

/// Our two fences mean nothing when the author wrote them.
fn push_clean(out: &mut String, text: &str) {
    out.extend(text.chars().filter(|c| ![OPEN, CLOSE].contains(c)));
}

fn mentioned<'a>(inner: &'a str, directory: &impl Directory) -> Option<Who<'a>> {
    if inner == "all" {
        return Some(Who::Everyone);
    }
    let (key, name) = inner.split_once('|').map_or((inner, None), |(key, name)| (key, Some(name)));
    let (found, key) = match key.split_once(':')? {
        ("personEmail", email) => (directory.by_email(email), email),
        ("personId", id) => (directory.by_id(id), id),
        _ => return None,
    };
    Some(match (found, name) {
        (Some((id, _)), Some(name)) => Who::Person { id, name: name.into() },
        (Some((id, name)), None) => Who::Person { id, name: name.into() },
        (None, name) => Who::Nobody { name: name.unwrap_or(key) },
    })
}

/// Splits a run of text at its fences: text stays text, a mention becomes its element.
fn put_back(run: &str, mentions: &[Mention<'_>], events: &mut Vec<Event<'_>>, text: &mut String) {
    for piece in run.split_inclusive(CLOSE) {
        let Some((before, number)) = piece.split_once(OPEN) else {
            text.push_str(piece);
            events.push(Event::Text(piece.to_owned().into()));
            continue;
        };
        text.push_str(before);
        events.push(Event::Text(before.to_owned().into()));
        let Some(mention) = number.trim_end_matches(CLOSE).parse().ok().and_then(|n: usize| mentions.get(n)) else {
            continue;
        };
        match &mention.who {
            Who::Everyone => {
                text.push_str("All");
                let element =
                    r#"<spark-mention data-object-type="groupMention" data-group-type="all">All</spark-mention>"#;
                events.push(Event::InlineHtml(element.into()));
            }
            Who::Person { id, name } => {
                text.push_str(name);
                events.push(Event::InlineHtml(element(&id.public(), name).into()));
            }
            Who::Nobody { name } => {
                text.push_str(name);
                events.push(Event::Text((*name).to_owned().into()));
            }
        }
    }
}

/// As [`as_written`], for what is HTML already.
fn escaped_as_written(html: &str, mentions: &[Mention<'_>]) -> String {
    let escaped: Vec<String> = mentions.iter().map(|mention| escape(mention.source)).collect();
    unfence(html, |number| escaped.get(number).map_or("", String::as_str))
}

/// A run inside code: mentions stand there as they were written.
fn as_written(run: &str, mentions: &[Mention<'_>]) -> String {
    unfence(run, |number| mentions.get(number).map_or("", |mention| mention.source))
}

/// Puts something in the place of each fenced number.
fn unfence<'a>(run: &str, what: impl Fn(usize) -> &'a str) -> String {
    let mut out = String::with_capacity(run.len());
    for piece in run.split_inclusive(CLOSE) {
        let (before, number) = piece.split_once(OPEN).map_or((piece, None), |(b, n)| (b, Some(n)));
        out.push_str(before);
        out.push_str(number.and_then(|n| n.trim_end_matches(CLOSE).parse().ok()).map_or("", &what));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Echo;

    impl Directory for Echo {
        fn by_email(&self, email: &str) -> Option<(PersonId, String)> {
            (email == "my_echo_bot@webex.bot").then(|| (PersonId::of(email), "Echo".to_owned()))
        }
        fn by_id(&self, id: &str) -> Option<(PersonId, String)> {
            let echo = PersonId::of("my_echo_bot@webex.bot");
            (PersonId::parse(id) == Some(echo)).then(|| (echo, "Echo".to_owned()))
        }
    }

    fn echo() -> PersonId {
        PersonId::of("my_echo_bot@webex.bot")
    }

    #[test]
    fn markdown_becomes_html_and_text() {
        let rendered = render("**bold** and `code`\n\n- one\n- two", &Echo);
        assert_eq!(
            rendered.html,
            "<p><strong>bold</strong> and <code>code</code></p>\n<ul>\n<li>one</li>\n<li>two</li>\n</ul>"
        );
        assert_eq!(rendered.text, "bold and code\n- one\n- two");
    }

    #[test]
    fn lists_may_be_ordered_and_stand_in_each_other() {
        let rendered = render("3. one\n   - a\n     - deep\n   - b\n4. two\n\nend", &Echo);
        assert_eq!(
            rendered.html,
            "<ol start=\"3\">\n<li>one\n<ul>\n<li>a\n<ul>\n<li>deep</li>\n</ul>\n</li>\n<li>b</li>\n</ul>\n</li>\n\
             <li>two</li>\n</ol>\n<p>end</p>"
        );
        assert_eq!(rendered.text, "3. one\n  - a\n    - deep\n  - b\n4. two\nend");
    }

    #[test]
    fn the_subset_of_webex_is_drawn_and_an_image_is_a_link() {
        let rendered = render("# Head\n\n> quote\n\n[link](https://h/)  \nbreak\n\n```sh\nls <x>\n```", &Echo);
        assert_eq!(
            rendered.html,
            "<h1>Head</h1>\n<blockquote>\n<p>quote</p>\n</blockquote>\n<p><a href=\"https://h/\">link</a><br />\nbreak</p>\n\
             <pre><code class=\"language-sh\">ls &lt;x&gt;\n</code></pre>"
        );
        assert_eq!(rendered.text, "Head\nquote\nlink\nbreak\nls <x>");
        let image = render("![a *cat*](https://h/c.png)", &Echo);
        assert_eq!(image.html, "<p><a href=\"https://h/c.png\">a <em>cat</em></a></p>");
        assert_eq!(image.text, "a cat");
        assert_eq!(render("| a | b |\n|---|---|\n| 1 | 2 |", &Echo).html.matches("<table").count(), 0);
    }

    #[test]
    fn a_mention_by_address_or_id_becomes_an_element_and_is_listed_once() {
        let id = echo().public();
        let rendered = render(&format!("<@personEmail:my_echo_bot@webex.bot|My Echo> _hi_ <@personId:{id}>"), &Echo);
        let element = |name: &str| element(&id, name);
        assert_eq!(rendered.html, format!("<p>{} <em>hi</em> {}</p>", element("My Echo"), element("Echo")));
        assert_eq!(rendered.text, "My Echo hi Echo");
        assert_eq!(rendered.people, vec![echo()]);
    }

    #[test]
    fn everyone_is_a_group_and_no_person() {
        let rendered = render("<@all> look", &Echo);
        assert!(rendered.all && rendered.people.is_empty());
        assert!(rendered.html.contains(r#"data-object-type="groupMention""#));
        assert_eq!(rendered.text, "All look");
    }

    #[test]
    fn who_is_not_there_is_named_and_not_mentioned() {
        let rendered = render("<@personEmail:who@example.com|Who> <@broken <@personEmail:x", &Echo);
        assert_eq!(rendered.people, vec![]);
        assert_eq!(rendered.text, "Who <@broken <@personEmail:x");
    }

    #[test]
    fn html_is_shown_and_a_mention_in_code_stays_as_written() {
        let rendered = render("<b>x</b> `<@all>`", &Echo);
        assert_eq!(rendered.html, "<p>&lt;b&gt;x&lt;/b&gt; <code>&lt;@all&gt;</code></p>");
        let block = render("```<@all>\n<@all>\n```", &Echo);
        assert_eq!(block.html, "<pre><code class=\"language-&lt;@all&gt;\">&lt;@all&gt;\n</code></pre>");
        let forged = render("\u{e000}0\u{e001}", &Echo);
        assert_eq!(forged.text, "0");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_rendered_without_a_fence_left(markdown in "(<@all>|<@personEmail:my_echo_bot@webex.bot\\|e>|`|\\*|\\PC|\n|\u{e000}|\u{e001}){0,40}") {
            let rendered = render(&markdown, &Echo);
            proptest::prop_assert!(!rendered.html.contains([OPEN, CLOSE]) && !rendered.text.contains([OPEN, CLOSE]));
        }
    }
}
