//! `botyard serve`: the service.

use tokio::sync::watch;

use super::{
    args::SettingsArgs,
    exit::Exit,
    failure::{Failure, Outcome},
    settings,
};
use crate::{
    actors::{bells::BellFaults, roster::TokenPolicy, runner::Making},
    app::{App, AppOptions, Threads, Use},
    base::{Breaking, Clock, breaking},
    settings::{LogFormat, Role},
    shutdown::{Asked, Signals},
    telemetry::log,
};

/// Runs the command.
pub(super) fn serve(from: &SettingsArgs) -> Outcome {
    let settings = settings::load_for(from, Role::Serve)?;
    log::init(&settings.log.level, settings.log.format == LogFormat::Json).map_err(Failure::refused)?;
    let options = AppOptions {
        tokens: TokenPolicy::Definitions { secret_dirs: settings.secrets.dirs.clone() },
        settings,
        used_for: Use::Serve,
        clock: Clock::System,
        threads: Threads::Many,
        notified: true,
        bell_faults: BellFaults::default(),
        breaking: breaking_points()?,
        making: Making::Real,
    };
    actix_rt::System::new().block_on(async move {
        let signals = Signals::listen().map_err(Failure::fault)?;
        let (public_url, bots_dir) = (options.settings.public_url.clone(), options.settings.bots_dir.clone());
        let app = App::start(options).await.map_err(Failure::refused)?;
        let bots = app.bots().await.len();
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            listen = %app.ingress_addr(),
            admin = %app.admin_addr(),
            public_url,
            bots,
            "botyard serves"
        );
        if bots == 0 {
            tracing::warn!(?bots_dir, "there are no bots: drop a definition into one of the folders of `bots_dir`");
        }
        until_stopped(app, signals).await
    })
}

/// Where a test breaks the program; a build without such places refuses to be told any.
fn breaking_points() -> Result<Breaking, Failure> {
    Breaking::parse(&std::env::var(breaking::VARIABLE).unwrap_or_default()).map_err(Failure::refused)
}

/// Waits until something fatal is told; `None` when nobody is left to tell it.
pub(super) async fn told(fatal: &mut watch::Receiver<Option<String>>) -> Option<String> {
    fatal.wait_for(Option::is_some).await.ok()?.clone()
}

/// Runs the app until it is asked to stop, then drains it; a second word ends it at once.
pub(super) async fn until_stopped(app: App, mut signals: Signals) -> Outcome {
    let mut fatal = app.fatal();
    loop {
        tokio::select! {
            asked = signals.next() => match asked {
                Asked::Stop => break,
                Asked::Reload => app.reload(),
            },
            Some(reason) = told(&mut fatal) => return Err(lost(&reason)),
        }
    }
    drain(app, signals).await
}

/// Why the process ends by itself: the disk no longer keeps its word, or what nobody can make anew panicked.
pub(super) fn lost(reason: &str) -> Failure {
    Failure::fault(format!(
        "{reason}; nothing more is accepted, because it could be lost; the next start goes on with what was"
    ))
}

/// Drains the app; a second word ends it at once.
pub(super) async fn drain(app: App, mut signals: Signals) -> Outcome {
    tracing::info!("stopping: what is in hand is finished; once more ends at once");
    let mut fatal = app.fatal();
    let mut draining = std::pin::pin!(app.shutdown());
    loop {
        tokio::select! {
            () = &mut draining => return Ok(Exit::Fine),
            asked = signals.next() => if asked == Asked::Stop {
                tracing::warn!("stopped at once; what was in hand is done again at the next start");
                return Ok(Exit::Fine);
            },
            Some(reason) = told(&mut fatal) => return Err(lost(&reason)),
        }
    }
}
