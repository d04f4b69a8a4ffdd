//! Reads Rust source just closely enough to find every path in it.
//!
//! Not a parser: it knows comments, strings, `use` trees, inline modules and `a::b::c`, which is all that a
//! reference between rooms can be written with. Documentation may name anything, so comments do not count.

use super::tokens::{Token, tokens};

/// A path as it is written in a file, resolved to where it leads.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Clone)]
pub(super) struct Reference {
    /// From 1.
    pub(super) line: usize,
    /// Into this crate (from its root, without `crate`), or into another one (its name first).
    pub(super) target: Target,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Clone)]
pub(super) enum Target {
    Ours(Vec<String>),
    Foreign(Vec<String>),
}

/// Every path in the source of the module `module` (`["store", "writer"]` for `src/store/writer.rs`).
pub(super) fn references(source: &str, module: &[String]) -> Vec<Reference> {
    let mut walk = Walk { tokens: tokens(source), at: 0, module: module.to_vec(), inline: vec![], found: vec![] };
    walk.run();
    walk.found
}

struct Walk {
    tokens: Vec<(usize, Token)>,
    at: usize,
    module: Vec<String>,
    /// Inline modules we are in: `Some` for `mod x {`, `None` for any other brace.
    inline: Vec<Option<String>>,
    found: Vec<Reference>,
}

impl Walk {
    fn run(&mut self) {
        while let Some((line, token)) = self.tokens.get(self.at).cloned() {
            self.at += 1;
            match token {
                Token::Word(word) if word == "use" => self.use_tree(&[], line),
                Token::Word(word) if word == "mod" => self.inline_module(),
                Token::Word(word) if !self.continues() => self.path(word, line),
                Token::Mark('{') => self.inline.push(None),
                Token::Mark('}') => drop(self.inline.pop()),
                _ => {}
            }
        }
    }

    fn peek(&self, ahead: usize) -> Option<&Token> {
        self.tokens.get(self.at + ahead).map(|(_, token)| token)
    }

    /// Whether the word just taken belongs to something before it: `.field`, or `<T as U>::Item`.
    fn continues(&self) -> bool {
        let before = self.at.checked_sub(2).and_then(|at| self.tokens.get(at)).map(|(_, token)| token);
        let global =
            self.at < 3 || !matches!(self.tokens[self.at - 3].1, Token::Word(_) | Token::Mark('>' | ')' | ']'));
        match before {
            Some(Token::Mark('.')) => true,
            Some(Token::Sep) => !global,
            _ => false,
        }
    }

    fn inline_module(&mut self) {
        if let (Some(Token::Word(name)), Some(Token::Mark('{'))) = (self.peek(0).cloned(), self.peek(1)) {
            self.at += 2;
            self.inline.push(Some(name));
        }
    }

    fn path(&mut self, first: String, line: usize) {
        let mut path = vec![first];
        while let (Some(Token::Sep), Some(Token::Word(next))) = (self.peek(0), self.peek(1).cloned()) {
            path.push(next);
            self.at += 2;
        }
        if path.len() > 1 {
            self.note(&path, line);
        }
    }

    /// One branch of a `use` tree, up to its `;`, `,` or `}`, which is left for the caller.
    fn use_tree(&mut self, stem: &[String], line: usize) {
        let mut path = stem.to_vec();
        loop {
            match self.peek(0).cloned() {
                Some(Token::Word(word)) if word == "as" => self.at += 2,
                Some(Token::Word(word)) => {
                    // `{self, …}` names the stem; a leading `self` is a path of its own.
                    if word != "self" || path.is_empty() {
                        path.push(word);
                    }
                    self.at += 1;
                }
                Some(Token::Mark('*')) => {
                    path.push("*".into());
                    self.at += 1;
                }
                Some(Token::Sep) => self.at += 1,
                Some(Token::Mark('{')) => return self.use_group(&path),
                _ => break,
            }
        }
        self.note(&path, line);
    }

