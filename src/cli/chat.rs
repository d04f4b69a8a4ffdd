//! `botyard chat BOT`: talk to a bot through the simulator, at a prompt or without one.

mod script;

use std::{path::Path, time::Duration};

use self::script::Script;
use super::{
    args::{ChatArgs, SettingsArgs},
    control::{Control, ControlError},
    exit::Exit,
    failure::{Failure, Outcome},
    settings,
    talk::{self, After, Bot, Prompt, Screen, Talk},
};
use crate::{
    app::Endpoint,
    settings::Settings,
    shutdown::{Asked, Signals},
};

/// Runs the command.
pub(super) fn chat(from: &SettingsArgs, args: &ChatArgs) -> Outcome {
    let settings = settings::load(from)?;
    let steps = script::steps(args)?;
    let prompted = steps.is_empty() && talk::possible();
    if prompted && args.json {
        return Err(Failure::usage("`--json` is for programs: give `--once`, `--press` or lines on standard input"));
    }
    actix_rt::System::new().block_on(async move {
        let control = find(args.sim.as_deref(), &settings).await.map_err(Failure::problem)?;
        let bot = Bot::named(&args.bot);
        let people = control.people().await.map_err(Failure::problem)?;
        if !people.iter().any(|person| person.bot && person.email == bot.email) {
            return Err(Failure::problem(talk::unknown_bot(&bot, &people)));
        }
        let after = control.seq().await.map_err(Failure::problem)?;
        let news = talk::follow(control.clone(), after);
        let screen = Screen::default();
        let me = talk::address(&args.person, "example.com");
        if prompted {
            return prompt(Talk::new(control.clone(), screen.clone(), &me, bot), &control, screen, news).await;
        }
        let (wait, silence) = (Duration::from_secs(args.wait), Duration::from_millis(args.silence));
        let talk = Talk::scripted(control, screen.clone(), &me, bot);
        let script = Script { talk, screen, news, wait, silence, json: args.json };
        if steps.is_empty() { script.each_line().await } else { script.all(steps).await }
    })
}

/// Where the simulator may be, the likeliest first.
fn candidates(said: Option<&str>, settings: &Settings) -> Vec<String> {
    if let Some(url) = said {
        return vec![url.to_owned()];
    }
    let running = |dir: &Path| Endpoint::read(dir)?.simulator;
    let dirs = [settings.data_dir.join("dev"), settings.data_dir.clone()];
    let mut urls: Vec<String> = dirs.iter().filter_map(|dir| running(dir)).collect();
    urls.push(settings.sim.listen.to_string());
    urls
}

/// The first simulator that answers: a service that was killed leaves its address behind.
async fn find(said: Option<&str>, settings: &Settings) -> Result<Control, ControlError> {
    let mut last = None;
    for url in candidates(said, settings) {
        let control = Control::new(&url)?;
        match control.seq().await {
            Ok(_) => return Ok(control),
            Err(error) => last = Some(error),
        }
    }
    let nowhere =
        || ControlError::Unreachable { url: settings.sim.listen.to_string(), reason: "no address".to_owned() };
    Err(last.unwrap_or_else(nowhere))
}

async fn prompt(
    mut talk: Talk,
    control: &Control,
    screen: Screen,
    mut news: tokio::sync::mpsc::Receiver<talk::News>,
) -> Outcome {
    let mut signals = Signals::listen().map_err(Failure::fault)?;
    screen.show(&format!(
        "talking to {} at {}; `/help` lists what else there is, Ctrl-D ends",
        talk.bot().name,
        control.url()
    ));
    let mut prompt = Prompt::start(screen)?;
    prompt.ask(talk.prompt());
    loop {
        tokio::select! {
            line = prompt.line() => {
                let Some(line) = line else { return Ok(Exit::Fine) };
                match talk.hear(&line).await {
                    After::Ask | After::Sent(_) => {}
                    After::ListBots => talk.list_bots().await,
                    After::End => return Ok(Exit::Fine),
                }
                prompt.ask(talk.prompt());
            }
            Some(happened) = news.recv() => talk.show(&happened),
            asked = signals.next() => if asked == Asked::Stop {
                return Ok(Exit::Fine);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::LoadOptions;

    #[test]
    fn a_simulator_that_is_named_is_the_only_one() {
        let settings = Settings::load(&LoadOptions::default()).unwrap();
        assert_eq!(candidates(Some("http://sim:1"), &settings), ["http://sim:1"]);
    }

    #[test]
    fn a_running_dev_is_found_before_the_usual_address() {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = Settings::load(&LoadOptions::default()).unwrap();
        settings.data_dir = dir.path().to_owned();
        assert_eq!(candidates(None, &settings), ["127.0.0.1:7070"]);
        std::fs::create_dir(dir.path().join("dev")).unwrap();
        let left = r#"{"pid":1,"listen":"127.0.0.1:1","admin":"127.0.0.1:2","simulator":"http://127.0.0.1:3"}"#;
        std::fs::write(dir.path().join("dev/service.json"), left).unwrap();
        assert_eq!(candidates(None, &settings), ["http://127.0.0.1:3", "127.0.0.1:7070"]);
    }
}
