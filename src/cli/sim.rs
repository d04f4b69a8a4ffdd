//! `botyard sim`: the simulated Webex cloud alone.

use std::{error::Error, fmt::Write as _, net::SocketAddr, num::NonZeroUsize, path::Path};

use super::{
    args::{SettingsArgs, SimArgs},
    control::{Control, Person},
    exit::Exit,
    failure::{Failure, Outcome},
    settings,
    talk::Screen,
};
use crate::{
    settings::{LogFormat, Role, Settings},
    shutdown::{Asked, Signals},
    sim::{self, Retention, SimError, SimOptions},
    telemetry::log,
};

/// Threads at most: what is simulated is behind one lock, so more only wait.
const MOST_THREADS: usize = 4;
/// People in the list that is printed at start.
const MOST_PEOPLE: usize = 12;

/// Runs the command.
pub(super) fn sim(from: &SettingsArgs, args: &SimArgs) -> Outcome {
    let settings = settings::load_for(from, Role::Other)?;
    log::init(&settings.log.level, settings.log.format == LogFormat::Json).map_err(Failure::refused)?;
    let options = options(&settings, args)?;
    let with_faults = options.faults.is_some() || options.seed.is_some();
    actix_rt::System::new().block_on(async move {
        let mut signals = Signals::listen().map_err(Failure::fault)?;
        let simulator = sim::start(options).await.map_err(|error| refused(&error))?;
        let control = Control::new(&root_url(simulator.addr())).map_err(Failure::fault)?;
        let people = control.people().await.map_err(Failure::fault)?;
        let chance = with_faults.then(|| simulator.chance_seed());
        Screen::default().show(&welcome(control.url(), &people, args.state.as_deref(), chance));
        while signals.next().await != Asked::Stop {}
        simulator.stop().await;
        Ok(Exit::Fine)
    })
}

fn options(settings: &Settings, args: &SimArgs) -> Result<SimOptions, Failure> {
    let listen = match &args.listen {
        Some(text) => address(text)?,
        None => settings.sim.listen,
    };
    let set = from_settings(settings, listen);
    let kept =
        |flag: Option<u32>, setting: usize| flag.map_or(setting, |kept| usize::try_from(kept).unwrap_or(setting));
    Ok(SimOptions {
        allow_remote: set.allow_remote || args.allow_remote,
        threads: std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MOST_THREADS),
        requests_per_minute: args.requests_per_minute.unwrap_or(set.requests_per_minute),
        seed: args.seed.clone().or(set.seed),
        faults: args.faults.clone().or(set.faults),
        chance_seed: args.chance_seed.or(set.chance_seed),
        state: args.state.clone(),
        retention: Retention {
            messages: kept(args.keep_messages, set.retention.messages),
            actions: kept(args.keep_actions, set.retention.actions),
            journal: kept(args.keep_journal, set.retention.journal),
            file_bytes: kept(args.keep_file_bytes, set.retention.file_bytes),
        },
        ..set
    })
}

/// A simulator as `[sim]` wants it.
pub(super) fn from_settings(settings: &Settings, listen: SocketAddr) -> SimOptions {
    let sim = &settings.sim;
    SimOptions {
        allow_remote: sim.allow_remote,
        requests_per_minute: sim.budget_per_minute,
        seed: sim.seed.clone(),
        faults: sim.faults.clone(),
        chance_seed: sim.chance_seed,
        retention: Retention {
            messages: sim.keep_messages,
            actions: sim.keep_actions,
            journal: sim.keep_journal,
            file_bytes: sim.keep_file_bytes,
        },
        ..SimOptions::new(listen)
    }
}

/// `127.0.0.1:7070`, or a port alone.
fn address(text: &str) -> Result<SocketAddr, Failure> {
    let port = text.strip_prefix(':').unwrap_or(text).parse::<u16>().ok();
    let address = port.map(|port| SocketAddr::from(([127, 0, 0, 1], port))).or_else(|| text.parse().ok());
    address.ok_or_else(|| Failure::usage(format!("`--listen {text}` is no address; it looks like `127.0.0.1:7070`")))
}

/// A simulator that does not start: everything that is wrong, down to the operating system's word.
pub(super) fn refused(error: &SimError) -> Failure {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    Failure::refused(text)
}

