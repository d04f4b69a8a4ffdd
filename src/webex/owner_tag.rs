//! The name of a webhook says whose it is: `botyard/<instance>/<bot>/<resource>.<event>`. It alone decides;
//! what does not parse, or names another instance, is foreign and is left alone.

use std::fmt;

use crate::base::{BotId, InstanceName};

/// A parsed owner tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerTag {
    /// Which installation made it.
    pub instance: InstanceName,
    /// For which bot.
    pub bot: BotId,
    /// `messages`, …
    pub resource: String,
    /// `created`, …
    pub event: String,
}

impl OwnerTag {
    /// Reads a webhook's name; `None` when it is no tag of ours.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let mut parts = name.strip_prefix("botyard/")?.split('/');
        let (instance, bot, kind) = (parts.next()?, parts.next()?, parts.next()?);
        let (resource, event) = kind.split_once('.')?;
        let word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphabetic());
        if parts.next().is_some() || !word(resource) || !word(event) {
            return None;
        }
        Some(Self {
            instance: InstanceName::parse(instance).ok()?,
            bot: BotId::parse(bot).ok()?,
            resource: resource.to_owned(),
            event: event.to_owned(),
        })
    }
}

impl fmt::Display for OwnerTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { instance, bot, resource, event } = self;
        write!(f, "botyard/{instance}/{bot}/{resource}.{event}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_read_as_it_is_written() {
        let tag = OwnerTag::parse("botyard/prod-1/on-call/attachmentActions.created").unwrap();
        assert_eq!((tag.instance.as_str(), tag.bot.as_str()), ("prod-1", "on-call"));
        assert_eq!((tag.resource.as_str(), tag.event.as_str()), ("attachmentActions", "created"));
        assert_eq!(tag.to_string(), "botyard/prod-1/on-call/attachmentActions.created");
    }

    #[test]
    fn what_only_looks_like_a_tag_is_foreign() {
        for name in [
            "",
            "my webhook",
            "botyard",
            "botyard/prod/echo",
            "botyard/prod/echo/messages",
            "botyard/prod/echo/messages.",
            "botyard/prod/echo/messages.created/x",
            "botyard/prod/echo/messages.created ",
            "botyard/Prod/echo/messages.created",
            "botyard/prod/all/messages.created",
            "Botyard/prod/echo/messages.created",
            " botyard/prod/echo/messages.created",
        ] {
            assert_eq!(OwnerTag::parse(name), None, "{name}");
        }
    }
}
