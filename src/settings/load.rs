//! The layers: compiled-in defaults, a file, the environment, flags; the later one wins, key by key.
//!
//! The environment is read here and not by the config crate's own source: with its parsing on, that one makes a
//! number of a text that looks like one, and a seal key of 64 digits is then no longer the key that was given.

use std::path::{Path, PathBuf};

use config::{Config, ConfigError, Map, Source, Value, ValueKind};

use super::{
    Settings, SettingsError,
    keys::{self, Key, Kind},
};

/// Largest settings file in bytes.
const MAX_FILE: u64 = 1 << 20;

/// Where settings come from. All of it is handed in: nothing here looks at the process.
#[derive(Clone, Default)]
pub struct LoadOptions {
    /// The file of `--config`. Without it: the one of `BOTYARD_CONFIG` in `env`.
    pub file: Option<PathBuf>,
    /// Where a `botyard.toml` is read if there is one and no file was named; `None`: it is not looked for.
    pub dir: Option<PathBuf>,
    /// The environment; what is not ours is ignored.
    pub env: Vec<(String, String)>,
    /// From flags: `webex.api_url` and its value, lists with commas.
    pub overrides: Vec<(String, String)>,
}

/// Names of variables only: a value may be a secret.
impl std::fmt::Debug for LoadOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = |pairs: &[(String, String)]| pairs.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        f.debug_struct("LoadOptions")
            .field("file", &self.file)
            .field("dir", &self.dir)
            .field("env", &names(&self.env))
            .field("overrides", &names(&self.overrides))
            .finish()
    }
}

impl Settings {
    /// Reads all layers. The rules between settings are another step: [`Settings::validate`].
    ///
    /// # Errors
    /// [`SettingsError`] for the first thing that is wrong.
    pub fn load(options: &LoadOptions) -> Result<Self, SettingsError> {
        let keys = keys::all();
        let mut layers = vec![Layer::of_toml(keys::DEFAULTS, "the defaults", Path::new("botyard.toml"), &keys)?];
        if let Some(path) = file(options)? {
            let text = read(&path)?;
            layers.push(Layer::of_toml(&text, &format!("`{}`", path.display()), &path, &keys)?);
        }
        layers.push(Layer::of_env(&options.env, &keys)?);
        layers.push(Layer::of_flags(&options.overrides, &keys)?);
        // config forgets the origin of some values, so we keep our own book; the later layer overwrites.
        let origins: Map<String, String> = layers
            .iter()
            .flat_map(|layer| &layer.0)
            .filter_map(|(key, value)| Some((key.clone(), value.origin()?.to_owned())))
            .collect();
        let mut builder = Config::builder();
        for layer in layers {
            builder = builder.add_source(layer);
        }
        let built = builder.build().and_then(Config::try_deserialize::<Self>);
        built.map(Self::tidied).map_err(|error| value_error(error, &origins))
    }
}

/// The file to read, if any.
fn file(options: &LoadOptions) -> Result<Option<PathBuf>, SettingsError> {
    let from_env = options.env.iter().find(|(name, value)| name == "BOTYARD_CONFIG" && !value.is_empty());
    if let Some(path) = options.file.clone().or_else(|| from_env.map(|(_, path)| path.into())) {
        return Ok(Some(path));
    }
    let Some(dir) = &options.dir else { return Ok(None) };
    let path = dir.join("botyard.toml");
    let there = path.try_exists().map_err(|error| unreadable(&path, &error))?;
    Ok(there.then_some(path))
}

fn read(path: &Path) -> Result<String, SettingsError> {
    let size = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?.len();
    if size > MAX_FILE {
        let why = format!("it is larger than {MAX_FILE} bytes");
        return Err(SettingsError::Unreadable { path: path.to_owned(), why });
    }
    std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> SettingsError {
    SettingsError::Unreadable { path: path.to_owned(), why: error.to_string() }
}

/// What is left to config: addresses, names, choices, numbers that are too large. Never a secret, those are texts.
fn value_error(error: ConfigError, origins: &Map<String, String>) -> SettingsError {
    let (key, error) = match error {
        ConfigError::At { error, key: Some(key), .. } => (key, error.to_string()),
        ConfigError::Type { unexpected, expected, key: Some(key), .. } => {
            (key, format!("{unexpected} is not {expected}"))
        }
        other => (String::new(), other.to_string()),
    };
    let named = match origins.get(&key) {
        Some(origin) => format!("`{key}` in {origin}"),
        None => "a setting".to_owned(),
    };
    let what = match key.as_str() {
        "log.format" => "is neither `text` nor `json`".to_owned(),
        "listen" | "admin.listen" | "sim.listen" => {
            "is no address with a port: it looks like `127.0.0.1:8080`, in numbers".to_owned()
        }
        _ => format!("cannot be used: {error}"),
    };
    SettingsError::Value { named, what }
}

/// One layer, its values by full key and each with its origin.
#[derive(Debug, Clone)]
struct Layer(Map<String, Value>);

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.0.clone())
    }
}

