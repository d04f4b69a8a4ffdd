//! The log: on stderr, as text or JSON. Stdout is for data.

use std::io::IsTerminal as _;

use tracing_subscriber::{EnvFilter, Layer as _, layer::SubscriberExt as _, util::SubscriberInitExt as _};

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
    let filter = filter(level)?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = if json {
        lines.json().flatten_event(true).with_current_span(false).boxed()
    } else {
        lines.with_ansi(std::io::stderr().is_terminal()).boxed()
    };
    tracing_subscriber::registry().with(lines.with_filter(filter)).try_init().map_err(|_already| LogError::Twice)
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
    EnvFilter::builder().parse(parts.join(",")).map_err(|error| refuse(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_levels_by_part_are_read() {
        for level in ["info", "WARN", "off", "info,botyard::actors=debug", "warn, botyard[{bot=echo}]=trace"] {
            assert!(filter(level).is_ok(), "{level}");
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
