//! Files of messages: their bytes, bounded over all of them, and what the malware scan says of each.
//!
//! A message only counts its files. Their bytes are kept here and may go earlier than the message: then the
//! link in it leads nowhere, as it does at Webex once content is gone.

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::World;
use crate::{
    base::Millis,
    sim::{
        ids::{ContentId, PersonId},
        refusal::Refusal,
    },
};

/// Characters of a name, bytes of a media type: more is no name, and would only swell headers.
const LONGEST_NAME: usize = 255;
/// What is not said or cannot be said is this.
const ANY_TYPE: &str = "application/octet-stream";
/// Seconds to come back after, when nobody said how long a scan takes.
const USUAL_SCAN: u128 = 5;

/// A file on its way into a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewFile {
    /// Without folders and control characters.
    pub(crate) name: String,
    /// Fit to stand in a header.
    pub(crate) media_type: String,
    /// All of it.
    pub(crate) bytes: Bytes,
}

impl NewFile {
    /// As somebody sent it: name and type are cut down to what can be handed on.
    pub(crate) fn new(name: &str, media_type: Option<&str>, bytes: Bytes) -> Self {
        let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
        let name: String = last.trim().chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
        let name = if name.is_empty() { "file".to_owned() } else { name };
        let fits = |kind: &&str| {
            kind.len() <= LONGEST_NAME && kind.contains('/') && kind.chars().all(|c| (' '..='~').contains(&c))
        };
        let media_type = media_type.map(str::trim).filter(fits).unwrap_or(ANY_TYPE).to_owned();
        Self { name, media_type, bytes }
    }
}

/// What the scan for malware says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scan {
    /// Can be had.
    #[default]
    Clean,
    /// Not yet known: 423.
    Scanning,
    /// Never to be had: 410.
    Infected,
    /// Only to be had by who asks for it knowingly: 428.
    Unscannable,
}

/// What the scan will say of files that come: settable, so that a client can be shown every answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NextScan {
    /// What it says.
    pub(crate) scan: Scan,
    /// For so long from the arrival of the file, then it is clean; without, for ever.
    pub(crate) for_ms: Option<u64>,
    /// Of so many files; 0 is of all.
    #[serde(default = "one")]
    pub(crate) times: u32,
}

fn one() -> u32 {
    1
}

/// A file that is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct File {
    pub(crate) id: ContentId,
    /// That of its message.
    pub(crate) seq: u64,
    pub(crate) name: String,
    pub(crate) media_type: String,
    #[serde(with = "as_base64")]
    pub(crate) bytes: Bytes,
    scan: Scan,
    /// `scan` holds until then; afterwards the file is clean.
    #[serde(default)]
    scan_until: Option<Millis>,
}

impl File {
    /// What the scan says at this moment.
    pub(crate) fn scan_at(&self, now: Millis) -> Scan {
        if self.scan_until.is_some_and(|until| until <= now) { Scan::Clean } else { self.scan }
    }
}

/// All files that are kept.
#[derive(Debug, Default)]
pub(crate) struct Files {
    by_id: HashMap<ContentId, File>,
    /// Oldest first.
    order: BTreeSet<(u64, ContentId)>,
    /// Over all of them.
    bytes: usize,
    next: Option<NextScan>,
}

impl Files {
    /// By id.
    pub(crate) fn get(&self, id: ContentId) -> Option<&File> {
        self.by_id.get(&id)
    }

    /// All, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &File> {
        self.order.iter().filter_map(|(_, id)| self.by_id.get(id))
    }

    /// Bytes of all of them.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Puts a file in; beyond `keep` bytes the oldest go.
    pub(super) fn insert(&mut self, file: File, keep: usize) {
        self.remove(file.id);
        self.bytes += file.bytes.len();
        self.order.insert((file.seq, file.id));
        self.by_id.insert(file.id, file);
        while self.bytes > keep {
            match self.order.first().copied() {
                Some((_, oldest)) => self.remove(oldest),
                None => break,
            }
        }
    }

    /// Takes a file out.
    pub(super) fn remove(&mut self, id: ContentId) {
        if let Some(file) = self.by_id.remove(&id) {
            self.bytes -= file.bytes.len();
            self.order.remove(&(file.seq, id));
        }
    }

    /// What the scan says of the file that comes now, and until when.
    fn scan_of_next(&mut self, now: Millis, usual_ms: u64) -> (Scan, Option<Millis>) {
        let usual = (usual_ms > 0).then_some(NextScan { scan: Scan::Scanning, for_ms: Some(usual_ms), times: 0 });
        let decided = self.next.or(usual);
        self.next = self.next.filter(|next| next.times != 1).map(|mut next| {
            next.times = next.times.saturating_sub(1);
            next
        });
        decided.map_or((Scan::Clean, None), |next| (next.scan, next.for_ms.map(|ms| later(now, ms))))
    }
}

