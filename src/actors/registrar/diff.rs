//! Wanted webhooks against actual ones. Pure: the same lists give the same plan, and a plan carried out leaves
//! nothing to plan.
//!
//! The owner tag alone decides what is ours: never the target, never a row of the store. What is not ours is looked
//! at for one thing only, whether it would make people get two answers.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    base::{BotId, InstanceName, Secret},
    store::WebhookRow,
    webex::{OwnerTag, model::Webhook},
};

/// A webhook as the listing shows it. The listing is a secret: Webex puts the webhooks' secrets in.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Listed {
    /// Everything but the secret.
    #[serde(flatten)]
    pub webhook: Webhook,
    /// Its secret, if the listing names it.
    #[serde(default)]
    pub secret: Option<Secret>,
}

/// What is wanted of one bot's webhooks, and what is known about them.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Whose.
    pub bot: &'a BotId,
    /// Of which installation.
    pub instance: &'a InstanceName,
    /// `(resource, event)`, each once.
    pub kinds: &'a [(&'a str, &'a str)],
    /// Where they shall post.
    pub target_url: &'a str,
    /// The rows we keep of them.
    pub known: &'a [WebhookRow],
    /// Webhooks (ids) that are off and shall rest before they are switched on again.
    pub resting: &'a BTreeSet<String>,
}

/// What is to be done, in this order: nothing is deleted before its successor is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The changes.
    pub actions: Vec<Action>,
    /// Webhooks of others on the same token.
    pub foreign: Vec<ForeignNote>,
    /// Ids of webhooks of ours that are off. Those that rest are left so for now.
    pub inactive: Vec<String>,
    /// There is nothing to change, and nothing that rests.
    pub in_step: bool,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Make a webhook.
    Create {
        /// `messages`, …
        resource: String,
        /// `created`, …
        event: String,
    },
    /// Put a webhook right, under the secret we know.
    Update {
        /// Which, at Webex.
        id: String,
        /// Which, in the store.
        row: i64,
        /// Its owner tag.
        name: String,
        /// What is wrong with it, for people.
        why: String,
    },
    /// Take over a webhook with our tag whose secret we do not know: it gets a new one.
    Adopt {
        /// Which, at Webex.
        id: String,
        /// `messages`, …
        resource: String,
        /// `created`, …
        event: String,
    },
    /// Remove a webhook of ours.
    Delete {
        /// Which, at Webex.
        id: String,
        /// Why, for people.
        why: String,
    },
    /// Forget a row whose webhook is not there.
    Forget {
        /// Which, in the store.
        row: i64,
    },
}

/// A webhook of somebody else on the same token.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ForeignNote {
    /// Its name.
    pub name: String,
    /// Where it posts, without query and credentials: those may be secrets.
    pub target: String,
    /// It is on and brings the same events elsewhere: if that place answers too, people get two answers.
    pub doubles: bool,
}

/// Compares.
#[must_use]
pub fn plan(wanted: &Wanted<'_>, actual: &[Listed]) -> Plan {
    let tagged = |listed: &Listed| OwnerTag::parse(&listed.webhook.name).filter(|tag| wanted.owns(tag));
    let (ours, others): (Vec<_>, Vec<_>) = actual.iter().partition(|listed| tagged(listed).is_some());
    let (mut actions, mut deletions, mut kept) = (Vec::new(), Vec::new(), BTreeSet::new());
    let delete = |listed: &Listed, why: &str| Action::Delete { id: listed.webhook.id.clone(), why: why.to_owned() };

    for (resource, event) in wanted.kinds {
        let candidates = ours.iter().filter(|listed| {
            tagged(listed).is_some_and(|tag| tag.resource == *resource && tag.event == *event)
                && listed.is_whole(resource, event)
        });
        let mut candidates: Vec<&Listed> = candidates.copied().collect();
        // The one whose secret we know is the best; among equals the first listed.
        candidates.sort_by_key(|listed| wanted.row_of(listed).is_none());
        let Some((keep, duplicates)) = candidates.split_first() else {
            actions.push(Action::Create { resource: (*resource).to_owned(), event: (*event).to_owned() });
            continue;
        };
        kept.insert(keep.webhook.id.as_str());
        deletions.extend(duplicates.iter().map(|duplicate| delete(duplicate, "it is a duplicate")));
        actions.extend(wanted.mend(keep, resource, event));
    }
    for listed in &ours {
        let Some(tag) = tagged(listed) else { continue };
        let kind = (tag.resource.as_str(), tag.event.as_str());
        if !wanted.kinds.contains(&kind) {
            deletions.push(delete(listed, "it is no longer wanted"));
        } else if !listed.is_whole(kind.0, kind.1) {
            deletions.push(delete(listed, "its resource, event or filter is not what its name says"));
        }
    }
    actions.append(&mut deletions);
    let stale = wanted.known.iter().filter(|row| !row.webhook_id.as_deref().is_some_and(|id| kept.contains(id)));
    actions.extend(stale.map(|row| Action::Forget { row: row.row }));

    let inactive: Vec<_> = ours
        .iter()
        .filter(|listed| kept.contains(listed.webhook.id.as_str()) && !listed.is_active())
        .map(|listed| listed.webhook.id.clone())
        .collect();
    let foreign = others.iter().map(|listed| wanted.note(listed)).collect();
    Plan { in_step: actions.is_empty() && inactive.is_empty(), actions, foreign, inactive }
}

