//! Starts a simulator, keeps its threads, and stops it.
//!
//! Connections are accepted here rather than by `actix_web::HttpServer`, which always makes threads: with
//! `threads: 0` everything runs where it was started, so that a test on one thread with a paused clock can
//! hold the simulator too.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use actix_http::HttpService;
use actix_service::{Service, ServiceFactory, map_config};
use actix_web::{App, dev::AppConfig};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc, oneshot},
    task::JoinHandle,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    deliver, http,
    intake::Intake,
    options::{SimError, SimOptions},
    seed_file,
    shared::Shared,
    state_file::StateFile,
    world::{Delivery, Setup, World},
};
use crate::base::spawn::spawn;

/// Connections at once, per thread.
const MOST_CONNECTIONS: usize = 8_192;
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// A running simulator. Dropping it stops it too, without saving.
#[derive(Debug)]
pub struct SimHandle {
    addr: SocketAddr,
    chance_seed: u64,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
    parts: Vec<Part>,
    /// What saves the state, and how it is told that there will be no more changes.
    saving: Option<(CancellationToken, JoinHandle<()>)>,
}

/// Something that ends after `stop`.
#[derive(Debug)]
enum Part {
    Here(JoinHandle<()>),
    Thread(oneshot::Receiver<()>),
}

impl SimHandle {
    /// Base URL of the Webex API: `http://127.0.0.1:7070/v1`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.addr)
    }

    /// Base URL of the control API: `http://127.0.0.1:7070/sim`.
    #[must_use]
    pub fn control_url(&self) -> String {
        format!("http://{}/sim", self.addr)
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What faults with a probability are drawn from: the same number draws the same again.
    #[must_use]
    pub fn chance_seed(&self) -> u64 {
        self.chance_seed
    }

    /// Stops it and waits until all of it has ended; with a state file, what changed last is saved then.
    pub async fn stop(mut self) {
        self.stop.cancel();
        for part in self.parts.drain(..) {
            match part {
                Part::Here(task) => drop(task.await),
                Part::Thread(ended) => drop(ended.await),
            }
        }
        if let Some((finish, saving)) = self.saving.take() {
            finish.cancel();
            drop(saving.await);
        }
    }
}

/// Starts a simulator.
///
/// # Errors
/// [`SimError`]: the address cannot or may not be used, or a file to start with is wrong.
///
/// # Panics
/// Outside of an arbiter or a `LocalSet`.
pub async fn start(options: SimOptions) -> Result<SimHandle, SimError> {
    options.check()?;
    let mut world = World::empty(options.retention, options.requests_per_minute);
    world.follow(options.clock.now());
    world.setup = Arc::new(setup(&options)?);
    let file = options.state.clone().map(StateFile::new);
    match &file {
        Some(file) if file.load(&mut world)? => world.seed_faults(),
        _ => world.seed(),
    }
    let chance_seed = world.setup.chance_seed;
    let listener = bind(options.listen)?;
    let addr = listener.local_addr().map_err(|source| SimError::Listen { address: options.listen, source })?;

    world.home = home(addr);
    let most_file = options.upload_bytes.min(options.retention.file_bytes);
    let threads = options.threads.max(1);
    let (senders, queues): (Vec<_>, Vec<_>) = (0..threads).map(|_| mpsc::unbounded_channel()).unzip();
    let shared = Arc::new(Shared::new(world, options.clock.clone(), addr, senders));
    let stop = CancellationToken::new();
    let mut parts = Vec::new();
    for (number, queue) in queues.into_iter().enumerate() {
        let listener = listener.try_clone().map_err(|source| SimError::Listen { address: addr, source })?;
        let work = Work { shared: Arc::clone(&shared), listener, addr, queue, most_file, stop: stop.clone() };
        if options.threads == 0 {
            work.start_here(&mut parts).await?;
        } else {
            parts.push(Part::Thread(work.start_thread(number).await?));
        }
    }
    let saving = file.map(|file| {
        let finish = CancellationToken::new();
        (finish.clone(), spawn(file.keep(shared, finish)))
    });
    Ok(SimHandle { addr, chance_seed, stop: stop.clone(), _stop_on_drop: stop.drop_guard(), parts, saving })
}

