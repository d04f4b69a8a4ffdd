//! `botyard backup`: by the running service, which writes the file; with none running from the store.

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;
use serde_json::json;

use super::{
    client::Client,
    out, run,
    service::{self, Absent},
    source, user,
};
use crate::{
    actors::archivist::{BackupReport, BackupState},
    app::Use,
    cli::{
        args::{BackupArgs, SettingsArgs},
        exit::Exit,
        failure::{Failure, Outcome},
        settings,
    },
    settings::Settings,
    store::{BackupOrder, BackupProgress, BackupStage, BackupTaken, Store},
};

/// How often it is asked how far it is.
const LOOK: Duration = Duration::from_millis(200);

const MEGABYTE: u64 = 1 << 20;

/// `botyard backup`
pub(in crate::cli) fn backup(from: &SettingsArgs, args: &BackupArgs) -> Outcome {
    let settings = settings::load(from)?;
    // The service may have been started elsewhere: what is meant is what is seen from here.
    let file =
        std::path::absolute(&args.file).map_err(|error| Failure::problem(format!("no file is named: {error}")))?;
    run(async {
        let taken = match service::find(&settings).await {
            Ok(service) => by_service(&service.client(settings.admin.token_file.as_deref())?, &file, args.force).await,
            Err(absent) => alone(&settings, &absent, file, args.force).await,
        };
        let taken = taken?;
        out::print(&if args.json { json!(taken).to_string() } else { text(&taken) })?;
        out::say(&beside(&settings));
        Ok(Exit::Fine)
    })
}

async fn by_service(client: &Client, file: &Path, force: bool) -> Result<BackupTaken, Failure> {
    #[derive(Deserialize)]
    struct Answer {
        backup: Option<BackupReport>,
    }
    let strange = || Failure::fault("the service does not say how the backup is");
    let begun: Answer = client.post("/v1/backup", &json!({ "file": file, "force": force })).await?.read()?;
    let mut report = begun.backup.ok_or_else(strange)?;
    let (id, mut shown) = (report.id, Shown::default());
    while report.state == BackupState::Running {
        tokio::time::sleep(LOOK).await;
        let answer: Answer = client.get("/v1/backup").await?.read()?;
        report = answer.backup.filter(|report| report.id == id).ok_or_else(strange)?;
        shown.show(report.stage, report.done, report.of);
    }
    shown.end();
    let why = report.error.unwrap_or_else(|| "it does not say why".to_owned());
    report.taken.ok_or_else(|| {
        Failure::problem(format!("no backup was made: {why} (the service writes the file, as the user it runs as)"))
    })
}

async fn alone(settings: &Settings, absent: &Absent, file: PathBuf, force: bool) -> Result<BackupTaken, Failure> {
    let dir = service::data_dirs(settings).into_iter().find(|dir| source::has_store(dir));
    let Some(dir) = dir else { return Err(absent.failure()) };
    let store = source::open(settings, dir.clone(), absent).await?;
    let progress = BackupProgress::default();
    let order = BackupOrder {
        file,
        force,
        instance: settings.instance.to_string(),
        purpose: Use::so_far(&dir).unwrap_or_else(|| "serve".to_owned()),
        by: user::command_line(),
        progress: progress.clone(),
    };
    let mut shown = Shown::default();
    let mut making = std::pin::pin!(store.backup(order));
    let made = loop {
        tokio::select! {
            made = &mut making => break made,
            () = tokio::time::sleep(LOOK) => {
                let (stage, done, of) = progress.look();
                shown.show(stage, done, of);
            }
        }
    };
    shown.end();
    // The copy stands for itself, however the store closes.
    let _ = store.close().await;
    made.map_err(source::broken)?.map_err(|error| Failure::problem(format!("no backup was made: {error}")))
}

/// The line on the terminal that says how far it is; nothing where nobody looks.
#[derive(Default)]
struct Shown {
    any: bool,
}

impl Shown {
    fn show(&mut self, stage: BackupStage, done: u64, of: u64) {
        if io::stderr().is_terminal() {
            self.any = true;
            let _ = write!(io::stderr(), "\r\u{1b}[K{}", how_far(stage, done, of));
        }
    }

    fn end(&self) {
        if self.any {
            let _ = write!(io::stderr(), "\r\u{1b}[K");
        }
    }
}

fn how_far(stage: BackupStage, done: u64, of: u64) -> String {
    match stage {
        BackupStage::Copying => format!("copying: {} of {} MB", done / MEGABYTE, of.div_ceil(MEGABYTE)),
        BackupStage::Checking => "checking what was copied".to_owned(),
    }
}

fn text(taken: &BackupTaken) -> String {
    let BackupTaken { file, taken_at, bytes, bots, pending, .. } = taken;
    format!(
        "{}: the store of {}, checked; {bots} {}, {pending} events and deliveries waiting, {:.1} MB",
        out::plain(&file.display().to_string()),
        out::moment(*taken_at),
        if *bots == 1 { "bot" } else { "bots" },
        f64::from(u32::try_from(bytes / 1024).unwrap_or(u32::MAX)) / 1024.0
    )
}

/// What is not in it.
fn beside(settings: &Settings) -> String {
    let key = match (&settings.seal.key, &settings.seal.key_file) {
        (Some(_), _) => "the value of `seal.key`".to_owned(),
        (None, Some(file)) => format!("`{}`", file.display()),
        (None, None) => format!("`{}`", settings.data_dir.join("seal.key").display()),
    };
    format!(
        "the seal key is not in it: keep {key} as well, in another place; without it no token and no webhook secret in \
         the backup can be opened. Your definitions and settings are files of yours: keep them, too"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::Millis, settings::LoadOptions};

    #[test]
    fn a_backup_is_told_with_what_is_not_in_it() {
        let taken = BackupTaken {
            file: "/srv/b.db".into(),
            taken_at: Millis(1_767_225_600_000),
            bytes: 1_300_000,
            schema: 4,
            bots: 3,
            pending: 7,
        };
        let overrides = |pairs: &[(&str, &str)]| {
            let overrides = pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
            Settings::load(&LoadOptions { overrides, ..LoadOptions::default() }).unwrap()
        };
        insta::assert_snapshot!(text(&taken) + "\n" + beside(&overrides(&[])).as_str());
        assert!(beside(&overrides(&[("seal.key_file", "/run/k")])).contains("keep `/run/k` as well"));
        let secret = "ab".repeat(32);
        let by_value = beside(&overrides(&[("seal.key", &secret)]));
        assert!(by_value.contains("the value of `seal.key`") && !by_value.contains(&secret), "{by_value}");
    }

    #[test]
    fn progress_is_in_megabytes() {
        assert_eq!(how_far(BackupStage::Copying, 5 << 20, (12 << 20) + 1), "copying: 5 of 13 MB");
        assert!(how_far(BackupStage::Checking, 1, 1).contains("checking"));
    }
}
