//! Rules that one field's type cannot say: between settings, and about the world around them.

use std::{net::IpAddr, path::Path};

use url::{Host, Url};

use super::{Retention, Seal, Settings, SettingsError, files};

/// What the settings are for; the rules differ a little.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The service, live against Webex.
    Serve,
    /// Simulator and bots in one process.
    Dev,
    /// The simulator alone.
    Sim,
    /// Whatever only looks: `check`, `bots`, `events`.
    Other,
}

type Checked = Result<(), SettingsError>;

impl Settings {
    /// One spelling for what can be spelt in several ways.
    pub(super) fn tidied(mut self) -> Self {
        self.public_url = self.public_url.map(|url| url.trim().trim_end_matches('/').to_owned());
        self.webex.api_url = self.webex.api_url.trim().trim_end_matches('/').to_owned();
        let path = self.base_path.trim().trim_matches('/');
        let effects_url = self.handlers.effects_url.take().filter(|url| !url.trim().is_empty());
        self.handlers.effects_url = effects_url.map(|url| url.trim().trim_end_matches('/').to_owned());
        self.base_path = if path.is_empty() { String::new() } else { format!("/{path}") };
        self
    }

    /// Checks what the types cannot.
    ///
    /// # Errors
    /// The first rule that is broken, naming the setting.
    pub fn validate(&self, role: Role) -> Checked {
        self.check_numbers()?;
        self.check_retention()?;
        self.check_base_path()?;
        self.check_access()?;
        if role == Role::Other {
            return Ok(());
        }
        self.check_sim(role)?;
        if role == Role::Sim {
            return Ok(());
        }
        self.check_public_url(role)?;
        if role == Role::Serve {
            self.check_api_url()?;
        }
        self.check_listeners()?;
        self.check_seal()?;
        self.check_backup()?;
        self.check_files()
    }

    fn check_access(&self) -> Checked {
        if self.access.place.as_deref().is_some_and(|place| !["direct", "group"].contains(&place)) {
            return Err(SettingsError::rule("access.where", "is `direct` or `group`"));
        }
        for (key, domains) in
            [("access.domains", &self.access.domains), ("access.deny_domains", &self.access.deny_domains)]
        {
            if domains.iter().any(|domain| domain.contains('@') || domain.trim().is_empty()) {
                return Err(SettingsError::rule(
                    key,
                    "names what is no domain: a domain is written without `@`, as in `example.com`",
                ));
            }
        }
        Ok(())
    }

    fn check_numbers(&self) -> Checked {
        let at_least_one: [(&'static str, u64); 27] = [
            ("webex.requests_per_minute", self.webex.requests_per_minute.into()),
            ("webex.connections", self.webex.connections as u64),
            ("webex.timeout_seconds", self.webex.timeout_seconds),
            ("webex.delivery_attempts", self.webex.delivery_attempts.into()),
            ("webex.reconcile_seconds", self.webex.reconcile_seconds),
            ("ingress.max_body_bytes", self.ingress.max_body_bytes as u64),
            ("ingress.header_seconds", self.ingress.header_seconds),
            ("ingress.max_connections", self.ingress.max_connections as u64),
            ("ingress.max_pending_per_bot", self.ingress.max_pending_per_bot),
            ("bots.turns_at_once", self.bots.turns_at_once as u64),
            ("bots.event_attempts", self.bots.event_attempts.into()),
            ("bots.turn_seconds", self.bots.turn_seconds),
            ("bots.sweep_seconds", self.bots.sweep_seconds),
            ("bots.keep_removed_days", self.bots.keep_removed_days),
            ("handlers.calls_at_once", self.handlers.calls_at_once as u64),
            ("handlers.calls_per_bot", self.handlers.calls_per_bot as u64),
            ("handlers.attempts", self.handlers.attempts.into()),
            ("handlers.max_answer_bytes", self.handlers.max_answer_bytes as u64),
            ("store.readers", self.store.readers.into()),
            ("store.queue", self.store.queue as u64),
            ("retention.rows_days", self.retention.rows_days),
            ("retention.seen_hours", self.retention.seen_hours),
            ("backup.keep", self.backup.keep as u64),
            ("retention.audit_days", self.retention.audit_days),
            ("sim.keep_messages", self.sim.keep_messages as u64),
            ("sim.keep_file_bytes", self.sim.keep_file_bytes as u64),
            ("sim.keep_actions", self.sim.keep_actions as u64),
        ];
        match at_least_one.iter().find(|(_, number)| *number == 0) {
            Some((setting, _)) => Err(SettingsError::rule(setting, "cannot be 0: it has to be at least 1")),
            None if self.bots_dir.is_empty() => {
                Err(SettingsError::rule("bots_dir", "names no folder; give at least one, e.g. `bots.d`"))
            }
            None => Ok(()),
        }
    }

    /// Content goes with its row at the latest: who asks for more does not get it, and should know.
    fn check_retention(&self) -> Checked {
        let Retention { content_days, dead_content_days, rows_days, .. } = self.retention;
        let longer = [("retention.content_days", content_days), ("retention.dead_content_days", dead_content_days)];
        match longer.into_iter().find(|(_, days)| *days > rows_days) {
            Some((setting, days)) => {
                let what = format!(
                    "is {days}, but rows go after {rows_days} days and their content with them: raise \
                     `retention.rows_days`, or lower this"
                );
                Err(SettingsError::rule(setting, what))
            }
            None => Ok(()),
        }
    }

    fn check_base_path(&self) -> Checked {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | '~');
        let path = &self.base_path;
        if path.chars().all(allowed) && !path.contains("//") && !path.split('/').any(|part| part == "." || part == "..")
        {
            return Ok(());
        }
        let what = format!("is `{path}`, which is no plain path; it looks like `/botyard`");
        Err(SettingsError::rule("base_path", what))
    }

