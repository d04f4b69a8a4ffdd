//! The ground that `botyard dev` stands on: its own folder, addresses that are free, Webex that is the simulator.

use std::{
    fs::DirBuilder,
    net::{IpAddr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
};

use crate::{
    app::Use,
    cli::failure::Failure,
    settings::{LoadOptions, Settings},
};

/// Somewhere that `dev` listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// The simulator.
    Simulator,
    /// Webhooks.
    Webhooks,
    /// Health, metrics, administration.
    Admin,
}

/// Where `dev` listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ground {
    /// Everything of `dev`, below the data dir.
    pub(super) data_dir: PathBuf,
    /// The simulator's address; one that was not chosen gives way when it is taken.
    pub(super) sim: SocketAddr,
    /// Whether the simulator's address was chosen.
    pub(super) sim_chosen: bool,
    /// Webhooks.
    pub(super) listen: SocketAddr,
    /// Health, metrics, administration.
    pub(super) admin: SocketAddr,
    /// The usual addresses that were taken, and what gave way.
    pub(super) taken: Vec<(SocketAddr, Door)>,
}

/// Looks where `dev` can stand. An address that somebody chose is kept, and starting on it may fail; one that is
/// only the default gives way to a free one.
pub(super) fn find(settings: &Settings, is_free: impl Fn(SocketAddr) -> bool) -> Result<Ground, Failure> {
    let defaults = Settings::load(&LoadOptions::default()).map_err(Failure::fault)?;
    let mut taken = Vec::new();
    // The default of `listen` is for the world; here only the simulator posts, on this machine.
    let loopback = SocketAddr::new(IpAddr::from([127, 0, 0, 1]), defaults.listen.port());
    let mut free = |set: SocketAddr, default: SocketAddr, own: SocketAddr, door: Door| {
        if set != default {
            return set;
        }
        if is_free(own) {
            return own;
        }
        taken.push((own, door));
        SocketAddr::new(own.ip(), 0)
    };
    let listen = free(settings.listen, defaults.listen, loopback, Door::Webhooks);
    let admin = free(settings.admin.listen, defaults.admin.listen, defaults.admin.listen, Door::Admin);
    Ok(Ground {
        data_dir: settings.data_dir.join("dev"),
        sim: settings.sim.listen,
        sim_chosen: settings.sim.listen != defaults.sim.listen,
        listen,
        admin,
        taken,
    })
}

/// Whether nobody listens there.
pub(super) fn is_free(address: SocketAddr) -> bool {
    TcpListener::bind(address).is_ok()
}

impl Ground {
    /// Refuses folders that belong to a service with real tokens, and makes our own.
    pub(super) fn prepare(&self, data_dir: &Path) -> Result<(), Failure> {
        let simulated = Use::Simulator { url: String::new() };
        for dir in [data_dir, &self.data_dir] {
            simulated.check(dir).map_err(Failure::refused)?;
        }
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        {
            // Conversations and tokens are in it, if only simulated ones.
            use std::os::unix::fs::DirBuilderExt;
            builder.mode(0o700);
        }
        builder.create(&self.data_dir).map_err(|error| {
            Failure::refused(format!(
                "`{}` cannot be made: {error}; give a folder that Botyard may write: --data-dir DIR (BOTYARD_DATA_DIR)",
                self.data_dir.display()
            ))
        })
    }

    /// The settings of the service in `dev`, with the simulator at `sim` in Webex's place.
    pub(super) fn settings(&self, mut settings: Settings, sim: &str) -> Settings {
        settings.data_dir.clone_from(&self.data_dir);
        settings.listen = self.listen;
        settings.admin.listen = self.admin;
        settings.webex.api_url = format!("{sim}/v1");
        // How the simulator reaches us. A port that is still to be found is told by the app itself.
        let usual = self.listen.ip().is_unspecified() || self.listen.ip() == IpAddr::from([127, 0, 0, 1]);
        let known =
            (!usual && self.listen.port() != 0).then(|| format!("http://{}{}", self.listen, settings.base_path));
        settings.public_url = known;
        settings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        let overrides = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Settings::load(&LoadOptions { overrides, ..LoadOptions::default() }).unwrap()
    }

    #[test]
    fn defaults_stay_on_this_machine_below_the_data_dir() {
        let ground = find(&settings(&[("data_dir", "/d")]), |_| true).unwrap();
        assert_eq!(ground.listen, "127.0.0.1:8080".parse().unwrap());
        assert_eq!(ground.admin, "127.0.0.1:8081".parse().unwrap());
        assert_eq!((ground.data_dir, ground.taken), ("/d/dev".into(), vec![]));
    }

    #[test]
    fn a_taken_default_gives_way_and_is_named() {
        let ground = find(&settings(&[]), |address| address.port() != 8080).unwrap();
        assert_eq!((ground.listen, ground.admin.port()), ("127.0.0.1:0".parse().unwrap(), 8081));
        assert_eq!(ground.taken, [("127.0.0.1:8080".parse().unwrap(), Door::Webhooks)]);
    }

    #[test]
    fn a_chosen_address_is_kept_even_when_it_is_taken() {
        let set =
            settings(&[("listen", "127.0.0.1:9000"), ("admin.listen", "0.0.0.0:8081"), ("sim.listen", "127.0.0.1:9")]);
        let ground = find(&set, |_| false).unwrap();
        assert_eq!((ground.listen, ground.admin), (set.listen, set.admin.listen));
        assert!(ground.sim_chosen && ground.taken.is_empty());
    }

    #[test]
    fn webex_is_the_simulator_whatever_the_settings_say() {
        let live = [("public_url", "https://bots.example.com"), ("base_path", ""), ("listen", "[::1]:9000")];
        let set = settings(&live);
        let dev = find(&set, |_| true).unwrap().settings(set, "http://127.0.0.1:7070");
        assert_eq!(dev.webex.api_url, "http://127.0.0.1:7070/v1");
        assert_eq!(dev.public_url.as_deref(), Some("http://[::1]:9000"));
        let set = settings(&live[..1]);
        let dev = find(&set, |_| true).unwrap().settings(set, "http://127.0.0.1:7070");
        assert_eq!(dev.public_url, None);
    }

    #[test]
    fn a_folder_with_real_tokens_is_refused_and_nothing_is_made_in_it() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("used-for"), "serve").unwrap();
        let ground = find(&settings(&[("data_dir", &dir.path().display().to_string())]), |_| true).unwrap();
        assert!(ground.prepare(dir.path()).is_err());
        assert!(!ground.data_dir.exists());
    }

    #[test]
    fn a_folder_of_its_own_is_made_and_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let ground = find(&settings(&[("data_dir", &dir.path().display().to_string())]), |_| true).unwrap();
        ground.prepare(dir.path()).unwrap();
        ground.prepare(dir.path()).unwrap();
        assert!(ground.data_dir.is_dir());
    }
}
