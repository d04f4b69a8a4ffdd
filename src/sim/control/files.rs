//! What the scan for malware says of files: of one that is here, and of those that come.

use serde::Deserialize;
use serde_json::json as value;

use super::{Outcome, json, parse};
use crate::sim::{
    ids::ContentId,
    refusal::Refusal,
    shared::Shared,
    world::{NextScan, Scan},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Verdict {
    scan: Scan,
    /// Then it is clean.
    for_ms: Option<u64>,
}

pub(super) fn scan(shared: &Shared, id: &str, body: &[u8]) -> Outcome {
    let verdict: Verdict = parse(body)?;
    let id = ContentId::parse(id).ok_or_else(|| Refusal::bad(format!("`{id}` is no content id")))?;
    shared.act(|world| {
        let now = world.now;
        let file = world.scan_file(id, verdict.scan, verdict.for_ms)?;
        json(&value!({
            "id": file.id.public(),
            "name": file.name,
            "type": file.media_type,
            "bytes": file.bytes.len(),
            "scan": file.scan_at(now),
        }))
    })
}

pub(super) fn scan_next(shared: &Shared, body: &[u8]) -> Outcome {
    let next: NextScan = parse(body)?;
    shared.act(|world| world.scan_next_files(next));
    json(&value!({ "scan": next.scan, "for_ms": next.for_ms, "times": next.times }))
}
