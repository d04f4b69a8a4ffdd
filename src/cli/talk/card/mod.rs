//! A card in a terminal: read, drawn as text, filled in and pressed. Pure.
//!
//! [`read`] makes a [`Card`] of whatever JSON a bot sent: anything unknown keeps its name, nothing is refused.
//! [`input`] knows what may stand in an input, [`sheet`] what one person has typed and opened, [`draw`] how that
//! looks. Inputs and buttons have numbers that stay: those of the card first, then those of the cards it can open.
//!
//! How a client fills in and submits is Microsoft's Adaptive Cards (to 1.3, as Webex takes them): inputs of the
//! button's own card and of the cards around it are checked and sent, hidden ones included, put over the button's
//! `data`. That Webex's own clients merge in that way, and that every value is text, is believed, not documented.

mod draw;
mod input;
mod read;
mod sheet;

pub(super) use self::{
    read::read,
    sheet::{Pressed, Sheet},
};

/// A card.
#[derive(Debug, Clone, Default)]
pub(super) struct Card {
    /// The card itself, then every card that one of its buttons opens.
    levels: Vec<Level>,
    inputs: Vec<Input>,
    buttons: Vec<Button>,
}

/// A card, or one inside of it that a button opens.
#[derive(Debug, Clone, Default)]
struct Level {
    /// The button that opens it; none for the card itself.
    opened_by: Option<usize>,
    blocks: Vec<Block>,
}

/// Something that is drawn, or not.
#[derive(Debug, Clone)]
struct Block {
    /// What `Action.ToggleVisibility` calls it.
    id: Option<String>,
    visible: bool,
    part: Part,
}

/// What is drawn.
#[derive(Debug, Clone)]
enum Part {
    /// Markdown, as in a `TextBlock`.
    Markdown { text: String, strong: bool },
    /// A line as it is.
    Plain(String),
    /// Titles and values.
    Facts(Vec<(String, String)>),
    /// One below the other.
    Group(Vec<Block>),
    /// Side by side, if there is room.
    Columns(Vec<Block>),
    /// By index.
    Input(usize),
    /// By index.
    Buttons(Vec<usize>),
}

/// A thing to press.
#[derive(Debug, Clone)]
struct Button {
    title: String,
    /// On which of the card's levels it stands.
    level: usize,
    act: Act,
}

/// What a press does.
#[derive(Debug, Clone)]
enum Act {
    /// Sends `data` and, unless the card says otherwise, inputs.
    Submit { data: Option<serde_json::Value>, with_inputs: bool },
    /// Opens a web page.
    OpenUrl(String),
    /// Opens and closes another level of the card.
    ShowCard(usize),
    /// Shows and hides: what, and whether to show it; else the other way round.
    Toggle(Vec<(String, Option<bool>)>),
    /// Nothing that a Webex client knows; its type.
    Unknown(String),
}

/// Something to fill in.
#[derive(Debug, Clone)]
struct Input {
    /// The key of its value.
    id: String,
    /// What a person reads beside it.
    label: String,
    /// On which of the card's levels it stands.
    level: usize,
    required: bool,
    /// The card's own sentence for a value that does not fit.
    error: Option<String>,
    /// What the card puts into it.
    value: String,
    kind: Kind,
}

/// What an input takes.
#[derive(Debug, Clone)]
enum Kind {
    Text {
        /// In characters.
        most: Option<usize>,
        regex: Option<String>,
    },
    Number {
        min: Option<f64>,
        max: Option<f64>,
    },
    /// `2026-11-22`; the limits are written in the same way, so they compare as text.
    Date {
        min: Option<String>,
        max: Option<String>,
    },
    /// `09:30`; see `Date`.
    Time {
        min: Option<String>,
        max: Option<String>,
    },
    Toggle {
        on: String,
        off: String,
    },
    Choices {
        choices: Vec<Choice>,
        many: bool,
    },
}

/// One of several.
#[derive(Debug, Clone)]
struct Choice {
    title: String,
    value: String,
}
