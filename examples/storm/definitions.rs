//! What definitions cost that use the whole language: how long a thousand take to check, and what a bot of each is
//! in memory.

use std::{
    fmt::Write as _,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use serde_json::Value;

use crate::{
    fleet,
    process::Memory,
    service::Plan,
    stage::{Setup, Stage, tell},
};

/// Checks in a row: the first reads the files from the disk, the best is what the program costs.
const CHECKS: usize = 5;

/// What came of it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Definitions {
    pub(crate) bots: usize,
    /// Bytes of one definition.
    pub(crate) bytes: u64,
    /// `botyard check` of all of them as a whole process, the fastest and the slowest of five.
    pub(crate) check_seconds: (f64, f64),
    /// The service with a bot of each, idle.
    pub(crate) idle: Memory,
}

/// Checks them, then runs a bot of each.
pub(crate) async fn definitions(setup: &Setup, bots: usize) -> Result<Definitions> {
    let plan = Plan { bots, rich: true, ..setup.plan.clone() };
    let check_seconds = check(&plan)?;
    let (stage, _) = Stage::open(&plan, bots, setup.show_metrics).await?;
    let idle = stage.memory()?;
    stage.close().await?;
    Ok(Definitions { bots, bytes: u64::try_from(fleet::definition(0, true).len())?, check_seconds, idle })
}

fn check(plan: &Plan) -> Result<(f64, f64)> {
    let folder = tempfile::Builder::new().prefix("storm-").tempdir_in(&plan.dir)?;
    fleet::write_definitions(folder.path(), plan.bots, true)?;
    tell(&format!("check: {} definitions, {CHECKS} times …", plan.bots));
    let mut took = Vec::new();
    for _ in 0..CHECKS {
        let began = Instant::now();
        let mut check = Command::new(&plan.botyard);
        check.arg("check").arg(folder.path()).arg("--json").stdin(Stdio::null()).env_clear();
        let checked = check.output().context("`botyard check` does not run")?;
        took.push(began.elapsed().as_secs_f64());
        let said: Value = serde_json::from_slice(&checked.stdout).context("`botyard check --json` is no JSON")?;
        if said["good"] != plan.bots || said["errors"] != 0 {
            bail!("something is wrong with the definitions: {}", said["diagnostics"][0]);
        }
    }
    took.sort_by(f64::total_cmp);
    Ok((took[0], took[took.len() - 1]))
}

/// What a definition has beside what every bot of a load has: arguments, a dialogue, memory, timers, a card pressed
/// once, a schedule and a hook for another program.
pub(crate) fn rich(bot: usize, file: &mut String) {
    for command in 0..8 {
        let _ = write!(
            file,
            r#"
[[command]]
usage = "page{command} <team> [count:int] [--urgent] [message...]"
help = "Page a team of site {bot}"
when = "room.type == 'group' or args.urgent"
remember = {{ scope = "bot", key = "pages{command}", add = 1 }}
reply = {{ markdown = "**{{{{ args.team }}}}** is paged ({{{{ state.bot.pages{command} }}}}): {{{{ args.message }}}}", key = "page-{command}-{{{{ args.team }}}}" }}

[[command]]
pattern = '(?i)\bcase-{command}-{bot}-(?<number>\d{{4,6}})\b'
reply = {{ markdown = "[Case {{{{ match.number }}}}](https://cases.example.com/{bot}/{{{{ match.number }}}})", thread = true }}
"#
        );
    }
    let _ = write!(
        file,
        r#"
[[command]]
words = ["book"]
help = "Book a room of site {bot}"
flow = "booking"

[flow.booking]
timeout = "10m"
on_timeout = "Too late; say `book` again."

[[flow.booking.step]]
name = "when"
ask = "When, {{{{ person.first_name }}}}?"
expect = "date"

[[flow.booking.step]]
name = "people"
ask = "How many people?"
expect = "int"
check = "dialogue.people > 0 and dialogue.people < 50"

[[flow.booking.step]]
name = "sure"
confirm = true
ask = "{{{{ dialogue.people }}}} people on {{{{ dialogue.when }}}}: book it?"
end = "Booked."

[[command]]
words = ["remind"]
timer = {{ name = "remind-{{{{ person.id }}}}", after = "1h", value = "{{{{ args.rest }}}}" }}
reply = "I will."

[[on]]
event = "timer"
to = "person"
reply = "You asked me to remind you: {{{{ event.value }}}}"

[[on]]
card = "approve"
once = true
already = "Somebody was faster."
reply = {{ text = "Approved by {{{{ person.display_name }}}}.", replace = true }}

[[schedule]]
name = "standup"
cron = "0 9 * * MON-FRI"
timezone = "Europe/Berlin"
to = "topic:standup"
reply = "Stand-up time at site {bot}!"

[[inbound]]
name = "alert"
auth = {{ bearer = "env:STORM_HOOK" }}
to = "topic:alerts"
reply = {{ markdown = "**{{{{ payload.title }}}}** at site {bot}", key = "{{{{ payload.id }}}}" }}
"#
    );
}
