//! Which kinds of event a program wants, as a mask small enough to check on every webhook.

/// A set of event kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kinds(pub u32);

/// Every kind we know, `resource.event` in Webex's words; its bit is its place in this list.
/// The list only grows at its end: masks are stored.
pub const ALL: &[&str] = &[
    "messages.created",
    "messages.updated",
    "messages.deleted",
    "memberships.created",
    "memberships.updated",
    "memberships.deleted",
    "rooms.created",
    "rooms.updated",
    "attachmentActions.created",
    "deliveries.failed",
];

/// Kinds that we make ourselves: no webhook brings them.
const OURS: &[&str] = &["deliveries.failed"];

impl Kinds {
    /// Adds a kind; an unknown one changes nothing.
    #[must_use]
    pub fn with(self, kind: &str) -> Self {
        ALL.iter().position(|known| *known == kind).map_or(self, |bit| Self(self.0 | 1 << bit))
    }

    /// Whether the kind is in the set.
    #[must_use]
    pub fn contains(self, kind: &str) -> bool {
        ALL.iter().position(|known| *known == kind).is_some_and(|bit| self.0 & (1 << bit) != 0)
    }

    /// The same, and deletions of messages if it has messages: whoever keeps something of a message must hear that
    /// it is gone.
    #[must_use]
    pub fn following_deletions(self) -> Self {
        if self.contains("messages.created") { self.with("messages.deleted") } else { self }
    }

    /// The kinds in the set that webhooks bring, as `(resource, event)`.
    pub fn iter(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        ALL.iter()
            .enumerate()
            .filter(move |(bit, kind)| self.0 & (1 << bit) != 0 && !OURS.contains(kind))
            .filter_map(|(_, kind)| kind.split_once('.'))
    }

    /// The kind that a webhook of this resource and event brings.
    #[must_use]
    pub fn brought_by(mut same: impl FnMut(&str) -> bool) -> Option<&'static str> {
        ALL.iter().copied().find(|kind| !OURS.contains(kind) && same(kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deletions_are_followed_where_there_are_messages() {
        let members = Kinds::default().with("memberships.created");
        assert_eq!(members.following_deletions(), members);
        let both = members.with("messages.created").following_deletions();
        assert!(both.contains("messages.deleted") && both.contains("memberships.created"));
    }

    #[test]
    fn what_we_make_ourselves_is_wanted_of_no_webhook() {
        let kinds = Kinds::default().with("deliveries.failed").with("rooms.created");
        assert!(kinds.contains("deliveries.failed"));
        assert_eq!(kinds.iter().collect::<Vec<_>>(), [("rooms", "created")]);
        assert_eq!(Kinds::brought_by(|kind| kind == "deliveries.failed"), None);
    }

    #[test]
    fn a_set_holds_what_was_put_in_and_nothing_else() {
        let kinds = Kinds::default().with("messages.created").with("memberships.created").with("coffee.brewed");
        assert!(kinds.contains("messages.created"));
        assert!(!kinds.contains("messages.deleted") && !kinds.contains("coffee.brewed"));
        assert_eq!(kinds.iter().collect::<Vec<_>>(), [("messages", "created"), ("memberships", "created")]);
    }
}