    fn use_group(&mut self, stem: &[String]) {
        self.at += 1;
        while let Some((line, token)) = self.tokens.get(self.at).cloned() {
            match token {
                Token::Mark('}') => {
                    self.at += 1;
                    return;
                }
                Token::Mark(',') => self.at += 1,
                _ => self.use_tree(stem, line),
            }
        }
    }

    fn note(&mut self, path: &[String], line: usize) {
        let mut here = self.module.clone();
        here.extend(self.inline.iter().flatten().cloned());
        let target = match path.first().map(String::as_str) {
            Some("crate" | "botyard") => Target::Ours(path[1..].to_vec()),
            Some("self") => Target::Ours([here, path[1..].to_vec()].concat()),
            Some("super") => {
                let ups = path.iter().take_while(|part| *part == "super").count();
                here.truncate(here.len().saturating_sub(ups));
                Target::Ours([here, path[ups..].to_vec()].concat())
            }
            Some(_) => Target::Foreign(path.to_vec()),
            None => return,
        };
        self.found.push(Reference { line, target });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `line:crate::path` for ours, `line:path` for foreign ones.
    fn check(source: &str, expected: &[&str]) {
        let found: Vec<String> = references(source, &["net".into(), "client".into()])
            .into_iter()
            .map(|reference| match reference.target {
                Target::Ours(path) => format!("{}:crate::{}", reference.line, path.join("::")),
                Target::Foreign(path) => format!("{}:{}", reference.line, path.join("::")),
            })
            .collect();
        assert_eq!(found, expected, "in: {source}");
    }

    #[test]
    fn a_use_tree_is_unfolded_to_its_leaves() {
        check(
            "use crate::{\n  base::{BotId, Secret},\n  store::{self, Lease as Right},\n  webex::model::*,\n};\nuse awc;",
            &[
                "2:crate::base::BotId",
                "2:crate::base::Secret",
                "3:crate::store",
                "3:crate::store::Lease",
                "4:crate::webex::model::*",
                "6:awc",
            ],
        );
    }

    #[test]
    fn a_path_in_the_middle_of_code_is_found() {
        check(
            "fn f(x: &crate::store::Row) -> Vec<sqlx::Error> {\n a::<crate::base::Seq>(::awc::Client::new()) }",
            &["1:crate::store::Row", "1:sqlx::Error", "2:crate::base::Seq", "2:awc::Client::new"],
        );
        check("#[derive(sqlx::FromRow)] struct A; sqlx::query!(1);", &["1:sqlx::FromRow", "1:sqlx::query"]);
        check("x.actix::y; <T as U>::Item::new()", &[]);
    }

    #[test]
    fn super_and_self_lead_to_where_they_stand() {
        check("use super::egress; use super::super::store::Row;", &["1:crate::net::egress", "1:crate::store::Row"]);
        check("use self::pool::Pool;", &["1:crate::net::client::pool::Pool"]);
        check(
            "mod tests { use super::*; mod deep { use super::super::x; } }\nuse super::after;",
            &["1:crate::net::client::*", "1:crate::net::client::x", "2:crate::net::after"],
        );
        check("fn f() { { use super::a; } }", &["1:crate::net::a"]);
    }

    #[test]
    fn comments_strings_and_characters_are_no_code() {
        check(
            "// crate::a::b\n/* crate::a /* nested */ crate::b::c */\n/// [`crate::store::Row`]\nuse std::fs;",
            &["4:std::fs"],
        );
        check(
            r##"let a = "crate::a::\"b"; let b = r#"crate::c "::d"#; let c = b"awc::x"; use std::io;"##,
            &["1:std::io"],
        );
        check("let q = '\"'; let e = '\\''; fn f<'a>(x: &'a str) { awc::go() }", &["1:awc::go"]);
        check("let s = \"two\nlines\"; awc::go()", &["2:awc::go"]);
        check("let r#use = 1; let n = 0x1f_u8; awc::go()", &["1:awc::go"]);
    }
}
