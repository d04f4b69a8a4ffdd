//! How a connection comes about: straight, or through the proxy.

use actix_rt::net::TcpStream;
use actix_service::Service;
use actix_tls::connect::{ConnectError, ConnectInfo, Connection, Connector, ConnectorService};
use awc::http::Uri;
use futures_util::future::LocalBoxFuture;

use super::{egress::Egress, error::NetError, no_proxy::NoProxy, proxy::Proxy};

/// awc's connector: resolves and connects, or asks the proxy to.
#[derive(Clone)]
pub(super) struct Route {
    tcp: ConnectorService,
    proxy: Option<std::rc::Rc<(Proxy, NoProxy)>>,
}

impl Route {
    pub(super) fn new(egress: &Egress) -> Result<Self, NetError> {
        let no_proxy = NoProxy::parse(&egress.no_proxy)?;
        let proxy = egress.proxy.as_ref().map(Proxy::parse).transpose()?;
        Ok(Self { tcp: Connector::default().service(), proxy: proxy.map(|proxy| std::rc::Rc::new((proxy, no_proxy))) })
    }
}

impl Service<ConnectInfo<Uri>> for Route {
    type Response = Connection<Uri, TcpStream>;
    type Error = ConnectError;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Self::Error>>;

    actix_service::always_ready!();

    fn call(&self, request: ConnectInfo<Uri>) -> Self::Future {
        let tcp = self.tcp.clone();
        let through = self.proxy.clone().filter(|proxy| !proxy.1.goes_direct(request.hostname()));
        Box::pin(async move {
            let Some(through) = through else { return tcp.call(request).await };
            let proxy = &through.0;
            let target = format!("{}:{}", request.hostname(), request.port());
            let stream = tcp.call(ConnectInfo::new(proxy.address())).await;
            let (mut stream, _) = stream.map_err(|error| proxy.unreachable(&error))?.into_parts();
            proxy.tunnel(&mut stream, &target).await?;
            Ok(Connection::new(request.request().clone(), stream))
        })
    }
}
