//! Typed arguments of a command: `page <team> [count:int] [--urgent] [message...]`.
//!
//! [`Usage::parse`] reads such a line when a definition is compiled, with the place of everything that is wrong
//! in it; [`Usage::read`] reads what a person said, and answers the values or one [`Complaint`] that says what to
//! write instead. In reading order: [`parse`] (the line), [`token`] (words and quotes of what was said), [`value`]
//! (one word as a type), [`read`] (all of them), [`complaint`] (what is said when they do not fit).

mod complaint;
mod parse;
mod read;
mod token;
mod value;

pub use self::{
    complaint::Complaint,
    parse::Trouble,
    read::Args,
    token::Mentioned,
    value::{Kind, Value},
};

/// Most arguments and flags of one command.
pub const MAX_ARGS: usize = 20;

/// A command's words and arguments, as written in its `usage`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// The words it begins with, one space between two.
    pub words: Box<str>,
    /// Arguments by place. The required ones come first; what takes the rest of the line comes last.
    pub args: Box<[Arg]>,
    /// Flags, in the order of the line. Always optional.
    pub flags: Box<[Flag]>,
}

/// An argument by place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arg {
    /// Its name below `args`.
    pub name: Box<str>,
    /// What it takes.
    pub kind: Kind,
    /// Whether it must be there.
    pub required: bool,
}

/// `--urgent`, or `--level <level:int>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// Its name as it is written after `--`.
    pub name: Box<str>,
    /// What it takes, and how that is called in the line; none: it is there or not.
    pub takes: Option<(Box<str>, Kind)>,
}

impl Flag {
    /// Its name below `args`: a template cannot use `-` in a name.
    #[must_use]
    pub fn key(&self) -> String {
        self.name.replace('-', "_")
    }
}

impl Usage {
    /// The line as it is shown to people. `words` stand for the command's own: an alias has the same arguments.
    #[must_use]
    pub fn line(&self, words: &str) -> String {
        let mut parts = vec![words.to_owned()];
        let shown = |name: &str, kind: &Kind| match kind {
            Kind::Rest => format!("{name}..."),
            Kind::Word => name.to_owned(),
            other => format!("{name}:{other}"),
        };
        let required = self.args.iter().filter(|arg| arg.required && arg.kind != Kind::Rest);
        parts.extend(required.map(|arg| format!("<{}>", shown(&arg.name, &arg.kind))));
        parts.extend(self.flags.iter().map(|flag| match &flag.takes {
            None => format!("[--{}]", flag.name),
            Some((name, kind)) => format!("[--{} <{}>]", flag.name, shown(name, kind)),
        }));
        let others = self.args.iter().filter(|arg| !arg.required || arg.kind == Kind::Rest);
        parts.extend(others.map(|arg| {
            let shown = shown(&arg.name, &arg.kind);
            if arg.required { format!("<{shown}>") } else { format!("[{shown}]") }
        }));
        parts.join(" ")
    }

    /// The names below `args`.
    pub fn names(&self) -> impl Iterator<Item = String> + '_ {
        self.args.iter().map(|arg| arg.name.to_string()).chain(self.flags.iter().map(Flag::key))
    }
}
