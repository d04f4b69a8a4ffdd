//! One definition: from TOML to plain data, with everything that is wrong with it.

mod body;
mod cases;
mod flow;
mod gate;
mod handler;
mod inbound;
mod reader;
mod reply;
mod rules;
mod schedule;
mod shared;

use toml::de::DeTable;

pub use self::cases::parse_cases;
use self::reader::Reader;
use super::{
    codes,
    diagnostic::Diagnostic,
    model::{Definition, Help},
    place::{Place, Span, Spanned},
    source::DefinitionSource,
    token::{TokenRefError, TokenSource},
};

/// Keys at the top of a definition.
pub(super) const TOP: &[&str] = &[
    "description",
    "token",
    "deliveries",
    "access",
    "membership",
    "help",
    "use",
    "rooms",
    "command",
    "on",
    "flow",
    "schedule",
    "inbound",
    "fallback",
];
#[cfg(test)]
pub(super) use self::{
    body::{REMEMBER, TIMER},
    flow::{BRANCH, EXPECT, FLOW, ON_TIMEOUT, START, STEP},
    gate::{ACCESS, APPROVE, DENY, MEMBERSHIP, TOP_ACCESS},
    handler::{CALL, EXEC, FORWARD, HTTP, SCRIPT},
    inbound::{AUTH, BASIC, BEARER, HMAC, INBOUND},
    reply::REPLY,
    rules::{COMMAND, DELIVERIES, FALLBACK, ON},
    schedule::SCHEDULE,
};

/// Syntax errors shown of one file: later ones are mostly echoes of the first.
const MAX_SYNTAX_ERRORS: usize = 5;

/// Parses a definition. There is none if any diagnostic is an error.
#[must_use]
pub fn parse(source: &DefinitionSource) -> (Option<Definition>, Vec<Diagnostic>) {
    let place = source.place();
    let (table, errors) = DeTable::parse_recoverable(place.text);
    if !errors.is_empty() {
        return (None, syntax(place, &errors));
    }
    let mut diagnostics = Vec::new();
    let mut top = Reader::new(place, &mut diagnostics, table.get_ref(), "a definition", Span::default(), TOP);
    let description = top.string("description");
    let token = top.string("token").and_then(|text| token(place, top.diagnostics(), &text));
    let doubt = rules::doubt(&mut top);
    let access = gate::top(&mut top);
    let membership = gate::membership(&mut top);
    let help =
        top.word("help", "way to show the help", &[("text", Help::Text), ("card", Help::Card), ("none", Help::None)]);
    let uses = top.string_or_strings("use");
    let rooms = top.names("rooms");
    let mut commands = rules::commands(&mut top);
    let mut ons = rules::ons(&mut top);
    let mut flows = flow::flows(&mut top);
    let mut schedules = schedule::schedules(&mut top);
    let mut inbounds = inbound::inbounds(&mut top);
    let mut fallback = rules::fallback(&mut top);
    let shared = shared::read(place, &uses, &mut diagnostics, |snippet| {
        commands.extend(rules::commands(snippet));
        ons.extend(rules::ons(snippet));
        flows.extend(flow::flows(snippet));
        schedules.extend(schedule::schedules(snippet));
        inbounds.extend(inbound::inbounds(snippet));
        let other = rules::fallback(snippet);
        fallback = fallback.take().or(other);
    });
    if diagnostics.iter().any(Diagnostic::is_error) {
        return (None, diagnostics);
    }
    let definition = Definition {
        bot: source.bot().clone(),
        digest: source.digest(),
        source: source.clone(),
        description,
        token,
        doubt,
        access,
        membership,
        help,
        groups: shared.groups,
        vars: shared.vars,
        rooms,
        commands,
        ons,
        flows,
        schedules,
        inbounds,
        fallback,
    };
    (Some(definition), diagnostics)
}

fn syntax(place: Place<'_>, errors: &[toml::de::Error]) -> Vec<Diagnostic> {
    let mut found: Vec<Diagnostic> = Vec::new();
    for error in errors {
        let span = error.span().map(Span::new).unwrap_or_default();
        let message = error.message().lines().collect::<Vec<_>>().join(", ");
        let diagnostic = place.at(codes::SYNTAX, span, message);
        if found.iter().all(|earlier| earlier.line != diagnostic.line) && found.len() < MAX_SYNTAX_ERRORS {
            found.push(diagnostic);
        }
    }
    found.sort_by_key(|diagnostic| (diagnostic.line, diagnostic.column));
    found
}

