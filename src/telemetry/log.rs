//! The log: on stderr, as text or JSON. Stdout is for data.

use std::io::IsTerminal as _;

use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer as _, fmt::MakeWriter, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

/// Why the log cannot be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// The level is none.
    #[error(
        "`log.level` is `{level}`, which cannot be read: {why}; it looks like `info` or `info,botyard::actors=debug`"
    )]
    Level {
        /// As given.
        level: String,
        /// What is wrong.
        why: String,
    },
    /// Something set up a log before.
    #[error("the log of this process is already set up")]
    Twice,
}

/// Starts the log of this process: what `level` lets through, a JSON object a line or text for people (with
/// colours when stderr is a terminal).
///
/// # Errors
/// [`LogError`], when `level` is none or there is a log already.
pub fn init(level: &str, json: bool) -> Result<(), LogError> {
    let colours = std::io::stderr().is_terminal();
    subscriber(filter(level)?, json, colours, std::io::stderr).try_init().map_err(|_already| LogError::Twice)?;
    tell_panics();
    Ok(())
}

/// As [`init`] in text, but every line goes to `writer`, in one piece: for a terminal that others draw on too.
///
/// # Errors
/// As [`init`].
pub fn init_with<W>(level: &str, colours: bool, writer: W) -> Result<(), LogError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    subscriber(filter(level)?, false, colours, writer).try_init().map_err(|_already| LogError::Twice)?;
    tell_panics();
    Ok(())
}

/// From here on a panic is a line of the log. Its words are shown when they stand in the program as they are; others
/// may quote what somebody wrote, as those about a cut through a character do.
fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        let words = panic.payload().downcast_ref::<&'static str>().copied().unwrap_or("not shown");
        let trace = std::backtrace::Backtrace::capture();
        let trace = (trace.status() == std::backtrace::BacktraceStatus::Captured).then(|| trace.to_string());
        let thread = std::thread::current();
        tracing::error!(at, words, thread = thread.name(), trace, "a part of the program panicked; please report it");
    }));
}

fn subscriber<W>(filter: EnvFilter, json: bool, colours: bool, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines = if json {
        lines.json().flatten_event(true).with_current_span(false).boxed()
    } else {
        lines.with_ansi(colours).boxed()
    };
    tracing_subscriber::registry().with(lines.with_filter(filter))
}

/// Reads a level: one of `error`, `warn`, `info`, `debug`, `trace`, `off`, or such by part.
fn filter(level: &str) -> Result<EnvFilter, LogError> {
    let refuse = |why: String| LogError::Level { level: level.to_owned(), why };
    // A word that is no level would count as the name of a part, and silently switch everything else off.
    let parts: Vec<&str> = level.split(',').map(str::trim).collect();
    for part in &parts {
        let known =
            ["error", "warn", "info", "debug", "trace", "off"].iter().any(|word| part.eq_ignore_ascii_case(word));
        if !known && !part.contains(['=', '[', ':']) {
            return Err(refuse(format!("`{part}` is no level")));
        }
    }
    let mut words = parts.join(",");
    // It tells each worker's coming and going, in words that say nothing to whoever runs bots.
    if parts.iter().any(|part| ["info", "debug", "trace"].iter().any(|word| part.eq_ignore_ascii_case(word)))
        && !words.contains("actix_server")
    {
        words.push_str(",actix_server=warn");
    }
    EnvFilter::builder().parse(words).map_err(|error| refuse(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What a turn in a span logs.
    fn logged(json: bool, colours: bool) -> String {
        let page = Page::default();
        let writer = page.clone();
        let subscriber = subscriber(filter("info").unwrap(), json, colours, move || writer.clone());
        tracing::subscriber::with_default(subscriber, || {
            let _turn = tracing::info_span!("turn", bot = "echo").entered();
            tracing::info!(attempt = 2, "sent");
            tracing::debug!("not wanted");
        });
        let bytes = page.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_json_line_holds_fields_and_spans() {
        let line: serde_json::Value = serde_json::from_str(&logged(true, true)).unwrap();
        assert_eq!((&line["message"], &line["attempt"], &line["level"]), (&"sent".into(), &2.into(), &"INFO".into()));
        assert_eq!(line["spans"][0]["bot"], "echo");
    }

    #[test]
    fn text_is_plain_without_a_terminal() {
        let text = logged(false, false);
        assert!(
            text.contains("sent attempt=2") && text.contains("bot=\"echo\"") && text.lines().count() == 1,
            "{text}"
        );
        assert!(!text.contains('\u{1b}') && logged(false, true).contains('\u{1b}'));
    }

    #[test]
    fn levels_and_levels_by_part_are_read() {
        for level in [
            "info",
            "WARN",
            "off",
            "info,botyard::actors=debug",
            "warn, botyard[{bot=echo}]=trace",
            "warn,a::b=off,a::b[{dir}]=warn",
        ] {
            assert!(filter(level).is_ok(), "{level}");
        }
    }

    #[test]
    fn the_web_server_is_quiet_unless_it_is_asked_for() {
        for (level, shown) in [("info", false), ("debug", false), ("info,actix_server=info", true), ("off", false)] {
            let page = Page::default();
            let writer = page.clone();
            let subscriber = subscriber(filter(level).unwrap(), false, false, move || writer.clone());
            tracing::subscriber::with_default(subscriber, || {
                tracing::info!(target: "actix_server::builder", "starting 2 workers");
            });
            assert_eq!(!page.0.lock().unwrap().is_empty(), shown, "{level}");
        }
    }

    #[test]
    fn a_bad_level_is_refused_with_setting_and_value() {
        for level in ["", "loud", "info,loud", "info,botyard=loud", "=", "botyard[=info"] {
            let error = filter(level).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`log.level` is `{level}`")), "{error}");
        }
    }
}
