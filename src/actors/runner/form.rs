//! How a call is made: what goes out for each form, and what is made of what comes back.

use std::{path::PathBuf, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Value, json};

use super::{effects::Opened, maker::Maker, verdict};
use crate::{
    base::{BotId, EventId, Secret},
    brain::{HandlerCall, Part, Target},
    definition::TokenSource,
    handlers::{
        HandlerAnswer,
        process::{Exec, ExecError},
        signing,
    },
    net::HttpRequest,
    store::{Cause, Reason},
    webex::signature::{self, Algorithm},
};

/// No call takes longer, whatever it says.
pub(super) const LONGEST: Duration = Duration::from_mins(10);

/// What a try of a call came to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Made {
    /// It is over; with something that the brain has to hear, or without.
    Answer(Option<Value>),
    /// It may fare better later.
    Again {
        /// Why.
        reason: String,
        /// The program asked for it.
        wait: Option<Duration>,
        /// What counts as the answer when it does not.
        answer: Option<Value>,
    },
    /// It will not.
    Never(Reason),
}

impl Made {
    /// Over, with the effects of an answer if it has any.
    pub(super) fn answer(answer: &HandlerAnswer) -> Self {
        let effects = (!answer.effects.is_empty()).then(|| json!({ "effects": answer.effects }));
        Self::Answer(effects)
    }
}

/// Which call it is.
#[derive(Debug, Clone, Copy)]
pub struct Which<'a> {
    /// Whose.
    pub bot: &'a BotId,
    /// Its id: the same for each of its tries.
    pub id: EventId,
}

/// Makes a call once.
pub(super) async fn make(maker: &Maker, this: &Which<'_>, call: &HandlerCall, attempt: u32) -> Made {
    let limit = Duration::from_millis(call.timeout_ms).min(LONGEST);
    match go(maker, this, call, attempt, limit).await {
        Ok(made) => made,
        Err(reason) => Made::Never(reason),
    }
}

async fn go(
    maker: &Maker,
    this: &Which<'_>,
    call: &HandlerCall,
    attempt: u32,
    limit: Duration,
) -> Result<Made, Reason> {
    match &call.target {
        Target::Http { url, secret, turn } => {
            let secret = secret.as_deref().map(|place| maker.secret(place)).transpose()?;
            let (opened, body) = open(maker, this, call, turn, attempt, limit);
            let seconds = maker.clock.now().0.div_euclid(1000);
            let mut headers = signing::headers(secret.as_ref(), &this.id.to_string(), seconds, &body);
            headers.push(("content-type".into(), "application/json".into()));
            http(maker, url, headers, body, limit, &opened).await
        }
        Target::Call { method, url, headers, body } => {
            let method = known(method)
                .ok_or_else(|| Cause::Refused.because(format!("`{method}` is no method that can be called")))?;
            let mut filled = vec![("idempotency-key".to_owned(), this.id.to_string())];
            for (name, parts) in headers {
                filled.push((name.clone(), maker.fill(parts)?));
            }
            let body = body.as_ref().map(|body| Bytes::from(body.clone().into_bytes()));
            let request = maker.request(method, url, filled, body, limit);
            Ok(match maker.send(request).await? {
                Ok(reply) => verdict::of_api(&reply),
                Err(made) => made,
            })
        }
        Target::Forward { url, secret, envelope } => {
            let body = STANDARD.decode(envelope).unwrap_or_default();
            if body.is_empty() {
                return Err(Cause::Refused.because("the webhook was not kept: it came before its bot forwarded any"));
            }
            let mut headers = vec![("content-type".to_owned(), "application/json; charset=UTF-8".to_owned())];
            if !secret.is_empty() {
                let secret = maker.secret(secret)?;
                headers.push(("x-spark-signature".to_owned(), signature::sign(Algorithm::Sha1, &secret, &body)));
            }
            let request = maker.request("POST", url, headers, Some(body.into()), limit);
            Ok(match maker.send(request).await? {
                Ok(reply) => verdict::of_forward(&reply),
                Err(made) => made,
            })
        }
        Target::Exec { command, file, env, turn, worker } => {
            if !maker.settings.exec {
                let why =
                    "`exec` is off: an operator who trusts whoever writes definitions sets `handlers.exec = true`";
                return Err(Cause::Refused.because(why));
            }
            let env = env.iter().map(|(name, value)| Ok((name.clone(), Secret::new(maker.one(value)?))));
            let exec = Exec {
                command: command.clone(),
                dir: maker.folder_of(file)?,
                env: env.collect::<Result<_, Reason>>()?,
                memory: maker.settings.exec_memory,
                output: maker.settings.max_answer,
            };
            let (_opened, body) = open(maker, this, call, turn, attempt, limit);
            let answer = if *worker {
                maker.workers.turn(this.bot, exec, &body, limit).await
            } else {
                exec.run(body, limit).await.map(|output| output.stdout)
            };
            Ok(match answer {
                Ok(answer) => match HandlerAnswer::read(&answer, false) {
                    Ok(answer) => Made::answer(&answer),
                    Err(error) => Made::Never(Cause::Refused.because(format!("its answer cannot be used: {error}"))),
                },
                Err(error @ (ExecError::Start { .. } | ExecError::TooMuch { .. })) => {
                    Made::Never(Cause::Refused.because(error.to_string()))
                }
                Err(error) => Made::Again { reason: error.to_string(), wait: None, answer: None },
            })
        }
    }
}

