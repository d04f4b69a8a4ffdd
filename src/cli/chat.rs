//! `botyard chat BOT`: talk to a bot through the simulator.

use std::{
    io::{BufRead, Write},
    path::Path,
    time::Duration,
};

use super::{
    args::{ChatArgs, SettingsArgs},
    control::{Control, ControlError, Words},
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
    actix_rt::System::new().block_on(async move {
        let control = find(args.sim.as_deref(), &settings).await.map_err(Failure::problem)?;
        let bot = Bot::named(&args.bot);
        let people = control.people().await.map_err(Failure::problem)?;
        if !people.iter().any(|person| person.bot && person.email == bot.email) {
            return Err(Failure::problem(talk::unknown_bot(&bot, &people)));
        }
        let chat =
            Chat { control, bot, me: talk::address(&args.person, "example.com"), wait: Duration::from_secs(args.wait) };
        match &args.once {
            Some(text) => chat.once(text).await,
            None if talk::possible() => chat.prompt().await,
            None => chat.each_line().await,
        }
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

struct Chat {
    control: Control,
    bot: Bot,
    me: String,
    wait: Duration,
}

impl Chat {
    /// Says one thing; the answer alone goes to stdout.
    async fn once(&self, text: &str) -> Outcome {
        match self.ask(text).await? {
            Some(answer) => {
                say_out(&answer)?;
                Ok(Exit::Fine)
            }
            None => Err(self.silence()),
        }
    }

    /// Without a terminal: each line of stdin is said, each answer is a part of stdout.
    async fn each_line(&self) -> Outcome {
        for line in std::io::stdin().lock().lines() {
            let line = line.map_err(Failure::problem)?;
            if line.trim().is_empty() {
                continue;
            }
            match self.ask(&line).await? {
                Some(answer) => say_out(&answer)?,
                None => return Err(self.silence()),
            }
        }
        Ok(Exit::Fine)
    }

    async fn ask(&self, text: &str) -> Result<Option<String>, Failure> {
        talk::wait_until_it_hears(&self.control, &self.bot, self.wait.min(Duration::from_secs(3)))
            .await
            .map_err(Failure::problem)?;
        let words = Words::Text(text.to_owned());
        let said = self.control.say(&self.me, &self.bot.email, &words).await.map_err(Failure::problem)?;
        let answer = self.control.answer(&self.bot.email, &said.message.room_id, said.seq, self.wait).await;
        let answer = answer.map_err(Failure::problem)?;
        Ok(answer.map(|message| match &message.text {
            Some(text) if !text.is_empty() => talk::plain(text),
            _ => talk::body(&message, false),
        }))
    }

    fn silence(&self) -> Failure {
        let (bot, seconds) = (&self.bot.name, self.wait.as_secs());
        Failure::problem(format!("`{bot}` did not answer within {seconds} s; why: `botyard events {bot}`"))
    }

    async fn prompt(self) -> Outcome {
        let mut signals = Signals::listen().map_err(Failure::fault)?;
        let screen = Screen::default();
        let after = self.control.seq().await.map_err(Failure::problem)?;
        let mut news = talk::follow(self.control.clone(), after);
        screen.show(&format!(
            "talking to {} at {}; `/help` lists what else there is, Ctrl-D ends",
            self.bot.name,
            self.control.url()
        ));
        let mut talk = Talk::new(self.control, screen.clone(), &self.me, self.bot);
        let mut prompt = Prompt::start(screen)?;
        prompt.ask(talk.prompt());
        loop {
            tokio::select! {
                line = prompt.line() => {
                    let Some(line) = line else { return Ok(Exit::Fine) };
                    match talk.hear(&line).await {
                        After::Ask => {}
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
}

fn say_out(answer: &str) -> Result<(), Failure> {
    writeln!(std::io::stdout(), "{answer}").map_err(Failure::fault)
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