/// How this machine reaches a simulator that listens there, as in `http://127.0.0.1:7070`.
pub(super) fn root_url(listens: SocketAddr) -> String {
    let mut reached = listens;
    if listens.ip().is_unspecified() {
        reached.set_ip(if listens.is_ipv4() { [127, 0, 0, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() });
    }
    format!("http://{reached}")
}

/// What a person needs to use it.
fn welcome(url: &str, people: &[Person], state: Option<&Path>, chance: Option<u64>) -> String {
    let mut text = format!(
        "the simulated Webex cloud runs; nothing reaches real people\n\n  \
         Webex API    {url}/v1   (a service runs on it with BOTYARD_WEBEX__API_URL={url}/v1)\n  \
         control API  {url}/sim\n\n  people and their tokens\n"
    );
    let humans: Vec<&Person> = people.iter().filter(|person| !person.bot).collect();
    let width = humans.iter().take(MOST_PEOPLE).map(|person| person.email.len()).max().unwrap_or_default();
    for person in humans.iter().take(MOST_PEOPLE) {
        let token = person.tokens.first().map_or("no token", String::as_str);
        let _ = writeln!(text, "    {:<width$}  {token}", person.email);
    }
    if humans.len() > MOST_PEOPLE {
        let _ = writeln!(text, "    and {} more: GET {url}/sim/people", humans.len() - MOST_PEOPLE);
    }
    text.push_str("  bots: any token `sim-bot-NAME` is the bot `NAME@webex.bot` from its first use on\n\n");
    if let Some(seed) = chance {
        let _ = writeln!(text, "  faults are drawn from {seed}; `--chance-seed {seed}` draws the same again");
    }
    match state {
        Some(path) => _ = writeln!(text, "  everything is kept in `{}`", path.display()),
        None => text.push_str("  nothing is kept when it ends; `--state FILE` keeps it\n"),
    }
    text.push_str("\nCtrl-C ends it");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::LoadOptions;

    #[test]
    fn an_address_may_be_a_port_alone() {
        for text in ["127.0.0.1:7171", "7171", ":7171"] {
            assert_eq!(address(text).unwrap(), SocketAddr::from(([127, 0, 0, 1], 7171)));
        }
        assert_eq!(address("seven").unwrap_err().tell(), Exit::Usage);
    }

    #[test]
    fn flags_go_over_settings() {
        let settings = Settings::load(&LoadOptions::default()).unwrap();
        assert_eq!(options(&settings, &SimArgs::default()).unwrap().listen, settings.sim.listen);
        let args = SimArgs {
            listen: Some("[::1]:1".into()),
            requests_per_minute: Some(0),
            keep_journal: Some(0),
            seed: Some("s.toml".into()),
            ..SimArgs::default()
        };
        let options = options(&settings, &args).unwrap();
        assert_eq!((options.listen, options.requests_per_minute), ("[::1]:1".parse().unwrap(), 0));
        assert_eq!(options.retention, Retention { journal: 0, ..Retention::default() });
        assert_eq!(options.seed.as_deref(), Some(Path::new("s.toml")));
    }

    #[test]
    fn one_that_listens_everywhere_is_reached_on_this_machine() {
        assert_eq!(root_url("0.0.0.0:7070".parse().unwrap()), "http://127.0.0.1:7070");
        assert_eq!(root_url("[::]:7070".parse().unwrap()), "http://[::1]:7070");
    }

    #[test]
    fn what_is_wrong_is_told_down_to_the_operating_system() {
        let source = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let error = SimError::StateFile { path: "/x/state.json".into(), source };
        assert_eq!(format!("{:?}", refused(&error)).matches("permission denied").count(), 1);
    }

    #[test]
    fn the_welcome_has_what_a_person_needs() {
        let person = |email: &str, token: &str| Person {
            email: email.into(),
            name: String::new(),
            bot: false,
            tokens: vec![token.into()],
        };
        let people = [person("admin@example.com", "sim-admin"), person("bob@example.com", "sim-bob")];
        insta::assert_snapshot!(welcome("http://127.0.0.1:7070", &people, None, None));
        let drawn = welcome("http://127.0.0.1:7070", &people, None, Some(42));
        assert!(drawn.contains("`--chance-seed 42`"), "{drawn}");
    }
}