fn token(place: Place<'_>, found: &mut Vec<Diagnostic>, text: &Spanned<String>) -> Option<Spanned<TokenSource>> {
    let diagnostic = match TokenSource::parse(&text.value) {
        Ok(token) => return Some(Spanned::new(token, text.span)),
        Err(error @ TokenRefError::Literal) => place.at(codes::LITERAL_TOKEN, text.span, error.to_string()).hint(
            "write `token = \"env:NAME\"` or `\"file:/path\"`, or leave it out and use `botyard token set`; \
             what stood here may be known to others now: make a new token",
        ),
        Err(TokenRefError::Place(why)) => place
            .at(codes::BAD_TOKEN, text.span, format!("`token` cannot be used: {why}"))
            .hint("for example `token = \"env:ECHO_TOKEN\"`"),
    };
    found.push(diagnostic);
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        base::BotId,
        definition::{Action, Doubt, render},
    };

    fn parsed(text: &str) -> (Option<Definition>, Vec<Diagnostic>) {
        parse(&DefinitionSource::new(BotId::parse("echo").unwrap(), "echo.toml", text))
    }

    fn shown(text: &str) -> String {
        let (definition, found) = parsed(text);
        assert!(definition.is_none() && !found.is_empty());
        found.iter().map(|d| render(d, false)).collect::<Vec<_>>().join("\n\n")
    }

    #[test]
    fn broken_toml_is_shown_at_its_place() {
        insta::assert_snapshot!(shown("[fallback]\nreply = \"unclosed\n\n[[command]\n"));
    }

    #[test]
    fn a_broken_line_with_a_token_does_not_show_it() {
        let text = "token = \"MzA3NjY0hunter2\n[fallback]\nreply = \"x\"\n";
        let shown = shown(text);
        assert!(!shown.contains("hunter2"), "{shown}");
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn unknown_keys_are_all_named_each_with_the_likely_one() {
        insta::assert_snapshot!(shown(
            "descripton = \"x\"\n[[command]]\nwords = [\"ping\"]\nreplay = \"pong\"\n[fallback]\nreply = { txt = \"x\", thread = true }\n"
        ));
    }

    #[test]
    fn a_literal_token_is_refused_and_masked() {
        let shown = shown("token = \"NzA1YjY4ZGEtNGI5Mi00_PF84_1eb65fdf\"\n[fallback]\nreply = \"x\"\n");
        assert!(!shown.contains("NzA1"), "{shown}");
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn a_token_behind_a_prefix_is_masked_too() {
        for text in ["token = \"env:NzA1-hunter2\"\n", "token = \"env:\"\"\"\nhunter2\n", "tokne = 'env: hunter2'\n"] {
            let shown = shown(text);
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn wrong_types_say_what_is_expected() {
        insta::assert_snapshot!(shown(
            "token = 5\nrooms = [1]\n[[command]]\nwords = \"ping\"\nreply = true\n[[command]]\nwords = []\npattern = 'x'\n"
        ));
    }

    #[test]
    fn a_file_that_is_wrong_throughout_is_told_in_bounded_many_sentences() {
        let lines: Vec<_> = (0..500).map(|n| format!("k{n} = 1\n")).collect();
        let (definition, found) = parsed(&lines.concat());
        assert_eq!((definition, found.len()), (None, 50));
    }

    #[test]
    fn a_file_with_a_byte_order_mark_and_windows_line_ends_is_read() {
        let (definition, found) = parsed("\u{feff}[fallback]\r\nreply = 'x'\r\n");
        assert_eq!(found, []);
        assert!(definition.is_some());
    }

    #[test]
    fn a_whole_definition_keeps_its_places() {
        let text = "token = \"env:T\"\n[rooms]\nops = \"Y2lz\"\n[[command]]\nwords = [\"ping\"]\nreply = { markdown = \"**pong**\", thread = true, to = \"@ops\" }\n";
        let (definition, found) = parsed(text);
        assert_eq!(found, []);
        let definition = definition.unwrap();
        let Action::Reply(replies) = &definition.commands[0].rule.action else { panic!("no reply") };
        let reply = &replies[0];
        assert_eq!(text.get(reply.body.span.range()), Some("\"**pong**\""));
        assert_eq!(reply.to[0].value, "@ops");
        assert_eq!(reply.thread, Some(true));
    }

    #[test]
    fn the_way_to_deal_with_doubt_is_one_of_two_words() {
        let doubt = |text: &str| parsed(text).0.unwrap().doubt.map(|doubt| doubt.value);
        assert_eq!(doubt("[fallback]\nreply = 'x'\n"), None);
        assert_eq!(doubt("deliveries = { doubt = \"skip\" }\n"), Some(Doubt::Skip));
        assert_eq!(doubt("[deliveries]\ndoubt = \"resend\"\n"), Some(Doubt::Resend));
        insta::assert_snapshot!(
            shown("deliveries = \"skip\"\n[fallback]\nreply = 'x'\n")
                + "\n\n"
                + shown("[deliveries]\ndoubt = \"skp\"\n[fallback]\nreply = 'x'\n").as_str()
                + "\n\n"
                + shown("[deliveries]\ndoubts = \"skip\"\n").as_str()
        );
    }

    proptest! {
        #[test]
        fn no_text_panics_and_every_place_exists(text in "[a-z\\[\\]{}=\"'#.,é\n \\\\0-9]{0,80}", known in "(token|reply|command|on|rooms) = ") {
            for text in [text.clone(), format!("{known}{text}"), format!("[fallback]\nreply = {text}")] {
                let (definition, found) = parsed(&text);
                prop_assert_eq!(definition.is_none(), found.iter().any(Diagnostic::is_error));
                for diagnostic in found {
                    prop_assert!(diagnostic.line >= 1 && diagnostic.line <= text.lines().count() + 1, "{diagnostic:?}");
                    let _ = render(&diagnostic, false);
                }
            }
        }

        #[test]
        fn no_diagnostic_shows_a_token(token in "[A-Za-z0-9_-]{16,40}", form in 0..16usize) {
            let forms = [
                "token = \"{}\"", "token = '{}'", "token = {}", "token = \"{}", "tokens = \"{}\"", "Token=\"{}\"",
                "bot = { token = \"{}\" }", "[fallback]\ntoken = \"{}\"\nreply = 'x'", "token = \"\"\"\n{}\n",
                "token = \"\"\"\n{}\"\"\" x", "token = [\"{}\"]", "token = \"env:{}-\"", "token == \"{}\"",
                "\"token\" = \"{}\" x", "access_token = \"{}\"", "token: \"{}\"",
            ];
            let (definition, found) = parsed(&forms[form].replace("{}", &token));
            prop_assert!(definition.is_none() && !found.is_empty());
            for diagnostic in found {
                let shown = format!("{}{diagnostic}{}", render(&diagnostic, false), serde_json::to_string(&diagnostic).unwrap());
                prop_assert!(!shown.contains(&token), "{shown}");
            }
        }
    }
}
