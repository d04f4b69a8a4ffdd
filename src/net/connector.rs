//! How a connection comes about: straight, or through the proxy.

use actix_rt::net::TcpStream;
use actix_service::Service;
use actix_tls::connect::{ConnectError, ConnectInfo, Connection, Connector, ConnectorService};
use awc::http::Uri;
use futures_util::future::LocalBoxFuture;

use super::{egress::Egress, error::NetError, guard::Guard, no_proxy::NoProxy, proxy::Proxy};

/// awc's connector: resolves and connects, or asks the proxy to.
#[derive(Clone)]
pub(super) struct Route {
    tcp: ConnectorService,
    proxy: Option<std::rc::Rc<(Proxy, NoProxy)>>,
    guard: Option<Guard>,
}

impl Route {
    pub(super) fn new(egress: &Egress) -> Result<Self, NetError> {
        let no_proxy = NoProxy::parse(&egress.no_proxy)?;
        let proxy = egress.proxy.as_ref().map(Proxy::parse).transpose()?;
        Ok(Self {
            tcp: Connector::default().service(),
            proxy: proxy.map(|proxy| std::rc::Rc::new((proxy, no_proxy))),
            guard: egress.guard.clone(),
        })
    }
}

impl Service<ConnectInfo<Uri>> for Route {
    type Response = Connection<Uri, TcpStream>;
    type Error = ConnectError;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Self::Error>>;

    actix_service::always_ready!();

    fn call(&self, mut request: ConnectInfo<Uri>) -> Self::Future {
        let tcp = self.tcp.clone();
        let guard = self.guard.clone();
        let through = self.proxy.clone().filter(|proxy| !proxy.1.goes_direct(request.hostname()));
        Box::pin(async move {
            let mut target = format!("{}:{}", request.hostname(), request.port());
            if let Some(guard) = guard {
                // The connection goes to what was checked: the name is not resolved a second time, when it may
                // say something else.
                let addresses = guard.resolve(request.hostname(), request.port(), through.is_some()).await?;
                if let Some(first) = addresses.first() {
                    target = first.to_string();
                }
                request = request.set_addrs(addresses);
            }
            let Some(through) = through else { return tcp.call(request).await };
            let proxy = &through.0;
            let stream = tcp.call(ConnectInfo::new(proxy.address())).await;
            let (mut stream, _) = stream.map_err(|error| proxy.unreachable(&error))?.into_parts();
            proxy.tunnel(&mut stream, &target).await?;
            Ok(Connection::new(request.request().clone(), stream))
        })
    }
}