    fn check_sim(&self, role: Role) -> Checked {
        let ip = self.sim.listen.ip();
        if role == Role::Serve || ip.is_loopback() || self.sim.allow_remote {
            return Ok(());
        }
        let what = format!(
            "is `{}`, beyond loopback: whoever reaches the simulator can act as everybody in it; use `127.0.0.1`, or \
             set `sim.allow_remote = true`",
            self.sim.listen
        );
        Err(SettingsError::rule("sim.listen", what))
    }

    fn check_public_url(&self, role: Role) -> Checked {
        let refuse = |what: String| Err(SettingsError::rule("public_url", what));
        let Some(text) = &self.public_url else {
            let what = "is not set, so Webex cannot be told where to post: set `public_url` in the settings file or \
                        `BOTYARD_PUBLIC_URL` to the https URL under which this service is reached, e.g. \
                        `https://bots.example.com` (to try without Webex: `botyard dev`)";
            return if role == Role::Serve { refuse(what.to_owned()) } else { Ok(()) };
        };
        let url = match plain_url(text) {
            Ok(url) => url,
            Err(why) => return refuse(why),
        };
        if url.scheme() == "http" && !loopback(&url) {
            return refuse(format!("is `{text}`: plain http is refused beyond loopback; use https"));
        }
        if !url.path().trim_end_matches('/').ends_with(&self.base_path) {
            let what = format!("is `{text}`, whose path does not end with `base_path` (`{}`)", self.base_path);
            return refuse(what);
        }
        Ok(())
    }

    fn check_api_url(&self) -> Checked {
        let text = &self.webex.api_url;
        let refuse = |what: String| Err(SettingsError::rule("webex.api_url", what));
        let url = match plain_url(text) {
            Ok(url) => url,
            Err(why) => return refuse(why),
        };
        if loopback(&url) {
            return Ok(());
        }
        if url.scheme() == "http" && !self.sim.allow_remote {
            return refuse(format!(
                "is `{text}`: plain http would show every token; use https (for a simulator on another host of yours, \
                 set `sim.allow_remote = true`)"
            ));
        }
        let host = url.host_str().unwrap_or_default();
        if self.webex.hosts.iter().any(|known| known.trim().eq_ignore_ascii_case(host)) {
            return Ok(());
        }
        refuse(format!("is `{text}`, but `{host}` is not in `webex.hosts`: tokens are sent only to hosts listed there"))
    }

    fn check_listeners(&self) -> Checked {
        let (a, b) = (self.listen, self.admin.listen);
        let overlap = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
        if a.port() != 0 && a.port() == b.port() && overlap {
            let what = format!("is `{b}`, the port that `listen` (`{a}`) already has; give it another one");
            return Err(SettingsError::rule("admin.listen", what));
        }
        Ok(())
    }

    fn check_seal(&self) -> Checked {
        let Seal { key, key_file, next_key, next_key_file } = &self.seal;
        for (name, key, other, file) in [
            ("seal.key", key, "and `seal.key_file` are both set; keep one of them", key_file),
            ("seal.next_key", next_key, "and `seal.next_key_file` are both set; keep one of them", next_key_file),
        ] {
            let Some(key) = key else { continue };
            if file.is_some() {
                return Err(SettingsError::rule(name, other));
            }
            let digits = key.expose().trim();
            if digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                let what = "has to be 64 hex digits (32 bytes), e.g. from `openssl rand -hex 32`";
                return Err(SettingsError::rule(name, what));
            }
        }
        Ok(())
    }

    fn check_backup(&self) -> Checked {
        match &self.backup.dir {
            None if self.backup.every_hours > 0 => {
                let what = "is not set, so there is no place for the backups of `backup.every_hours`: name a folder, best \
                            on another disk";
                Err(SettingsError::rule("backup.dir", what))
            }
            Some(dir) if *dir == self.data_dir => {
                let what = "is the data dir itself, where the files lie that are in use: name another folder, best on \
                            another disk";
                Err(SettingsError::rule("backup.dir", what))
            }
            _ => Ok(()),
        }
    }

    fn check_files(&self) -> Checked {
        if let Some(dir) = self.bots_dir.iter().find(|dir| files::writable_by_everyone(dir)) {
            let what = format!(
                "`{0}` is writable by everyone: who writes there decides what the bots say; run `chmod o-w {0}`",
                dir.display()
            );
            return Err(SettingsError::rule("bots_dir", what));
        }
        let below = |path: &Path| self.secrets.dirs.iter().any(|dir| path.starts_with(dir));
        match &self.admin.token_file {
            // Container platforms mount secrets readable for all of a container that has nobody else in it.
            Some(path) if files::open_to_others(path) && !below(path) => {
                let what = format!("`{0}` is open to other users; run `chmod 600 {0}`", path.display());
                Err(SettingsError::rule("admin.token_file", what))
            }
            _ => Ok(()),
        }
    }
}

/// An http(s) URL with a host and nothing that gets in the way of appending a path.
fn plain_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("is no URL ({error}); it looks like `https://host/path`"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err("is no http URL; it looks like `https://host/path`".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a name or password; leave it out".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("has something after its path; leave out what begins with `?` or `#`".to_owned());
    }
    Ok(url)
}

fn loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::from(ip).to_canonical().is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests;
