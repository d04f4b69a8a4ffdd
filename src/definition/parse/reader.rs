//! One TOML table: asks for known keys by type, and says what is unknown, missing or of another type.

use toml::de::{DeTable, DeValue};

use crate::definition::{
    codes,
    data::Data,
    diagnostic::{Diagnostic, nearest, quote},
    place::{Place, Span, Spanned},
};

/// Diagnostics told of one file: one that is wrong throughout needs no thousand sentences.
const MAX_TOLD: usize = 50;

/// Reads one table. Unknown keys are told when it is made.
pub(super) struct Reader<'a> {
    place: Place<'a>,
    found: &'a mut Vec<Diagnostic>,
    table: &'a DeTable<'a>,
    /// What the table is called in messages: `[[command]]`.
    name: &'static str,
    /// Where it stands.
    pub(super) span: Span,
    /// Keys that an unknown one was probably meant as: not told as missing again.
    meant: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        place: Place<'a>,
        found: &'a mut Vec<Diagnostic>,
        table: &'a DeTable<'a>,
        name: &'static str,
        span: Span,
        known: &[&str],
    ) -> Self {
        let mut meant = Vec::new();
        for key in table.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
            let near = nearest(key.get_ref(), known.iter().copied());
            meant.extend(near.map(str::to_owned));
            let hint = near.map_or_else(
                || format!("{name} has the keys {}", list(known)),
                |near| format!("did you mean `{near}`?"),
            );
            let message = format!("unknown key {} in {name}", quote(key.get_ref()));
            if found.len() < MAX_TOLD {
                found.push(place.at(codes::UNKNOWN_KEY, Span::new(key.span()), message).hint(hint));
            }
        }
        Self { place, found, table, name, span, meant }
    }

    /// The file it is in.
    pub(super) fn place(&self) -> Place<'a> {
        self.place
    }

    /// Where diagnostics go that the table itself does not make.
    pub(super) fn diagnostics(&mut self) -> &mut Vec<Diagnostic> {
        self.found
    }

    /// A key's value as it stands there, for those who read it in a way of their own.
    pub(super) fn raw(&self, key: &str) -> Option<&'a toml::Spanned<DeValue<'a>>> {
        self.table.get(key)
    }

    /// The names of its keys, in order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.table.keys().map(|key| key.get_ref().as_ref())
    }

    /// How many errors were told so far.
    pub(super) fn errors(&self) -> usize {
        self.found.iter().filter(|found| found.is_error()).count()
    }

    pub(super) fn is_string(&self, key: &str) -> bool {
        self.table.get(key).is_some_and(|value| matches!(value.get_ref(), DeValue::String(_)))
    }

    pub(super) fn is_list(&self, key: &str) -> bool {
        self.table.get(key).is_some_and(|value| matches!(value.get_ref(), DeValue::Array(_)))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Where a key's value stands; the table's own place when there is none.
    pub(super) fn span_of(&self, key: &str) -> Span {
        self.table.get(key).map_or(self.span, |value| Span::new(value.span()))
    }

    pub(super) fn tell(&mut self, code: codes::Code, span: Span, message: impl Into<String>, hint: impl Into<String>) {
        if self.found.len() < MAX_TOLD {
            self.found.push(self.place.at(code, span, message).hint(hint));
        }
    }

    pub(super) fn missing(&mut self, keys: &[&str], example: &str) {
        if keys.iter().any(|key| self.meant.iter().any(|meant| meant == key)) {
            return;
        }
        let keys: Vec<_> = keys.iter().map(|key| format!("`{key}`")).collect();
        let message = format!("{} has no {}", self.name, keys.join(" or "));
        self.tell(codes::MISSING_KEY, self.span, message, format!("add `{example}`"));
    }

    pub(super) fn wrong_type(&mut self, key: &str, value: &toml::Spanned<DeValue<'_>>, wanted: &str, example: &str) {
        let message = format!("`{key}` is {wanted}, not {}", article(value.get_ref()));
        let example = example.trim_matches('`');
        self.tell(codes::WRONG_TYPE, Span::new(value.span()), message, format!("for example `{example}`"));
    }

    pub(super) fn string(&mut self, key: &str) -> Option<Spanned<String>> {
        let value = self.table.get(key)?;
        if let DeValue::String(text) = value.get_ref() {
            return Some(Spanned::new(text.to_string(), Span::new(value.span())));
        }
        self.wrong_type(key, value, "a string", &format!("{key} = \"…\""));
        None
    }

    pub(super) fn bool(&mut self, key: &str) -> Option<bool> {
        let value = self.table.get(key)?;
        if let DeValue::Boolean(truth) = value.get_ref() {
            return Some(*truth);
        }
        self.wrong_type(key, value, "`true` or `false`", &format!("{key} = true"));
        None
    }

    /// A whole number within bounds.
    pub(super) fn integer(&mut self, key: &str, bounds: std::ops::RangeInclusive<i64>) -> Option<Spanned<i64>> {
        let value = self.table.get(key)?;
        let span = Span::new(value.span());
        let number = if let DeValue::Integer(number) = value.get_ref() {
            i64::from_str_radix(number.as_str(), number.radix()).ok()
        } else {
            self.wrong_type(key, value, "a whole number", &format!("{key} = {}", bounds.start()));
            return None;
        };
        if let Some(number) = number.filter(|number| bounds.contains(number)) {
            return Some(Spanned::new(number, span));
        }
        let message = format!("`{key}` is a whole number from {} to {}", bounds.start(), bounds.end());
        self.tell(codes::BAD_VALUE, span, message, format!("for example `{key} = {}`", bounds.start()));
        None
    }

    /// A number.
    pub(super) fn number(&mut self, key: &str) -> Option<Spanned<f64>> {
        let value = self.table.get(key)?;
        let span = Span::new(value.span());
        let number = match value.get_ref() {
            #[expect(clippy::cast_precision_loss, reason = "a bound for numbers that people write")]
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok().map(|n| n as f64),
            DeValue::Float(number) => number.as_str().parse().ok(),
            _ => None,
        };
        if let Some(number) = number.filter(|number: &f64| number.is_finite()) {
            return Some(Spanned::new(number, span));
        }
        self.wrong_type(key, value, "a number", &format!("{key} = 1"));
        None
    }

    /// A value of any kind, to become JSON.
    pub(super) fn data(&mut self, key: &str) -> Option<Data> {
        let value = self.table.get(key)?;
        Some(data(value))
    }

    /// A string, or a list of them that is not empty; nothing when the key is not there.
    pub(super) fn string_or_strings(&mut self, key: &str) -> Vec<Spanned<String>> {
        if self.is_string(key) { self.string(key).into_iter().collect() } else { self.strings(key).unwrap_or_default() }
    }

    /// A list of strings that is not empty.
    pub(super) fn strings(&mut self, key: &str) -> Option<Vec<Spanned<String>>> {
        let value = self.table.get(key)?;
        let example = format!("{key} = [\"ping\", \"hello\"]");
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong_type(key, value, "a list of strings", &example);
            return None;
        };
        let mut strings = Vec::new();
        for item in items {
            match item.get_ref() {
                DeValue::String(text) => strings.push(Spanned::new(text.to_string(), Span::new(item.span()))),
                _ => self.wrong_type(key, item, "a list of strings", &example),
            }
        }
        if items.is_empty() {
            let message = format!("`{key}` is empty");
            self.tell(codes::BAD_VALUE, Span::new(value.span()), message, format!("for example `{example}`"));
        }
        Some(strings)
    }

    /// A table of strings under names of the user's choice.
    pub(super) fn names(&mut self, key: &str) -> Vec<(Spanned<String>, Spanned<String>)> {
        let Some(value) = self.table.get(key) else { return Vec::new() };
        let DeValue::Table(table) = value.get_ref() else {
            self.wrong_type(key, value, "a table of strings", &format!("[{key}]"));
            return Vec::new();
        };
        let mut names = Vec::new();
        for (name, item) in table {
            match item.get_ref() {
                DeValue::String(text) => names.push((
                    Spanned::new(name.get_ref().to_string(), Span::new(name.span())),
                    Spanned::new(text.to_string(), Span::new(item.span())),
                )),
                _ => self.wrong_type(name.get_ref(), item, "a string", &format!("{} = \"…\"", name.get_ref())),
            }
        }
        names
    }

    /// The names in a table of the user's choice.
    pub(super) fn named_values(&mut self, key: &str) -> Vec<Spanned<String>> {
        let Some(value) = self.table.get(key) else { return Vec::new() };
        let DeValue::Table(table) = value.get_ref() else {
            self.wrong_type(key, value, "a table", &format!("{key} = {{ name = … }}"));
            return Vec::new();
        };
        table.keys().map(|name| Spanned::new(name.get_ref().to_string(), Span::new(name.span()))).collect()
    }

    /// A table below this one that may hold any key; nothing when it is none.
    pub(super) fn open_table(&mut self, key: &str, name: &'static str) -> Option<Reader<'_>> {
        let value = self.table.get(key)?;
        let DeValue::Table(table) = value.get_ref() else { return None };
        let span = Span::new(value.span());
        Some(Reader { place: self.place, found: self.found, table, name, span, meant: Vec::new() })
    }

    /// The tables of `[key.NAME]`, each given to `read` with its name.
    pub(super) fn named<T>(
        &mut self,
        key: &str,
        name: &'static str,
        known: &[&str],
        mut read: impl FnMut(Spanned<String>, &mut Reader<'_>) -> Option<T>,
    ) -> Vec<T> {
        let Some(value) = self.table.get(key) else { return Vec::new() };
        let DeValue::Table(tables) = value.get_ref() else {
            self.wrong_type(key, value, "a table of tables", name);
            return Vec::new();
        };
        let mut all = Vec::new();
        for (own, item) in tables {
            match item.get_ref() {
                DeValue::Table(table) => {
                    let span = Span::new(item.span());
                    let own = Spanned::new(own.get_ref().to_string(), Span::new(own.span()));
                    all.extend(read(own, &mut Reader::new(self.place, self.found, table, name, span, known)));
                }
                _ => self.wrong_type(own.get_ref(), item, "a table", name),
            }
        }
        all
    }

    /// A table below this one.
    pub(super) fn table(&mut self, key: &str, name: &'static str, known: &[&str]) -> Option<Reader<'_>> {
        let value = self.table.get(key)?;
        if let DeValue::Table(table) = value.get_ref() {
            return Some(Reader::new(self.place, self.found, table, name, Span::new(value.span()), known));
        }
        self.wrong_type(key, value, "a table", &format!("[{key}]"));
        None
    }

    /// A table, or a list of tables, each given to `read`.
    pub(super) fn one_or_more<T>(
        &mut self,
        key: &str,
        name: &'static str,
        known: &[&str],
        mut read: impl FnMut(&mut Reader<'_>) -> Option<T>,
    ) -> Vec<T> {
        let Some(value) = self.table.get(key) else { return Vec::new() };
        match value.get_ref() {
            DeValue::Array(_) => self.each(key, name, known, read),
            DeValue::Table(table) => {
                let span = Span::new(value.span());
                read(&mut Reader::new(self.place, self.found, table, name, span, known)).into_iter().collect()
            }
            _ => {
                let wanted = if key == "reply" { "a string or a table" } else { "a table" };
                self.wrong_type(key, value, wanted, &format!("{key} = {{ … }}"));
                Vec::new()
            }
        }
    }

    /// The tables of `[[key]]`, each given to `read`.
    pub(super) fn each<T>(
        &mut self,
        key: &str,
        name: &'static str,
        known: &[&str],
        mut read: impl FnMut(&mut Reader<'_>) -> Option<T>,
    ) -> Vec<T> {
        let Some(value) = self.table.get(key) else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong_type(key, value, "a list of tables", name);
            return Vec::new();
        };
        let mut all = Vec::new();
        for item in items {
            match item.get_ref() {
                DeValue::Table(table) => {
                    let span = Span::new(item.span());
                    all.extend(read(&mut Reader::new(self.place, self.found, table, name, span, known)));
                }
                _ => self.wrong_type(key, item, "a list of tables", name),
            }
        }
        all
    }
}

/// Deep enough for any JSON that a person writes by hand.
pub(super) fn data(value: &toml::Spanned<DeValue<'_>>) -> Data {
    let span = Span::new(value.span());
    match value.get_ref() {
        DeValue::String(text) => Data::Text(Spanned::new(text.to_string(), span)),
        DeValue::Boolean(truth) => Data::Plain((*truth).into()),
        DeValue::Integer(number) => {
            Data::Plain(i64::from_str_radix(number.as_str(), number.radix()).unwrap_or_default().into())
        }
        DeValue::Float(number) => Data::Plain(number.as_str().parse::<f64>().unwrap_or_default().into()),
        DeValue::Datetime(moment) => Data::Plain(moment.to_string().into()),
        DeValue::Array(items) => Data::List(items.iter().map(data).collect()),
        DeValue::Table(table) => {
            let entry = |(name, value): (&toml::Spanned<std::borrow::Cow<'_, str>>, &toml::Spanned<DeValue<'_>>)| {
                (Spanned::new(name.get_ref().to_string(), Span::new(name.span())), data(value))
            };
            Data::Table(table.iter().map(entry).collect())
        }
    }
}

fn article(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
