//! A value of a definition that becomes JSON: texts in it may be templates, so each keeps its place.

use super::place::Spanned;

/// A value as it was written.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// A text, maybe a template. One that is nothing but `{{ … }}` gives what is inside as it is: a number stays one.
    Text(Spanned<String>),
    /// A number, `true`, `false`, a date as text.
    Plain(serde_json::Value),
    /// A list.
    List(Vec<Self>),
    /// A table, in the order of the file.
    Table(Vec<(Spanned<String>, Self)>),
}