impl Layer {
    fn of_toml(text: &str, origin: &str, path: &Path, keys: &[Key]) -> Result<Self, SettingsError> {
        let table: toml::Table = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let before = text.get(..start).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            // Only the bare message: the excerpt that toml would print may hold a secret.
            SettingsError::Syntax { path: path.to_owned(), line, column, why: error.message().to_owned() }
        })?;
        let mut values = Map::new();
        let mut put = |name: String, value: &toml::Value| -> Result<(), SettingsError> {
            let Some(key) = keys.iter().find(|key| key.name == name) else {
                let hint = keys::most_like(keys, &name).map(|key| format!("`{}`", key.name));
                return Err(SettingsError::Unknown { named: format!("`{name}` in {origin}"), hint });
            };
            let wrong = || SettingsError::Value {
                named: format!("`{name}` in {origin}"),
                what: format!("is {} but needs {}", article(value), key.kind.words()),
            };
            let kind = match (key.kind, value) {
                (Kind::Text, toml::Value::String(text)) => ValueKind::String(text.clone()),
                (Kind::Number, toml::Value::Integer(number)) if *number >= 0 => ValueKind::I64(*number),
                (Kind::Switch, toml::Value::Boolean(switch)) => ValueKind::Boolean(*switch),
                (Kind::List, toml::Value::Array(items)) => {
                    let texts: Option<Vec<_>> = items.iter().map(toml::Value::as_str).collect();
                    list(texts.ok_or_else(wrong)?.into_iter(), origin)
                }
                _ => return Err(wrong()),
            };
            if kind != ValueKind::String(String::new()) || name == "base_path" {
                values.insert(name, Value::new(Some(&origin.to_owned()), kind));
            }
            Ok(())
        };
        for (name, value) in &table {
            match value {
                toml::Value::Table(section) if !section.is_empty() && !keys.iter().any(|key| key.name == *name) => {
                    for (key, value) in section {
                        put(format!("{name}.{key}"), value)?;
                    }
                }
                // An empty section is fine if there is one of that name.
                toml::Value::Table(_) if keys.iter().any(|key| key.name.starts_with(&format!("{name}."))) => (),
                value => put(name.clone(), value)?,
            }
        }
        Ok(Self(values))
    }

    fn of_env(env: &[(String, String)], keys: &[Key]) -> Result<Self, SettingsError> {
        let mut values = Map::new();
        for (variable, text) in env {
            let Some(rest) = variable.strip_prefix("BOTYARD_").filter(|rest| !not_ours(rest)) else { continue };
            let name = rest.replace("__", ".").to_ascii_lowercase();
            let Some(key) = keys.iter().find(|key| key.name == name && key.variable() == *variable) else {
                let hint = keys::most_like(keys, rest).map(|key| format!("`{}`", key.variable()));
                return Err(SettingsError::Unknown { named: format!("`{variable}` in the environment"), hint });
            };
            if !text.is_empty() {
                let origin = format!("the environment variable `{variable}`");
                values.insert(name, text_value(key, text, &origin)?);
            }
        }
        Ok(Self(values))
    }

    fn of_flags(overrides: &[(String, String)], keys: &[Key]) -> Result<Self, SettingsError> {
        let mut values = Map::new();
        for (name, text) in overrides {
            let Some(key) = keys.iter().find(|key| key.name == *name) else {
                let hint = keys::most_like(keys, name).map(|key| format!("`{}`", key.name));
                return Err(SettingsError::Unknown { named: format!("`{name}` on the command line"), hint });
            };
            values.insert(name.clone(), text_value(key, text, "the command line")?);
        }
        Ok(Self(values))
    }
}

/// Variables that belong to others: Kubernetes makes some for every service, tests bring their own. `BREAK` is read
/// where the program starts ([`crate::base::breaking`]).
fn not_ours(rest: &str) -> bool {
    let of_service = rest.ends_with("_SERVICE_HOST") || rest.contains("_SERVICE_PORT");
    let of_port = rest.ends_with("_PORT") || rest.contains("_PORT_");
    rest == "CONFIG"
        || rest == "BREAK"
        || rest.starts_with("SERVICE_")
        || rest.starts_with("PORT")
        || rest.starts_with("TEST_")
        || of_service
        || of_port
}

/// A value from where there is only text.
fn text_value(key: &Key, text: &str, origin: &str) -> Result<Value, SettingsError> {
    let wrong = || {
        let shown = if key.secret() { String::new() } else { format!("is `{text}` but ") };
        let named = format!("`{}` in {origin}", key.name);
        SettingsError::Value { named, what: format!("{shown}needs {}", key.kind.words()) }
    };
    let kind = match key.kind {
        Kind::Text => ValueKind::String(text.to_owned()),
        Kind::Number => ValueKind::U64(text.trim().parse().map_err(|_no_number| wrong())?),
        Kind::Switch => ValueKind::Boolean(text.trim().parse().map_err(|_no_switch| wrong())?),
        Kind::List => list(text.split(',').map(str::trim).filter(|item| !item.is_empty()), origin),
    };
    Ok(Value::new(Some(&origin.to_owned()), kind))
}

fn list<'a>(items: impl Iterator<Item = &'a str>, origin: &str) -> ValueKind {
    let origin = origin.to_owned();
    ValueKind::Array(items.map(|item| Value::new(Some(&origin), item.to_owned())).collect())
}

fn article(value: &toml::Value) -> &'static str {
    match value {
        toml::Value::String(_) => "a text",
        toml::Value::Integer(_) => "a number",
        toml::Value::Float(_) => "a number with a point",
        toml::Value::Boolean(_) => "a switch",
        toml::Value::Datetime(_) => "a date",
        toml::Value::Array(_) => "a list",
        toml::Value::Table(_) => "a section",
    }
}

#[cfg(test)]
mod tests;
