//! Where the running service is: what it left in its data dir, or else what the settings say.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use super::client::{Client, request};
use crate::{
    app::Endpoint,
    cli::failure::Failure,
    http::AdminToken,
    net::{HttpClient, NetErrorKind},
    settings::Settings,
};

/// How long somebody who listens may take to say that it is Botyard.
const PATIENCE: Duration = Duration::from_secs(2);

/// A running service, not yet talked to with a token.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) http: HttpClient,
    pub(super) address: SocketAddr,
    /// Where its token stands, unless the settings name a file.
    data_dir: PathBuf,
}

/// Nobody that was asked is a running service.
#[derive(Debug)]
pub(super) struct Absent {
    /// Who was asked, and what came of it when there was more than nobody.
    asked: Vec<(SocketAddr, Option<String>)>,
}

impl Absent {
    /// The one that was found has no use for what is to be done.
    pub(super) fn simulated(service: &Service) -> Self {
        Self { asked: vec![(service.address, Some("it runs on the simulator".to_owned()))] }
    }

    /// What a command says that cannot do without one.
    pub(super) fn failure(&self) -> Failure {
        Failure::problem(format!(
            "{self}; start it with `botyard serve` (or `botyard dev`), or, if it runs with another data dir, name that \
             one: --data-dir DIR"
        ))
    }
}

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no running service was found (")?;
        for (n, (address, trouble)) in self.asked.iter().enumerate() {
            let comma = if n > 0 { ", " } else { "" };
            match trouble {
                Some(trouble) => write!(f, "{comma}`{address}`: {trouble}")?,
                None => write!(f, "{comma}nobody listens on `{address}`")?,
            }
        }
        f.write_str(if self.asked.is_empty() { "`admin.listen` names no port)" } else { ")" })
    }
}

/// Asks around. The question needs no token, so nobody else is ever handed ours by mistake.
pub(super) async fn find(settings: &Settings) -> Result<Service, Absent> {
    let mut absent = Absent { asked: Vec::new() };
    for (address, data_dir) in places(settings) {
        let Ok(http) = HttpClient::direct() else { continue };
        let trouble = match http.send(request("GET", address, "/livez", PATIENCE)).await {
            Ok(answer) if answer.status == 200 && answer.body.as_ref() == b"ok\n" => {
                return Ok(Service { http, address, data_dir });
            }
            Ok(_) => Some("somebody else answers there".to_owned()),
            Err(error) if error.kind == NetErrorKind::Connect => None,
            Err(error) => Some(error.to_string()),
        };
        absent.asked.push((address, trouble));
    }
    Err(absent)
}

/// The data dirs that a service may use with these settings: its own, and the one of `botyard dev` in it.
pub(super) fn data_dirs(settings: &Settings) -> [PathBuf; 2] {
    [settings.data_dir.clone(), settings.data_dir.join("dev")]
}

/// Where to ask, in order, each place once.
fn places(settings: &Settings) -> Vec<(SocketAddr, PathBuf)> {
    let left = data_dirs(settings).into_iter().filter_map(|dir| Some((Endpoint::read(&dir)?.admin, dir)));
    let mut places: Vec<(SocketAddr, PathBuf)> = Vec::new();
    for (address, dir) in left.chain([(settings.admin.listen, settings.data_dir.clone())]) {
        let address = reachable(address);
        if address.port() != 0 && places.iter().all(|(known, _)| *known != address) {
            places.push((address, dir));
        }
    }
    places
}

/// "Every address" is an address to listen on, not one to go to.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

impl Service {
    /// The same with its token.
    pub(super) fn client(self, token_file: Option<&Path>) -> Result<Client, Failure> {
        let token = AdminToken::load(&self.data_dir, token_file).map_err(|error| {
            Failure::refused(format!("a service answers at `{}`, but its token is not here: {error}", self.address))
        })?;
        Ok(Client { http: self.http, address: self.address, token })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::LoadOptions;

    fn settings(data_dir: &Path, listen: &str) -> Settings {
        let overrides = [("data_dir", data_dir.to_str().unwrap()), ("admin.listen", listen)];
        let overrides = overrides.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        Settings::load(&LoadOptions { overrides, ..LoadOptions::default() }).unwrap()
    }

    fn leave(dir: &Path, admin: &str) {
        std::fs::create_dir_all(dir).unwrap();
        let file = serde_json::json!({ "pid": 7, "listen": "127.0.0.1:1", "admin": admin });
        std::fs::write(dir.join("service.json"), file.to_string()).unwrap();
    }

    fn asked(settings: &Settings) -> Vec<String> {
        places(settings).iter().map(|(address, _)| address.to_string()).collect()
    }

    #[test]
    fn what_a_service_left_goes_before_what_the_settings_say() {
        let dir = tempfile::tempdir().unwrap();
        let settings = settings(dir.path(), "0.0.0.0:8081");
        assert_eq!(asked(&settings), ["127.0.0.1:8081"]);
        leave(&dir.path().join("dev"), "127.0.0.1:9001");
        assert_eq!(asked(&settings), ["127.0.0.1:9001", "127.0.0.1:8081"]);
        leave(dir.path(), "[::]:9000");
        assert_eq!(asked(&settings), ["[::1]:9000", "127.0.0.1:9001", "127.0.0.1:8081"]);
        leave(dir.path(), "0.0.0.0:8081");
        assert_eq!(places(&settings)[0], ("127.0.0.1:8081".parse().unwrap(), dir.path().to_owned()));
        assert_eq!(asked(&settings).len(), 2, "each place is asked once");
    }

    #[test]
    fn nobody_there_is_said_with_the_way_to_start_one() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let dir = tempfile::tempdir().unwrap();
        let settings = settings(dir.path(), &address.to_string());
        crate::net::install_tls();
        let absent = actix_rt::System::new().block_on(find(&settings)).unwrap_err();
        let text = format!("{:?}", absent.failure());
        assert!(text.contains(&format!("nobody listens on `{address}`")), "{text}");
        assert!(text.contains("botyard serve") && text.contains("--data-dir"), "{text}");
    }
}
