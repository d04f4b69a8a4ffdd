//! A JSON value of a definition whose texts may be templates: checked when it is loaded, made when it is needed.

use serde_json::{Map, Value};

use super::{
    engine::{Checker, Engine, RenderError},
    names::Names,
    template::{self, Text, Trouble},
    uses::Uses,
    values::Values,
};
use crate::definition::{self, Format, Spanned};

/// A value as a program keeps it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Data {
    /// Nothing in it is a template.
    Plain(Value),
    /// A text with code among other words: a text it stays, whatever is put in.
    Text(Text),
    /// One expression alone: its value, be it a number, a list or a table.
    Expression(Text),
    List(Box<[Self]>),
    Table(Box<[(Box<str>, Self)]>),
}

/// What is wrong with a text, and which.
pub(super) type Troubles = Vec<(Spanned<String>, Trouble)>;

/// Makes it, or says all that is wrong with its texts.
pub(super) fn compile(checker: &Checker, data: &definition::Data, names: Names<'_>) -> Result<Data, Troubles> {
    match data {
        definition::Data::Plain(value) => Ok(Data::Plain(value.clone())),
        definition::Data::Text(text) => self::text(checker, text, names),
        definition::Data::List(items) => {
            let items = all(items.iter().map(|item| compile(checker, item, names)))?;
            Ok(match items.iter().map(Data::plain).collect() {
                Some(values) => Data::Plain(Value::Array(values)),
                None => Data::List(items.into()),
            })
        }
        definition::Data::Table(entries) => {
            let named = |(name, data): &(Spanned<String>, definition::Data)| {
                compile(checker, data, names).map(|data| (name.value.as_str().into(), data))
            };
            let entries: Vec<(Box<str>, Data)> = all(entries.iter().map(named))?;
            let plain = entries.iter().map(|(name, data)| Some((name.to_string(), data.plain()?)));
            Ok(match plain.collect() {
                Some(values) => Data::Plain(Value::Object(values)),
                None => Data::Table(entries.into()),
            })
        }
    }
}

fn text(checker: &Checker, text: &Spanned<String>, names: Names<'_>) -> Result<Data, Troubles> {
    let told = |troubles: Vec<Trouble>| troubles.into_iter().map(|trouble| (text.clone(), trouble)).collect();
    if let Some((offset, source)) = template::sole_expression(&text.value) {
        return template::expression(checker, source, names).map(Data::Expression).map_err(|mut troubles| {
            for trouble in &mut troubles {
                trouble.range = trouble.range.start + offset..trouble.range.end + offset;
            }
            told(troubles)
        });
    }
    match template::compile(checker, &text.value, Format::Text, names).map_err(told)? {
        Text::Plain(text) => Ok(Data::Plain(Value::from(&*text))),
        template @ Text::Template { .. } => Ok(Data::Text(template)),
    }
}

/// All of them, or everything that is wrong with any.
fn all<T>(made: impl Iterator<Item = Result<T, Troubles>>) -> Result<Vec<T>, Troubles> {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for made in made {
        match made {
            Ok(made) => good.push(made),
            Err(troubles) => bad.extend(troubles),
        }
    }
    if bad.is_empty() { Ok(good) } else { Err(bad) }
}

impl Data {
    fn plain(&self) -> Option<Value> {
        match self {
            Self::Plain(value) => Some(value.clone()),
            _ => None,
        }
    }

    /// Adds what its templates use.
    pub(super) fn join_uses(&self, uses: &mut Uses) {
        match self {
            Self::Plain(_) => {}
            Self::Text(text) | Self::Expression(text) => text.uses().into_iter().for_each(|used| uses.join(used)),
            Self::List(items) => items.iter().for_each(|item| item.join_uses(uses)),
            Self::Table(entries) => entries.iter().for_each(|(_, data)| data.join_uses(uses)),
        }
    }

    /// The value.
    pub(super) fn value(&self, engine: &Engine, values: &Values<'_>) -> Result<Value, RenderError> {
        Ok(match self {
            Self::Plain(value) => value.clone(),
            Self::Text(text) => Value::String(text.say(engine, Format::Text, values)?),
            Self::Expression(text) => {
                serde_json::from_str(&text.say(engine, Format::Text, values)?).unwrap_or_default()
            }
            Self::List(items) => {
                Value::Array(items.iter().map(|item| item.value(engine, values)).collect::<Result<_, _>>()?)
            }
            Self::Table(entries) => {
                let made = entries.iter().map(|(name, data)| Ok((name.to_string(), data.value(engine, values)?)));
                Value::Object(made.collect::<Result<Map<_, _>, RenderError>>()?)
            }
        })
    }
}