impl Wanted<'_> {
    fn owns(&self, tag: &OwnerTag) -> bool {
        tag.instance == *self.instance && tag.bot == *self.bot
    }

    /// The newest row we keep of a webhook.
    fn row_of(&self, listed: &Listed) -> Option<&WebhookRow> {
        let same = |row: &&WebhookRow| row.webhook_id.as_deref() == Some(listed.webhook.id.as_str());
        self.known.iter().filter(same).max_by_key(|row| row.row)
    }

    fn mend(&self, keep: &Listed, resource: &str, event: &str) -> Option<Action> {
        let id = keep.webhook.id.clone();
        let Some(row) = self.row_of(keep) else {
            return Some(Action::Adopt { id, resource: resource.to_owned(), event: event.to_owned() });
        };
        let rests = self.resting.contains(&id);
        let mut why = Vec::new();
        if keep.webhook.target_url != self.target_url {
            why.push("it posts to another address");
        }
        if keep.secret.as_ref().is_some_and(|secret| *secret != row.secret) {
            why.push("its secret was changed");
        }
        if !keep.is_active() && !rests {
            why.push("it is switched off");
        }
        (!why.is_empty()).then(|| Action::Update {
            id,
            row: row.row,
            name: keep.webhook.name.clone(),
            why: why.join(", "),
        })
    }

    fn note(&self, listed: &Listed) -> ForeignNote {
        let Webhook { resource, event, .. } = &listed.webhook;
        let brings = |(wanted_resource, wanted_event): &(&str, &str)| {
            // The firehose brings everything but the presses of cards.
            let of_resource =
                resource == wanted_resource || resource == "all" && *wanted_resource != "attachmentActions";
            of_resource && (event == wanted_event || event == "all")
        };
        ForeignNote {
            name: listed.webhook.name.clone(),
            target: without_secrets(&listed.webhook.target_url),
            doubles: listed.is_active() && self.kinds.iter().any(brings),
        }
    }
}

impl Listed {
    /// Anything but `active` counts as off. A listing that does not say is believed to be well.
    fn is_active(&self) -> bool {
        self.webhook.status.as_deref().is_none_or(|status| status == "active")
    }

    /// It is what its name says: neither can be changed later.
    fn is_whole(&self, resource: &str, event: &str) -> bool {
        let filtered = self.webhook.filter.as_deref().is_some_and(|filter| !filter.is_empty());
        self.webhook.resource == resource && self.webhook.event == event && !filtered
    }
}

fn without_secrets(target: &str) -> String {
    let bare = target.split(['?', '#']).next().unwrap_or_default();
    match bare.split_once("://").map(|(scheme, rest)| (scheme, rest.split_once('@'))) {
        Some((scheme, Some((_credentials, rest)))) => format!("{scheme}://{rest}"),
        _ => bare.to_owned(),
    }
}

#[cfg(test)]
mod tests;
