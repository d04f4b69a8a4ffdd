//! `botyard restore`: puts a backup into the data dir, while no service runs.

use serde_json::json;

use super::{out, run, user};
use crate::{
    app::Use,
    base::Clock,
    cli::{
        args::{RestoreArgs, SettingsArgs},
        exit::Exit,
        failure::{Failure, Outcome},
        settings,
    },
    store::sqlite::{PutBack, RestoreError, RestoreOrder, SealKey, restore as put_back},
};

/// `botyard restore`
pub(in crate::cli) fn restore(from: &SettingsArgs, args: &RestoreArgs) -> Outcome {
    let settings = settings::load(from)?;
    let dir = settings.data_dir.clone();
    let seal = SealKey::load(&dir, settings.seal.key.clone(), settings.seal.key_file.as_deref());
    let order = RestoreOrder {
        data_dir: dir.clone(),
        file: args.file.clone(),
        seal: seal.map_err(Failure::refused)?,
        clock: Clock::System,
        by: user::command_line(),
        force: args.force,
        instance: settings.instance.to_string(),
        purpose: Use::so_far(&dir),
    };
    run(async {
        let done = put_back(order).await.map_err(|error| match error {
            RestoreError::Unwritable(_) => Failure::refused(error),
            error => Failure::problem(error),
        })?;
        Use::note(&dir, &done.purpose).map_err(|error| Failure::problem(format!("`{}`: {error}", dir.display())))?;
        let told = if args.json { json(&done) } else { text(&done, settings.instance.as_str()) };
        out::print(&told)?;
        Ok(Exit::Fine)
    })
}

fn json(done: &PutBack) -> String {
    json!({
        "taken_at": done.taken_at,
        "instance": done.instance,
        "bots": done.bots,
        "pending": done.pending,
        "replaced": done.replaced,
    })
    .to_string()
}

fn text(done: &PutBack, instance: &str) -> String {
    let PutBack { taken_at, bots, pending, .. } = done;
    let mut lines = vec![format!(
        "the backup of {} is in its place: {bots} bots, {pending} events and deliveries waiting",
        out::moment(*taken_at)
    )];
    if let Some(replaced) = &done.replaced {
        lines.push(format!("what stood there before is in `{}`; delete it when all is well", replaced.display()));
    }
    if done.instance != instance {
        lines.push(format!(
            "it was taken of the instance `{}`, and this one is `{instance}`: webhooks that the other one made stay at \
             Webex, and would double the answers; set `instance` (BOTYARD_INSTANCE) if this one takes its place",
            out::plain(&done.instance)
        ));
    }
    lines.push(
        "the next start is held: it stores what comes in, and sends nothing. Look at it with `botyard bots`, then let \
         it go on with `botyard resume --all`"
            .to_owned(),
    );
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Millis;

    #[test]
    fn a_restore_says_what_was_done_and_what_comes_next() {
        let done = PutBack {
            taken_at: Millis(1_767_225_600_000),
            instance: "main".into(),
            purpose: "serve".into(),
            bots: 3,
            pending: 7,
            replaced: Some("data/replaced-20260102T000000Z".into()),
        };
        insta::assert_snapshot!(text(&done, "main"));
        let moved = PutBack { replaced: None, ..done };
        let told = text(&moved, "other");
        assert!(told.contains("taken of the instance `main`") && !told.contains("replaced"), "{told}");
    }
}
