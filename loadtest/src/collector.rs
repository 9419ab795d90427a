//! The place where batches of telemetry go: it takes whatever is posted, at once or late.

use std::convert::Infallible;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::spawn_local;
use tokio::time::sleep;

use crate::error::Error;
use crate::noop::input_ends;

/// How the collector answers.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct CollectorArgs {
    /// Milliseconds from the end of a request to its answer
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=60_000))]
    pub(crate) delay_ms: u64,
}

/// Serves on a free port of loopback, which is written to standard output, until standard input ends.
pub(crate) fn run(args: CollectorArgs) -> Result<(), Error> {
    let serving = Error::system("collect");
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let listener = listener.map_err(&serving)?;
    listener.set_nonblocking(true).map_err(&serving)?;
    let address = listener.local_addr().map_err(&serving)?;
    writeln!(io::stdout(), "{address}").map_err(&serving)?;
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .map_err(&serving)?;
    let delay = Duration::from_millis(args.delay_ms);
    let served = runtime.block_on(async {
        tokio::select! {
            served = serve(listener, delay) => served,
            () = input_ends() => Ok(()),
        }
    });
    served.map_err(serving)
}

async fn serve(listener: TcpListener, delay: Duration) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let service = service_fn(move |request| accept(request, delay));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service);
        drop(spawn_local(async move { drop(connection.await) }));
    }
}

/// Reads the batch to its end and throws it away.
async fn accept(
    request: Request<Incoming>,
    delay: Duration,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut body = request.into_body();
    while let Some(Ok(_)) = body.frame().await {}
    if !delay.is_zero() {
        sleep(delay).await;
    }
    let mut response = Response::new(Full::from("{\"accepted\":0,\"duplicate\":false}"));
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}