/// What is there at first start.
fn setup(options: &SimOptions) -> Result<Setup, SimError> {
    let mut setup = Setup { requests_per_minute: options.requests_per_minute, ..Setup::default() };
    if let Some(path) = &options.seed {
        seed_file::read_seed(path, &mut setup)?;
    }
    if let Some(path) = &options.faults {
        seed_file::read_faults(path, &mut setup)?;
    }
    setup.chance_seed = options.chance_seed.unwrap_or(setup.chance_seed);
    Ok(setup)
}

/// What links begin with where no request says how it came here: our address, as this machine reaches it.
fn home(listens: SocketAddr) -> String {
    let mut reached = listens;
    if listens.ip().is_unspecified() {
        reached.set_ip(if listens.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    format!("http://{reached}/v1")
}

fn bind(address: SocketAddr) -> Result<std::net::TcpListener, SimError> {
    let refused = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::AddrInUse => SimError::Busy { address },
        _ => SimError::Listen { address, source },
    };
    let listener = std::net::TcpListener::bind(address).map_err(refused)?;
    listener.set_nonblocking(true).map_err(refused)?;
    Ok(listener)
}

/// What one thread does: accept connections, and deliver its part of the webhooks.
struct Work {
    shared: Arc<Shared>,
    listener: std::net::TcpListener,
    addr: SocketAddr,
    queue: mpsc::UnboundedReceiver<Delivery>,
    /// Bytes of the largest file that is taken.
    most_file: usize,
    stop: CancellationToken,
}

impl Work {
    /// On a thread of its own. Returns once it accepts connections.
    async fn start_thread(self, number: usize) -> Result<oneshot::Receiver<()>, SimError> {
        let (ready, is_ready) = oneshot::channel();
        let (over, is_over) = oneshot::channel();
        let failed = |error: &dyn std::fmt::Display| SimError::Start(error.to_string());
        std::thread::Builder::new()
            .name(format!("sim-{number}"))
            .spawn(move || {
                let runtime = match actix_rt::Runtime::new() {
                    Ok(runtime) => runtime,
                    Err(error) => return drop(ready.send(Err(SimError::Start(error.to_string())))),
                };
                runtime.block_on(async move {
                    let mut parts = Vec::new();
                    let started = self.start_here(&mut parts).await;
                    let told = ready.send(started);
                    if told.is_ok() {
                        for part in parts {
                            if let Part::Here(task) = part {
                                drop(task.await);
                            }
                        }
                    }
                });
                drop(runtime);
                // Nobody waits for the end of a simulator that was dropped.
                let _nobody = over.send(());
            })
            .map_err(|error| failed(&error))?;
        is_ready.await.map_err(|error| failed(&error))??;
        Ok(is_over)
    }

    /// On the current thread.
    async fn start_here(self, parts: &mut Vec<Part>) -> Result<(), SimError> {
        let Self { shared, listener, addr, queue, most_file, stop } = self;
        let client = deliver::client().map_err(|error| SimError::Start(error.to_string()))?;
        let listener = TcpListener::from_std(listener).map_err(|source| SimError::Listen { address: addr, source })?;
        let app = App::new().configure(http::routes(Arc::clone(&shared), Intake::new(client.clone(), most_file)));
        let service = HttpService::build()
            .keep_alive(KEEP_ALIVE)
            .finish(map_config(app, |()| AppConfig::default()))
            .tcp()
            .new_service(())
            .await
            .map_err(|error| SimError::Start(format!("{error:?}")))?;
        parts.push(Part::Here(spawn(deliver::run(shared, client, queue, stop.clone()))));
        parts.push(Part::Here(spawn(accept(listener, service, stop))));
        Ok(())
    }
}

async fn accept<S>(listener: TcpListener, service: S, stop: CancellationToken)
where
    S: Service<TcpStream> + 'static,
{
    let service = Rc::new(service);
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let place = Arc::clone(&places).acquire_owned().await;
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Mostly: no file handle left. One is freed by every connection that ends.
                tracing::warn!(%error, "the simulator cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection to the simulator broke off at once");
        }
        let (service, stop) = (Rc::clone(&service), stop.clone());
        spawn(async move {
            let _place = place;
            tokio::select! {
                () = stop.cancelled() => {}
                // How a connection ends is the client's business.
                _ = service.call(stream) => {}
            }
        });
    }
}
