//! Settings as a command sees them: file, environment and flags of this process put together.

use std::path::{Path, PathBuf};

use super::{args::SettingsArgs, failure::Failure};
use crate::settings::{LoadOptions, Role, Settings};

/// Loads the settings; cross-field rules are not checked.
pub(super) fn load(from: &SettingsArgs) -> Result<Settings, Failure> {
    let options = LoadOptions { file: file(from), env: std::env::vars().collect(), overrides: overrides(from)? };
    Settings::load(options).map_err(Failure::refused)
}

/// Loads the settings and checks them for what they will be used for.
pub(super) fn load_for(from: &SettingsArgs, role: Role) -> Result<Settings, Failure> {
    let settings = load(from)?;
    settings.validate(role).map_err(Failure::refused)?;
    Ok(settings)
}

fn file(from: &SettingsArgs) -> Option<PathBuf> {
    let here = || Path::new("botyard.toml").exists().then(|| PathBuf::from("botyard.toml"));
    from.config.clone().or_else(here)
}

fn overrides(from: &SettingsArgs) -> Result<Vec<(String, String)>, Failure> {
    let mut overrides = Vec::new();
    for pair in &from.set {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(Failure::usage(format!("`--set {pair}`: write it as `--set key=value`")));
        };
        overrides.push((key.trim().to_owned(), value.to_owned()));
    }
    if !from.bots_dir.is_empty() {
        let dirs: Vec<_> = from.bots_dir.iter().map(|dir| dir.display().to_string()).collect();
        overrides.push(("bots_dir".to_owned(), dirs.join(",")));
    }
    if let Some(dir) = &from.data_dir {
        overrides.push(("data_dir".to_owned(), dir.display().to_string()));
    }
    Ok(overrides)
}
