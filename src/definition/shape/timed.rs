//! The shape of schedules and of hooks for other programs.

use schemars::JsonSchema;

use super::TextOrMore;

/// Something that happens at its time: `cron` or `every`.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) struct Schedule {
    /// Its name, one a bot. Default: its `cron` or `every`.
    name: Option<String>,
    /// Minute, hour, day of month, month, day of week: `0 9 * * MON-FRI`.
    cron: Option<String>,
    /// Every so often, counted from midnight UTC: `15m`, `6h`. At least `10s`.
    every: Option<String>,
    /// Its zone: `Europe/Berlin`. Default: the setting `schedule.timezone`.
    timezone: Option<String>,
    /// Each run waits up to this long, always the same for the same run: `5m`. At most `6h`.
    jitter: Option<String>,
    /// Days without a run: a file of the definition's folder with a date a line, or the dates themselves.
    except: Option<TextOrMore>,
    /// Each person of the room in `to` has it at their own local time, and is answered directly.
    per_person_zone: Option<bool>,
    /// What becomes of runs that nobody was there for. Default: `once`.
    missed: Option<Missed>,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) enum Missed {
    /// Nothing.
    Skip,
    /// The last of them is made up for.
    Once,
    /// Each is made up for, the last hundred of them.
    All,
}

/// A hook that other programs post to. Several tables of one name are one hook with several rules.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) struct Inbound {
    /// The last part of its path.
    #[schemars(regex(pattern = r"^[a-z0-9_-]{1,64}$"))]
    name: String,
    /// Who may post; in the first table of its name.
    auth: Option<Auth>,
    /// What makes two posts the same; a template over `payload` and `headers`. Default: nothing does.
    dedupe: Option<String>,
    /// Largest body in bytes. Default: 262144.
    #[schemars(range(min = 1024, max = 4_194_304))]
    body_limit: Option<u32>,
}

/// One of them. Secrets are `env:NAME` or `file:/path` below `secrets.dirs`, never the secret itself.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) struct Auth {
    /// Whoever sends the secret: as `Authorization: Bearer …`, or alone in a header.
    bearer: Option<Bearer>,
    /// Whoever sends a name and a password.
    basic: Option<Basic>,
    /// Whoever signs the body.
    hmac: Option<Hmac>,
    /// `true`: whoever reaches the internal listener.
    none: Option<bool>,
}

#[derive(Debug, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) enum Bearer {
    /// Where the secret is; it comes as `Authorization: Bearer …`.
    Secret(String),
    /// It comes alone in a header.
    Table(BearerTable),
}

#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) struct BearerTable {
    /// Where the secret is.
    secret: String,
    /// The header it comes in alone. Default: `Authorization`, behind `Bearer`.
    header: Option<String>,
}

#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) struct Basic {
    /// The name.
    user: String,
    /// Where the password is.
    password: String,
}

#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) struct Hmac {
    /// Where the secret is.
    secret: String,
    /// The header with the signature.
    header: String,
    /// What stands before the signature in the header: `sha256=`. Default: nothing.
    prefix: Option<String>,
    /// What it is made with. Default: `sha256`.
    algorithm: Option<Algorithm>,
    /// How its bytes are written. Default: `hex`.
    encoding: Option<Encoding>,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) enum Algorithm {
    Sha1,
    Sha256,
    Sha512,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) enum Encoding {
    Hex,
    Base64,
}
