//! What the service is held against: a bare actix-web handler that checks the same signature over the same
//! body and stores nothing. It runs in a process of its own, like the service.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    thread,
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    http::header::HeaderName,
    web::{self, Bytes, PayloadConfig},
};
use anyhow::{Context as _, Result};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

use crate::{upstream::Hook, ward::Ward};

/// The secret of every bare webhook: as long as a generated one.
const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const SIGNATURE: HeaderName = HeaderName::from_static("x-spark-signature");

/// The process itself: says its address in one line and ends when its standard input does.
pub(crate) fn serve(workers: usize) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let addr = listener.local_addr()?;
    let signer = Hmac::<Sha1>::new_from_slice(SECRET.as_bytes())?;
    let app = move || {
        App::new()
            .app_data(web::Data::new(signer.clone()))
            .app_data(PayloadConfig::new(256 * 1024))
            .route("/hooks/{bot}", web::post().to(accept))
    };
    actix_web::rt::System::new().block_on(async move {
        let server = HttpServer::new(app).workers(workers).listen(listener)?.run();
        let handle = server.handle();
        thread::spawn(move || {
            let _ = io::stdin().read_to_end(&mut Vec::new());
            drop(handle.stop(false));
        });
        writeln!(io::stdout(), "{addr}")?;
        server.await?;
        Ok(())
    })
}

async fn accept(request: HttpRequest, body: Bytes, signer: web::Data<Hmac<Sha1>>) -> HttpResponse {
    let claimed = request.headers().get(SIGNATURE).and_then(|value| hex::decode(value.as_bytes()).ok());
    let mut signer = signer.as_ref().clone();
    signer.update(&body);
    match claimed {
        Some(claimed) if signer.verify_slice(&claimed).is_ok() => HttpResponse::Ok().finish(),
        _ => HttpResponse::Unauthorized().finish(),
    }
}

/// Starts the process; it lives as long as the ward.
pub(crate) fn start(workers: usize) -> Result<(Ward, SocketAddr)> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["bare", "--workers", &workers.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("the bare handler did not start")?;
    let line = first_line(&mut child);
    let ward = Ward::new(child);
    let addr = line?.trim().parse().context("the bare handler did not say its address")?;
    Ok((ward, addr))
}

fn first_line(child: &mut Child) -> Result<String> {
    let mut line = String::new();
    BufReader::new(child.stdout.take().context("no standard output")?).read_line(&mut line)?;
    Ok(line)
}

/// Webhooks like those a service would have registered.
pub(crate) fn hooks(bots: usize, addr: SocketAddr) -> Vec<Hook> {
    (0..bots).map(|bot| Hook::bare(bot, addr, SECRET)).collect()
}
