//! `botyard seal rotate`: by the running service; with none running, in the store itself.

use serde_json::json;

use super::{
    client::Trouble,
    out, run,
    service::{self, Absent},
    source, user,
};
use crate::{
    cli::{
        args::{SealCommand, SettingsArgs},
        exit::Exit,
        failure::{Failure, Outcome},
        settings,
    },
    settings::Settings,
    store::{Rotated, Store as _, StoreError},
};

/// `botyard seal rotate`
pub(in crate::cli) fn seal(from: &SettingsArgs, command: &SealCommand) -> Outcome {
    let SealCommand::Rotate(args) = command;
    let settings = settings::load(from)?;
    run(async {
        let rotated = match service::find(&settings).await {
            Ok(service) => {
                let client = service.client(settings.admin.token_file.as_deref())?;
                client.post("/v1/seal/rotate", &json!({})).await.map_err(goes_on)?.read()?
            }
            Err(absent) => alone(&settings, &absent).await?,
        };
        out::print(&if args.json { json!(rotated).to_string() } else { text(&rotated) })?;
        Ok(Exit::Fine)
    })
}

fn goes_on(trouble: Trouble) -> Failure {
    match trouble {
        Trouble::Slow { .. } => Failure::problem(format!(
            "{trouble}; it goes on with the new key: `botyard audit --act seal` shows when it is done"
        )),
        other => other.into(),
    }
}

async fn alone(settings: &Settings, absent: &Absent) -> Result<Rotated, Failure> {
    if !source::has_store(&settings.data_dir) {
        return Err(absent.failure());
    }
    let store = source::open(settings, settings.data_dir.clone(), absent).await?;
    let rotated = store.rotate_seal(user::command_line()).await;
    let closed = store.close().await;
    let rotated = rotated.map_err(|error| match error {
        StoreError::Refused(why) => Failure::problem(why),
        other => source::broken(other),
    })?;
    closed.map_err(source::broken)?;
    Ok(rotated)
}

/// What it came to, for people.
fn text(rotated: &Rotated) -> String {
    let Rotated { key, was, rows, unreadable, old_key_file, to_do } = rotated;
    let secrets = if *rows == 1 { "1 secret is".to_owned() } else { format!("{rows} secrets are") };
    let mut lines = vec![format!("{secrets} sealed with the new key `{key}` (before: `{was}`)")];
    if *unreadable > 0 {
        lines.push(format!("{unreadable} could not be opened by any key, and were left as they are: see the log"));
    }
    lines.extend(old_key_file.as_ref().map(|file| {
        format!("the old key is kept in `{file}`: backups and snapshots from before need it; delete it with the last of them")
    }));
    lines.extend(
        to_do.as_ref().map(|to_do| format!("to do: {to_do}; keep the old one for backups and snapshots from before")),
    );
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_came_to_says_where_the_old_key_is_and_what_is_left_to_do() {
        let own = Rotated {
            key: "1a2b3c4d5e6f7081".into(),
            was: "9a2b3c4d5e6f7082".into(),
            rows: 12,
            unreadable: 0,
            old_key_file: Some("data/seal.key.old-9a2b3c4d5e6f7082".into()),
            to_do: None,
        };
        insta::assert_snapshot!(text(&own), @"
        12 secrets are sealed with the new key `1a2b3c4d5e6f7081` (before: `9a2b3c4d5e6f7082`)
        the old key is kept in `data/seal.key.old-9a2b3c4d5e6f7082`: backups and snapshots from before need it; delete it with the last of them
        ");
        let given = Rotated {
            rows: 1,
            unreadable: 2,
            old_key_file: None,
            to_do: Some("give that key by `seal.key_file`".into()),
            ..own
        };
        insta::assert_snapshot!(text(&given), @"
        1 secret is sealed with the new key `1a2b3c4d5e6f7081` (before: `9a2b3c4d5e6f7082`)
        2 could not be opened by any key, and were left as they are: see the log
        to do: give that key by `seal.key_file`; keep the old one for backups and snapshots from before
        ");
    }
}