/// Opens the door for answers and writes the turn that tells of it.
fn open(
    maker: &Maker,
    this: &Which<'_>,
    call: &HandlerCall,
    turn: &Value,
    attempt: u32,
    limit: Duration,
) -> (Opened, Vec<u8>) {
    let mut turn = turn.clone();
    let files: Vec<String> = match turn.pointer("/message/files").and_then(Value::as_array) {
        Some(files) => files.iter().filter_map(|file| file.as_str().map(str::to_owned)).collect(),
        None => Vec::new(),
    };
    let door = format!("{}/effects/{}", maker.settings.effects_url, this.id);
    let links: Vec<String> = (0..files.len()).map(|number| format!("{door}/files/{number}")).collect();
    let opened = maker.open.open(this.id, this.bot.clone(), call.rule.clone(), (*call.origin).clone(), files);
    if let Some(kept) = turn.pointer_mut("/message/files") {
        *kept = json!(links);
    }
    if let Value::Object(fields) = &mut turn {
        fields.insert("call".into(), json!(this.id));
        fields.insert("attempt".into(), json!(attempt));
        fields.insert("timeout_ms".into(), json!(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)));
        fields.insert("effects".into(), json!({ "url": door, "token": opened.token() }));
    }
    (opened, serde_json::to_vec(&turn).unwrap_or_default())
}

async fn http(
    maker: &Maker,
    url: &str,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    limit: Duration,
    opened: &Opened,
) -> Result<Made, Reason> {
    let until = tokio::time::Instant::now() + limit;
    let request = maker.request("POST", url, headers, Some(body.into()), limit);
    let reply = match maker.send(request).await? {
        Ok(reply) => reply,
        Err(made) => return Ok(made),
    };
    if let Some(made) = verdict::of_handler(&reply) {
        return Ok(made);
    }
    // It took the work over: from here on it is not asked again by itself, because it may have answered half.
    match tokio::time::timeout_at(until, opened.call.done.notified()).await {
        Ok(()) => Ok(Made::Answer(None)),
        Err(_elapsed) => Err(Cause::GaveUp.because(format!(
            "it took the call over (202) and did not say `done` within {} s; {} answers came",
            limit.as_secs(),
            opened.next_part() - 1
        ))),
    }
}

fn known(method: &str) -> Option<&'static str> {
    ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"].into_iter().find(|known| *known == method)
}

impl Maker {
    fn request(
        &self,
        method: &'static str,
        url: &str,
        headers: Vec<(String, String)>,
        body: Option<Bytes>,
        timeout: Duration,
    ) -> HttpRequest {
        let max_body = self.settings.max_answer;
        HttpRequest { method, url: url.to_owned(), headers, bearer: None, body, timeout, max_body }
    }

    /// Sends; what has no reply is judged here.
    async fn send(&self, request: HttpRequest) -> Result<Result<crate::net::HttpResponse, Made>, Reason> {
        let client = self.client.as_ref().map_err(|error| Cause::Refused.because(error.clone()))?;
        Ok(client.send(request).await.map_err(|error| verdict::lost(&error)))
    }

    /// A secret from where a reference points to. Read now, and kept by nobody.
    fn secret(&self, place: &str) -> Result<Secret, Reason> {
        let source = TokenSource::parse(place)
            .map_err(|_hidden| Cause::Refused.because("a secret of the call is no `env:` or `file:` reference"))?;
        source
            .read(&self.settings.secret_dirs, |name| std::env::var(name).ok())
            .map_err(|error| Cause::Refused.because(format!("a secret of the call cannot be read: {error}")))
    }

    fn one(&self, part: &Part) -> Result<String, Reason> {
        match part {
            Part::Text(text) => Ok(text.clone()),
            Part::Secret(place) => self.secret(place).map(|secret| secret.expose().to_owned()),
        }
    }

    /// The folder of a definition, in whichever `bots.d` it is now.
    fn folder_of(&self, file: &str) -> Result<PathBuf, Reason> {
        let found = self.settings.bots_dirs.iter().map(|dir| dir.join(file)).find(|path| path.is_file());
        let folder = found.and_then(|path| path.canonicalize().ok()?.parent().map(PathBuf::from));
        folder.ok_or_else(|| {
            Cause::Refused.because(format!("`{file}` is gone: there is no folder to run the program in"))
        })
    }

    fn fill(&self, parts: &[Part]) -> Result<String, Reason> {
        parts.iter().map(|part| self.one(part)).collect()
    }
}