fn later(now: Millis, ms: u64) -> Millis {
    now.plus(std::time::Duration::from_millis(ms))
}

impl World {
    /// Keeps a file of a message that is being written.
    pub(super) fn keep_file(&mut self, id: ContentId, seq: u64, new: NewFile) {
        let (scan, scan_until) = match self.scan_next.take() {
            // A fault asks for this file alone.
            Some((scan, for_ms)) => (scan, for_ms.map(|ms| later(self.now, ms))),
            None => self.messages.files.scan_of_next(self.now, self.switches.scan_ms),
        };
        let NewFile { name, media_type, bytes } = new;
        let file = File { id, seq, name, media_type, bytes, scan, scan_until };
        self.messages.files.insert(file, self.retention.file_bytes);
    }

    /// Decides what the scan says of files from now on; `clean` with 0 times is the usual state.
    pub(crate) fn scan_next_files(&mut self, next: NextScan) {
        let usual = next.scan == Scan::Clean && next.times == 0;
        self.messages.files.next = (!usual).then_some(next);
    }

    /// Decides what the scan says of a file that is here.
    pub(crate) fn scan_file(&mut self, id: ContentId, scan: Scan, for_ms: Option<u64>) -> Result<&File, Refusal> {
        self.touch();
        let until = for_ms.map(|ms| later(self.now, ms));
        let file = self.messages.files.by_id.get_mut(&id);
        let file = file.ok_or_else(|| Refusal::missing("there is no such file, or it is no longer kept"))?;
        (file.scan, file.scan_until) = (scan, until);
        Ok(file)
    }

    /// `GET /contents/{id}`: for who may read the message. The sentences of 423, 410 and 428 are believed.
    pub(crate) fn download(&self, caller: PersonId, id: ContentId, unscannable: bool) -> Result<&File, Refusal> {
        self.message_of(caller, id.message).map_err(|_unseen| Refusal::no_such_resource())?;
        let file = self.messages.files.get(id).ok_or_else(Refusal::no_such_resource)?;
        match file.scan_at(self.now) {
            Scan::Clean => Ok(file),
            Scan::Unscannable if unscannable => Ok(file),
            Scan::Unscannable => Err(Refusal::new(
                428,
                "The file cannot be scanned for malware. It can be downloaded at your own risk with \
                 ?allow=unscannable.",
            )),
            Scan::Infected => Err(Refusal::new(410, "The requested resource is no longer available.")),
            Scan::Scanning => {
                let left = file.scan_until.map(|until| until.since(self.now).as_millis().div_ceil(1000));
                Err(Refusal {
                    retry_after: Some(left.unwrap_or(USUAL_SCAN).to_string()),
                    ..Refusal::new(423, "The requested resource is temporarily unavailable: it is being scanned.")
                })
            }
        }
    }
}

