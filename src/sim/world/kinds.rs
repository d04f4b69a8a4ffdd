//! What a webhook can be about: resources and events in Webex's words, and which go together.

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$note:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub(crate) enum $name {
            $($(#[$note])* #[serde(rename = $word)] $variant),*
        }

        impl $name {
            /// Webex's word.
            pub(crate) fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),*
                }
            }
        }
    };
}

words!(
    /// What a webhook can be about. Of those behind `AttachmentActions` nothing ever happens here: webhooks for
    /// them are kept and listed, so that a client that makes them for good measure is not stopped.
    Resource {
        Messages = "messages",
        Memberships = "memberships",
        Rooms = "rooms",
        AttachmentActions = "attachmentActions",
        DataSources = "dataSources",
        Meetings = "meetings",
        Recordings = "recordings",
        ConvergedRecordings = "convergedRecordings",
        MeetingParticipants = "meetingParticipants",
        MeetingTranscripts = "meetingTranscripts",
        TelephonyCalls = "telephony_calls",
        TelephonyConference = "telephony_conference",
        TelephonyMwi = "telephony_mwi",
        UcCounters = "uc_counters",
        ServiceApp = "serviceApp",
        AdminBatchJobs = "adminBatchJobs",
        /// The firehose: messages, memberships and rooms, but not attachment actions.
        All = "all",
    }
);

words!(
    /// What happened to it.
    EventName {
        Created = "created",
        Updated = "updated",
        Deleted = "deleted",
        Started = "started",
        Ended = "ended",
        Joined = "joined",
        Left = "left",
        Migrated = "migrated",
        Authorized = "authorized",
        Deauthorized = "deauthorized",
        StatusChanged = "statusChanged",
        /// Each of the others.
        All = "all",
    }
);

impl Resource {
    /// Whether a registration for `self` is one for `resource`.
    pub(crate) fn covers(self, resource: Self) -> bool {
        self == resource || (self == Self::All && matches!(resource, Self::Messages | Self::Memberships | Self::Rooms))
    }

    /// Whether anything of it ever happens here.
    pub(crate) fn happens(self) -> bool {
        matches!(self, Self::Messages | Self::Memberships | Self::Rooms | Self::AttachmentActions | Self::All)
    }

    /// Whether one may register for this event of it.
    ///
    /// The first four rows are those of Webex's guide (with `updated` of messages and `all` of attachment actions,
    /// which clients use though the guide does not list them). Of the rest only the words are known; which go
    /// together is what the words say.
    pub(crate) fn offers(self, event: EventName) -> bool {
        use EventName as E;
        if event == E::All {
            return true;
        }
        match self {
            Self::All => false,
            Self::Messages | Self::Memberships => matches!(event, E::Created | E::Updated | E::Deleted),
            Self::Rooms => matches!(event, E::Created | E::Updated | E::Migrated),
            Self::AttachmentActions | Self::MeetingTranscripts | Self::UcCounters => event == E::Created,
            Self::Meetings => matches!(event, E::Created | E::Updated | E::Deleted | E::Started | E::Ended),
            Self::MeetingParticipants => matches!(event, E::Joined | E::Left),
            Self::ServiceApp => matches!(event, E::Authorized | E::Deauthorized),
            Self::AdminBatchJobs => event == E::StatusChanged,
            Self::DataSources
            | Self::Recordings
            | Self::ConvergedRecordings
            | Self::TelephonyCalls
            | Self::TelephonyConference
            | Self::TelephonyMwi => matches!(event, E::Created | E::Updated | E::Deleted),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_firehose_is_everything_but_attachment_actions() {
        for resource in [Resource::Messages, Resource::Memberships, Resource::Rooms] {
            assert!(Resource::All.covers(resource) && resource.covers(resource));
        }
        assert!(!Resource::All.covers(Resource::AttachmentActions));
        assert!(!Resource::All.covers(Resource::Meetings));
        assert!(!Resource::Rooms.covers(Resource::Messages));
    }

    #[test]
    fn only_the_events_of_a_resource_are_offered() {
        assert!(Resource::All.offers(EventName::All) && !Resource::All.offers(EventName::Created));
        assert!(Resource::Rooms.offers(EventName::Migrated) && !Resource::Rooms.offers(EventName::Deleted));
        assert!(!Resource::AttachmentActions.offers(EventName::Updated));
        assert!(Resource::Messages.offers(EventName::Updated));
        assert!(Resource::Meetings.offers(EventName::Started) && !Resource::Messages.offers(EventName::Started));
        assert!(Resource::AdminBatchJobs.offers(EventName::StatusChanged));
    }

    #[test]
    fn words_are_written_and_read_as_webex_has_them() {
        for (resource, word) in
            [(Resource::TelephonyCalls, "telephony_calls"), (Resource::AttachmentActions, "attachmentActions")]
        {
            assert_eq!(serde_json::to_value(resource).unwrap(), word);
            assert_eq!(serde_json::from_value::<Resource>(word.into()).unwrap(), resource);
            assert_eq!(resource.as_str(), word);
        }
        assert_eq!(serde_json::from_str::<EventName>("\"statusChanged\"").unwrap(), EventName::StatusChanged);
    }
}
