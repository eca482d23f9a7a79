//! Connections: taken, served, and ended when the server closes.

use std::{pin::pin, time::Duration};

use axum::{body::Body, extract::Request, serve::Listener};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tower::ServiceExt as _;

use super::{Service, sent::Connection};

/// The time for the head of a request, and for a connection to rest between two: who sends a byte now and then must not
/// hold it for ever.
const PATIENCE: Duration = Duration::from_secs(75);

/// Serves until `closing` is done, and then until every request that has come is answered.
pub async fn serve(mut listener: impl Listener, service: Service, closing: impl Future<Output = ()>) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    let open = GracefulShutdown::new();
    let mut closing = pin!(closing);
    loop {
        let (stream, _) = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut closing => break,
        };
        let (life, connection) = Connection::new();
        let service = service.clone().map_request(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(connection.clone());
            request
        });
        let served = open.watch(http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)));
        tokio::spawn(async move {
            let served = pin!(served);
            // However this ends, it is dropped before what is served: whatever has not been written then never will be.
            let _life = life;
            if let Err(error) = served.await {
                tracing::debug!(%error, "a connection broke off");
            }
        });
    }
    drop(listener);
    open.shutdown().await;
}

#[cfg(test)]
mod tests {
    use axum::{Router, routing::get};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
        sync::oneshot,
    };
    use tower::{Layer as _, util::MapRequestLayer};

    use super::*;

    fn service() -> Service {
        let router = Router::new().route("/", get(|| async { "here" }));
        MapRequestLayer::new((|request| request) as fn(Request) -> Request).layer(router)
    }

    /// The time is tokio's own, which stands still and jumps when nothing else is left to do.
    #[tokio::test(start_paused = true)]
    async fn who_is_slow_is_not_waited_for_and_who_is_being_answered_is() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (close, closing) = oneshot::channel::<()>();
        let serving = tokio::spawn(serve(listener, service(), async { drop(closing.await) }));

        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.unwrap();
        let mut answer = String::new();
        slow.read_to_string(&mut answer).await.unwrap();
        assert!(!answer.contains("here"), "{answer}");

        let mut quick = TcpStream::connect(address).await.unwrap();
        quick.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        quick.readable().await.unwrap();
        close.send(()).unwrap();
        quick.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("here"), "{answer}");
        serving.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }
}