/// Bytes in the saved state.
mod as_base64 {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &Bytes, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Bytes, D::Error> {
        let text = String::deserialize(from)?;
        STANDARD.decode(text).map(Bytes::from).map_err(|error| D::Error::custom(format!("a file's bytes: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            NewMessage,
            writing::tests::{Ops, ops, to_room},
        },
        *,
    };

    fn file(name: &str, size: usize) -> NewFile {
        NewFile::new(name, Some("text/plain"), Bytes::from(vec![b'x'; size]))
    }

    fn send(ops: &mut Ops, size: usize) -> ContentId {
        let new = NewMessage { file: Some(file("a.txt", size)), ..to_room(ops.room, "") };
        let message = ops.world.create_message(ops.alice, new).unwrap();
        ContentId { message, index: 0 }
    }

    #[test]
    fn names_and_types_are_cut_to_what_can_be_handed_on() {
        let new = |name, kind| {
            let file = NewFile::new(name, kind, Bytes::new());
            (file.name, file.media_type)
        };
        let is = |name: &str, kind: &str| (name.to_owned(), kind.to_owned());
        assert_eq!(new("C:\\tmp\\a b.txt", Some("text/plain")), is("a b.txt", "text/plain"));
        assert_eq!(new("../../x\r\ny", Some("text/plain\r\nX: 1")), is("xy", ANY_TYPE));
        assert_eq!(new("  ", None), is("file", ANY_TYPE));
        assert_eq!(new(&"é".repeat(300), Some("nonsense")).0.chars().count(), 255);
    }

    #[test]
    fn beyond_the_limit_the_oldest_file_goes_and_its_message_stays() {
        let mut ops = ops();
        ops.world.retention.file_bytes = 100;
        let ids: Vec<ContentId> = (0..3).map(|_| send(&mut ops, 40)).collect();
        assert_eq!(ops.world.messages.files.bytes(), 80);
        assert_eq!(ops.world.download(ops.alice, ids[0], false).unwrap_err().status, 404);
        assert!(ops.world.download(ops.alice, ids[1], false).is_ok());
        assert_eq!(ops.world.messages.get(ids[0].message).unwrap().files, 1);
    }

    #[test]
    fn a_file_goes_with_its_message_and_with_its_room() {
        let mut ops = ops();
        let (first, _) = (send(&mut ops, 10), send(&mut ops, 10));
        ops.world.delete_message(ops.alice, first.message).unwrap();
        assert_eq!(ops.world.messages.files.bytes(), 10);
        ops.world.delete_room(ops.alice, ops.room).unwrap();
        assert_eq!((ops.world.messages.files.bytes(), ops.world.messages.files.iter().count()), (0, 0));
    }

    #[test]
    fn only_who_may_read_the_message_gets_its_file() {
        let mut ops = ops();
        let id = send(&mut ops, 10);
        let bob = ops.world.people.by_email("bob@example.com").unwrap().id;
        for stranger in [bob, ops.echo] {
            assert_eq!(ops.world.download(stranger, id, false).unwrap_err().status, 404);
        }
        let second = ContentId { index: 1, ..id };
        assert_eq!(ops.world.download(ops.alice, second, false).unwrap_err().status, 404);
    }

    #[test]
    fn a_scan_ends_when_its_time_is_over() {
        let mut ops = ops();
        ops.world.switches.scan_ms = 1500;
        let id = send(&mut ops, 10);
        let refusal = ops.world.download(ops.alice, id, true).unwrap_err();
        assert_eq!((refusal.status, refusal.retry_after.as_deref()), (423, Some("2")));
        let end = later(ops.world.now, 1500);
        assert!(ops.world.at(end).download(ops.alice, id, false).is_ok());
    }

    #[test]
    fn what_the_scan_says_can_be_decided_for_one_file_and_for_the_next() {
        let mut ops = ops();
        let id = send(&mut ops, 10);
        let status =
            |ops: &Ops, id, allow| ops.world.download(ops.alice, id, allow).map_or_else(|no| no.status, |_| 200);
        ops.world.scan_file(id, Scan::Infected, None).unwrap();
        assert_eq!(status(&ops, id, true), 410);
        ops.world.scan_file(id, Scan::Unscannable, None).unwrap();
        assert_eq!((status(&ops, id, false), status(&ops, id, true)), (428, 200));
        assert!(ops.world.scan_file(ContentId { index: 9, ..id }, Scan::Clean, None).is_err());

        let of_three = |ops: &mut Ops| {
            let ids: Vec<ContentId> = (0..3).map(|_| send(ops, 1)).collect();
            ids.into_iter().map(|id| status(ops, id, false)).collect::<Vec<u16>>()
        };
        ops.world.scan_next_files(NextScan { scan: Scan::Scanning, for_ms: None, times: 2 });
        let states = of_three(&mut ops);
        assert_eq!(states, [423, 423, 200]);
        ops.world.scan_next_files(NextScan { scan: Scan::Infected, for_ms: None, times: 0 });
        let states = of_three(&mut ops);
        assert_eq!(states, [410, 410, 410]);
        ops.world.scan_next_files(NextScan { scan: Scan::Clean, for_ms: None, times: 0 });
        let clean = send(&mut ops, 1);
        assert_eq!(status(&ops, clean, false), 200);
    }

    #[test]
    fn the_saved_form_of_a_file_is_golden() {
        let id = ContentId {
            message: crate::sim::ids::MessageId::parse("00000000-0000-4000-8000-000000000000").unwrap(),
            index: 0,
        };
        let NewFile { name, media_type, bytes } = file("a.txt", 3);
        let file = File { id, seq: 7, name, media_type, bytes, scan: Scan::Scanning, scan_until: Some(Millis(5)) };
        let text = serde_json::to_string(&file).unwrap();
        assert_eq!(
            text,
            concat!(
                r#"{"id":{"message":"00000000-0000-4000-8000-000000000000","index":0},"seq":7,"name":"a.txt","#,
                r#""media_type":"text/plain","bytes":"eHh4","scan":"scanning","scan_until":5}"#
            )
        );
        assert_eq!(serde_json::from_str::<File>(&text).unwrap().bytes, "xxx");
        let broken = text.replace("eHh4", "%");
        assert!(serde_json::from_str::<File>(&broken).unwrap_err().to_string().contains("a file's bytes"));
    }
}
