//! Refuses templates that nest too deep: the template engine goes into operators, filters and `elif` by recursion and
//! bounds only brackets, so that a line of ten thousand `~` is the end of the process, before it is even a template.

use std::ops::Range;

use minijinja::{
    machinery::{Token, tokenize},
    syntax::SyntaxConfig,
};

/// What a thread's stack of 2 MiB carries twice over, in a debug build.
const MOST: usize = 256;
/// What is said of one.
pub(super) const TOO_DEEP: &str = "the template nests too deep, or chains too much";
/// One operator, filter, field or test of a chain.
const LINK: usize = 1;
/// A pair of brackets: each goes through all levels of the grammar.
const BRACKET: usize = 6;
/// A statement around others, and each `elif`.
const BLOCK: usize = 3;

/// Statements that go on until their `end…`; `set` is one of them if it has no `=`.
const BLOCKS: &[&str] = &["if", "for", "with", "macro", "call", "filter", "autoescape", "block"];
/// Operators that are words.
const WORDS: &[&str] = &["not", "and", "or", "if", "else", "is", "in"];

/// The place where a template, or an expression alone, becomes too deep.
pub(super) fn too_deep(source: &str, expression: bool) -> Option<Range<usize>> {
    let (mut blocks, mut links) = (Vec::new(), vec![0]);
    // The statement that is being read, and whether it assigns.
    let (mut statement, mut first, mut assigns) = ("", false, false);
    // What is no template is told by whoever parses it, no deeper than until here.
    for (token, span) in tokenize(source, expression, SyntaxConfig::default()).map_while(Result::ok) {
        match token {
            Token::VariableStart | Token::BlockStart => {
                links = vec![0];
                (statement, assigns) = ("", false);
                first = matches!(token, Token::BlockStart);
                continue;
            }
            Token::BlockEnd if BLOCKS.contains(&statement) || (statement == "set" && !assigns) => blocks.push(BLOCK),
            Token::Ident(word) if first => {
                (statement, first) = (word, false);
                match (word, blocks.last_mut()) {
                    ("elif" | "else", Some(block)) => *block += BLOCK,
                    (word, _) if word.starts_with("end") => drop(blocks.pop()),
                    _ => {}
                }
            }
            Token::BracketOpen | Token::ParenOpen | Token::BraceOpen => links.push(BRACKET),
            Token::BracketClose | Token::ParenClose | Token::BraceClose => {
                if links.len() > 1 {
                    links.pop();
                }
                // What is called or looked into goes on behind it.
                links.last_mut().into_iter().for_each(|chain| *chain += LINK);
            }
            Token::Comma | Token::Colon => {
                let inner = links.len() > 1;
                links.last_mut().into_iter().for_each(|chain| *chain = if inner { BRACKET } else { 0 });
            }
            Token::Ident(word) if WORDS.contains(&word) => {
                links.last_mut().into_iter().for_each(|chain| *chain += LINK);
            }
            Token::Assign => assigns = assigns || links.len() == 1,
            Token::Ident(_)
            | Token::Str(_)
            | Token::String(_)
            | Token::Int(_)
            | Token::Int128(_)
            | Token::Float(_)
            | Token::TemplateData(_)
            | Token::VariableEnd
            | Token::BlockEnd => {}
            // All others are operators.
            _ => links.last_mut().into_iter().for_each(|chain| *chain += LINK),
        }
        if blocks.iter().chain(&links).sum::<usize>() > MOST {
            return Some(span.start_offset as usize..span.end_offset as usize);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use minijinja::Environment;

    use super::*;

    /// Chains and nests of every kind, so long.
    fn chains(length: usize) -> Vec<String> {
        let links = [
            "+a",
            "-a",
            "~a",
            " or a",
            " and a",
            ".a",
            "|e",
            "()",
            "[1]",
            "**a",
            " is b",
            "==a",
            "//a",
            "%a",
            " in a",
            "+[1,2]",
            " if a else b",
            "|e(1,2)",
            ".a(b, c)",
            "[a:b]",
        ];
        let before = ["not ", "- ", "1 if a else ", "a|b if a else "];
        let pairs =
            [("[", "]"), ("(", ")"), ("{1:", "}"), ("[not ", "]"), ("a(1,", ")"), ("a[", "]"), ("[[1, 2],", "]")];
        let blocks = [
            ("{% if a %}", "{% endif %}"),
            ("{% for a in b %}", "{% endfor %}"),
            ("{% with %}", "{% endwith %}"),
            ("{% set a %}", "{% endset %}"),
            ("{% filter e %}", "{% endfilter %}"),
            ("{% set a | e(b=1) %}", "{% endset %}"),
            ("{% if a %}{% else %}", "{% endif %}"),
            ("{% macro m(a=1) %}", "{% endmacro %}"),
        ];
        let mut all: Vec<String> = links.iter().map(|link| format!("{{{{ a{} }}}}", link.repeat(length))).collect();
        all.extend(before.iter().map(|link| format!("{{{{ {}a }}}}", link.repeat(length))));
        all.extend(pairs.iter().map(|(l, r)| format!("{{{{ {}1{} }}}}", l.repeat(length), r.repeat(length))));
        all.extend(blocks.iter().map(|(l, r)| format!("{}{}", l.repeat(length), r.repeat(length))));
        all.push(format!("{{% if a %}}{}{{% endif %}}", "{% elif b %}".repeat(length)));
        all.push(format!("{{% set x{} %}}{{% endset %}}", "|e".repeat(length)));
        all
    }

    #[test]
    fn what_nests_without_end_is_refused() {
        for template in chains(4000) {
            assert!(too_deep(&template, false).is_some(), "{}", template.chars().take(40).collect::<String>());
        }
        assert!(too_deep(&"not ".repeat(4000), true).is_some());
    }

    #[test]
    fn whatever_is_not_refused_can_be_made() {
        for length in (20..=260).step_by(20) {
            for template in chains(length).iter().filter(|template| too_deep(template, false).is_none()) {
                let mut environment = Environment::new();
                environment.set_fuel(Some(20_000));
                environment.set_recursion_limit(50);
                drop(environment.render_str(template, ()));
            }
        }
    }

    #[test]
    fn what_people_write_is_not_deep() {
        for template in [
            "{{ a ~ ' ' }}".repeat(500),
            format!("{{{{ [{}] }}}}", "a.b | e, ".repeat(500)),
            format!("{{{{ {{{}}} }}}}", "'a': b.c, ".repeat(500)),
            format!("{{{{ a{} }}}}", " ~ person.name".repeat(100)),
            format!("{{% if a{} %}}{{% endif %}}", " or a == 'b'".repeat(80)),
            "{% if a %}{% set x = 1 %}{% set y %}z{% endset %}{% elif b %}{% endif %}".repeat(500),
            format!("{{% if a %}}{}{{% endif %}}", "{% elif b %}".repeat(60)),
        ] {
            assert_eq!(too_deep(&template, false), None, "{template}");
        }
    }
}
