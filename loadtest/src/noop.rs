//! The server that bidgate is measured against: what `tonic` generates from the same proto, around an empty handler.
//!
//! It takes the same bytes off the wire and decodes the same message into the generated types, as every service does
//! that was written with tonic. Nothing is tuned and nothing is left out; only the runtime can be chosen.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread;

use clap::{Args, ValueEnum};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};

use crate::error::Error;
use crate::proto::bid_gate_service_server::{BidGateService, BidGateServiceServer};
use crate::proto::{EvaluateRequest, EvaluateResponse};

/// How the stock server runs.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct NoopArgs {
    /// Threads that serve; more than one needs the multi-threaded runtime
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: u16,
    /// The tokio runtime of the stock server
    #[arg(long, value_enum, default_value_t = Flavour::CurrentThread)]
    pub(crate) runtime: Flavour,
}

/// Kind of runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Flavour {
    /// All on one thread: the cheapest per call
    CurrentThread,
    /// What `#[tokio::main]` makes
    MultiThread,
}

impl Flavour {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::CurrentThread => "current-thread",
            Self::MultiThread => "multi-thread",
        }
    }
}

/// Serves on a free port of loopback, which is written to standard output, until standard input ends: the process that
/// started this one is gone then. Signals do what they do.
pub(crate) fn run(args: NoopArgs) -> Result<(), Error> {
    let serving = Error::system("serve");
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let listener = listener.map_err(&serving)?;
    listener.set_nonblocking(true).map_err(&serving)?;
    let address = listener.local_addr().map_err(&serving)?;
    writeln!(io::stdout(), "{address}").map_err(&serving)?;
    let runtime = runtime(args).map_err(&serving)?;
    let served = runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        // As `Server::serve` does.
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        Server::builder()
            .add_service(BidGateServiceServer::new(Noop))
            .serve_with_incoming_shutdown(incoming, input_ends())
            .await
            .map_err(io::Error::other)
    });
    served.map_err(serving)
}

fn runtime(args: NoopArgs) -> io::Result<Runtime> {
    match args.runtime {
        Flavour::CurrentThread => Builder::new_current_thread().enable_all().build(),
        Flavour::MultiThread => Builder::new_multi_thread()
            .worker_threads(args.threads.into())
            .enable_all()
            .build(),
    }
}

/// The thread sleeps in a read all the time.
pub(crate) async fn input_ends() {
    let (tell, told) = oneshot::channel();
    thread::spawn(move || {
        drop(io::stdin().read(&mut [0]));
        tell.send(()).unwrap_or_default();
    });
    drop(told.await);
}

#[derive(Clone, Copy, Debug)]
struct Noop;

#[tonic::async_trait]
impl BidGateService for Noop {
    async fn evaluate(
        &self,
        _request: Request<EvaluateRequest>,
    ) -> Result<Response<EvaluateResponse>, Status> {
        Ok(Response::new(EvaluateResponse::default()))
    }

    type EvaluateStreamStream = tokio_stream::Empty<Result<EvaluateResponse, Status>>;

    async fn evaluate_stream(
        &self,
        _request: Request<Streaming<EvaluateRequest>>,
    ) -> Result<Response<Self::EvaluateStreamStream>, Status> {
        Err(Status::unimplemented(
            "the stock server answers unary calls",
        ))
    }
}
