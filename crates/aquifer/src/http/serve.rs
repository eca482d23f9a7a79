//! Connections: taken, served, and ended when the server closes.

use std::{
    io::{self, IoSlice},
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use axum::{body::Body, extract::Request, serve::Listener};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};
use tower::ServiceExt as _;

use super::{Service, sent::Connection};

/// The time for the head of a request, and for a connection to rest between two: who sends a byte now and then must not
/// hold it for ever.
const PATIENCE: Duration = Duration::from_secs(75);

/// The time in which a client must take something of its answer, however little: who stops reading in the middle of a file
/// must not hold it for ever. Programs that work on rows as they come may pause for minutes.
const STALLED: Duration = Duration::from_mins(15);

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
        let stream = TokioIo::new(Taken::new(stream));
        let served = open.watch(http.serve_connection(stream, TowerToHyperService::new(service)));
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

/// A connection that breaks when its client has taken nothing for too long.
struct Taken<S> {
    stream: S,
    /// There is one while a write waits.
    patience: Option<Pin<Box<Sleep>>>,
}

impl<S> Taken<S> {
    fn new(stream: S) -> Taken<S> {
        Taken { stream, patience: None }
    }

    fn watch<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.patience = None;
            return written;
        }
        let patience = self.patience.get_or_insert_with(|| Box::pin(sleep(STALLED)));
        patience.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Taken<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, read: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, read)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Taken<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.watch(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.watch(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.watch(context, shut)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::{Router, routing::get};
    use bytes::Bytes;
    use futures::stream;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
        sync::oneshot,
        time::timeout,
    };
    use tower::{Layer as _, util::MapRequestLayer};

    use super::*;

    fn service(router: Router) -> Service {
        MapRequestLayer::new((|request| request) as fn(Request) -> Request).layer(router)
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_of_an_answer_does_not_hold_it_for_ever() {
        let (held, dropped) = oneshot::channel::<()>();
        let endless =
            stream::unfold(held, |held| async { Some((Ok::<_, io::Error>(Bytes::from_static(&[0; 1 << 16])), held)) });
        let body = Arc::new(Mutex::new(Some(Body::from_stream(endless))));
        let router = Router::new().route("/", get(|| async move { body.lock().unwrap().take().unwrap() }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (_close, closing) = oneshot::channel::<()>();
        tokio::spawn(serve(listener, service(router), async { drop(closing.await) }));

        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        // Nothing comes: the sender is dropped with the answer.
        assert!(timeout(2 * STALLED, dropped).await.expect("it is let go").is_err());
    }

    /// The time is tokio's own, which stands still and jumps when nothing else is left to do.
    #[tokio::test(start_paused = true)]
    async fn who_is_slow_is_not_waited_for_and_who_is_being_answered_is() {
        let router = Router::new().route("/", get(|| async { "here" }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (close, closing) = oneshot::channel::<()>();
        let serving = tokio::spawn(serve(listener, service(router), async { drop(closing.await) }));

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
