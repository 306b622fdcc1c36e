//! Serves the API on a thread of its own: no request can hold up the agent's loop.

use std::{
    convert::Infallible,
    io,
    net::{SocketAddr, TcpListener},
    path::Path,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use axum::{
    Extension, Router,
    body::Bytes,
    extract::DefaultBodyLimit,
    http::{Method, Uri, header},
    middleware::from_fn_with_state,
    routing::get,
};
use axum_server::{Handle, accept::NoDelayAcceptor, tls_rustls::RustlsConfig};
use hyper_util::rt::TokioTimer;
use rustls::ServerConfig;
use tower::Layer as _;

use super::{
    CertificateError, Error, Fingerprint, Frame,
    auth::{self, Auth},
    certificate, document,
    guard::{self, Guard},
    versions,
};
use crate::model::{Api, Limits, rights::Origin};

/// Headers of a request must be there within this time.
const HEADERS: Duration = Duration::from_secs(10);
/// Answers under way have this long when the agent stops.
const STOP: Duration = Duration::from_secs(1);

/// Why the API can't be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address can't be listened on.
    #[error("[api] listen = \"{address}\": {source}; choose another, or stop who has it")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// The certificate can't be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// There is no thread for it.
    #[error("the thread of the API: {source}")]
    Thread {
        /// What the kernel said.
        source: io::Error,
    },
    /// The document can't be written.
    #[error("the OpenAPI document: {source}")]
    Document {
        /// Why.
        #[from]
        source: serde_json::Error,
    },
}

/// The API being served, until this is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    fingerprint: Fingerprint,
    handle: Handle<SocketAddr>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Begins to serve. A certificate of its own is kept in the state directory.
    ///
    /// # Errors
    /// When the address is taken, or the certificate is no good.
    pub fn start(api: &Api, state_dir: &Path, frame: Frame) -> Result<Self, ServeError> {
        let (tls, fingerprint) = certificate::load(api, state_dir)?;
        let router = router(frame, api.limits)?;
        let failed = |source| ServeError::Listen { address: api.listen, source };
        let listener = TcpListener::bind(api.listen).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;

        let thread = |source| ServeError::Thread { source };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(thread)?;
        let handle = Handle::new();
        let serve = serve(listener, tls, router, handle.clone());
        let run = move || {
            if let Err(error) = runtime.block_on(serve) {
                tracing::error!("the API is served no more: {error}");
            }
        };
        let thread = thread::Builder::new().name("api".to_owned()).spawn(run).map_err(thread)?;
        tracing::info!(%address, %fingerprint, "API");
        Ok(Self { address, fingerprint, handle, thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Of the certificate that it shows.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.handle.graceful_shutdown(Some(STOP));
        // One that panicked has said so.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

async fn serve(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    router: Router,
    handle: Handle<SocketAddr>,
) -> io::Result<()> {
    let server = axum_server::from_tcp_rustls(listener, RustlsConfig::from_config(tls))?.handle(handle);
    // Answers are small and whole: none waits for more.
    let mut server = server.map(|tls| tls.acceptor(NoDelayAcceptor));
    server.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(HEADERS);
    server.http_builder().http2().timer(TokioTimer::new()).max_concurrent_streams(100);
    let mut connections = 0;
    let connection = move |_peer: SocketAddr| {
        connections += 1;
        let service = Extension(Origin(connections)).layer(router.clone());
        async move { Ok::<_, Infallible>(service) }
    };
    server.serve(tower::service_fn(connection)).await
}

/// All that is answered.
pub(super) fn router(frame: Frame, limits: Limits) -> Result<Router, ServeError> {
    let document = Bytes::from(serde_json::to_vec(&document::whole(frame.document))?);
    let json = [(header::CONTENT_TYPE, "application/json")];
    let auth = Auth::new(frame.accounts, frame.seal, limits);
    let open = Router::new()
        .route("/", get(versions::list))
        .route("/{version}", get(versions::one))
        .route("/openapi.json", get(move || async move { (json, document) }));
    // A layer of no routes is a fault to axum.
    let operations = match frame.operations {
        operations if operations.has_routes() => {
            // The body's length was held to its limit on the way in.
            let unlimited = operations.layer(DefaultBodyLimit::disable());
            unlimited.route_layer(from_fn_with_state(auth, auth::authenticate))
        }
        none => none,
    };
    Ok(operations
        .merge(open)
        .fallback(async |uri: Uri| {
            Error::not_found(format!("there is nothing at {}; /openapi.json tells what there is", uri.path()))
        })
        .method_not_allowed_fallback(async |method: Method, uri: Uri| {
            Error::new(405, "EndPoint.0002", format!("{method} is not for {}; /openapi.json tells what is", uri.path()))
        })
        .layer(from_fn_with_state(Guard::new(limits), guard::guard)))
}
