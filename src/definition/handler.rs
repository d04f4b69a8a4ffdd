//! A rule that has a program answer, as it was written.

use std::time::Duration;

use super::{
    data::Data,
    place::{Span, Spanned},
    rule::Reply,
    token::TokenSource,
};

/// `http`, `call`, `forward` or `exec`, and how it is called.
#[derive(Debug, Clone, PartialEq)]
pub struct Handler {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub form: Form,
    /// Said at once, while the program works.
    pub ack: Option<Spanned<String>>,
    /// Said when the call is given up.
    pub on_error: Option<Spanned<String>>,
    /// How long it may take.
    pub timeout: Duration,
    /// What becomes of a call while another of its order is being made.
    pub busy: Busy,
    /// Calls of this rule at once; none: as many as the bot may have.
    pub max_in_flight: Option<u32>,
    /// Where what it says goes, where it says nothing of that itself; none: where the event happened.
    pub to: Vec<Spanned<String>>,
    /// Keys of the bot's memory that the program is told: `room.count`.
    pub state: Vec<Spanned<String>>,
}

/// What becomes of a call while another of its order is being made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Busy {
    /// It waits.
    #[default]
    Queue,
    /// It is made all the same.
    Parallel,
    /// It is not made.
    Refuse,
}

/// What is called.
#[derive(Debug, Clone, PartialEq)]
pub enum Form {
    /// The turn as signed JSON.
    Http {
        /// Where to.
        url: Spanned<String>,
        /// What it is signed with.
        secret: Option<Spanned<TokenSource>>,
    },
    /// A request to any API.
    Call(Box<Call>),
    /// The webhook as it came, signed anew.
    Forward {
        /// Where to.
        url: Spanned<String>,
        /// What it is signed with.
        secret: Option<Spanned<TokenSource>>,
    },
    /// A script of the definition.
    Script {
        /// Its text, or the path of a file beside the definition.
        source: Spanned<String>,
    },
    /// A program of this host.
    Exec {
        /// Program and arguments.
        command: Vec<Spanned<String>>,
        /// Variables of its environment: a text or a reference to a secret.
        env: Vec<(Spanned<String>, Spanned<String>)>,
        /// It stays, and takes a turn a line.
        worker: bool,
    },
}

/// `call = { … }`
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// `GET`, …
    pub method: Spanned<&'static str>,
    /// Where to; a template behind its host.
    pub url: Spanned<String>,
    /// What follows the `?`, each value a template.
    pub query: Vec<(Spanned<String>, Spanned<String>)>,
    /// Headers, each value a template; `secret:NAME` in it is put in when the call is made.
    pub headers: Vec<(Spanned<String>, Spanned<String>)>,
    /// Names for references to secrets.
    pub secrets: Vec<(Spanned<String>, Spanned<TokenSource>)>,
    /// What is sent.
    pub body: Option<CallBody>,
    /// What is said of the response; several with `when` for a branch each.
    pub reply: Vec<Reply>,
}

/// What a call sends.
#[derive(Debug, Clone, PartialEq)]
pub enum CallBody {
    /// JSON, its texts templates.
    Json(Data),
    /// A form, each value a template.
    Form(Vec<(Spanned<String>, Spanned<String>)>),
    /// Text, a template.
    Text(Spanned<String>),
}
