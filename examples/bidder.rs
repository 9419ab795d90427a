//! A bidder that asks before it answers: what a client of the sidecar should look like.
//!
//! It answers OpenRTB bid requests over HTTP. One of its two campaigns has a template that was never filled in, so that
//! there is something to cut. What matters is in [`Sidecar`]: one channel for all calls, a deadline on each, and what
//! becomes of bids without a verdict, which the owner of the bidder decides and not the moment.
//!
//! ```sh
//! cargo run --example bidder -- --sidecar http://127.0.0.1:50051 --unjudged drop
//! curl -d '{ "id": "r1", "imp": [{ "id": "1", "bidfloor": 0.5 }], "tmax": 250 }' 127.0.0.1:9090
//! ```
#![expect(
    clippy::disallowed_methods,
    reason = "a bidder has a clock: how much of an auction's time is left decides how long it may ask"
)]

use std::convert::Infallible;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bidgate::proto::bid_gate_service_client::BidGateServiceClient;
use bidgate::proto::{BidResult, EvaluateRequest, EvaluateResponse, Verdict};
use bytes::Bytes;
use clap::{Parser, ValueEnum};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

#[derive(Clone, Debug, Parser)]
struct Options {
    /// Where the sidecar speaks gRPC: `unix:///path` or `http://host:port`
    #[arg(long, default_value = "unix:///run/bidgate/bidgate.sock")]
    sidecar: String,
    /// Where bid requests are answered
    #[arg(long, default_value = "127.0.0.1:9090")]
    listen: SocketAddr,
    /// What becomes of bids that have no verdict
    #[arg(long, value_enum, default_value_t = Unjudged::Drop)]
    unjudged: Unjudged,
    /// How long a bid waits for its verdict, at most
    #[arg(long, default_value_t = 20)]
    patience_ms: u64,
}

/// Fail closed or fail open: the one question about the sidecar that only the bidder can answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Unjudged {
    /// No bid: an auction is lost rather than an unjudged bid sent
    Drop,
    /// As they are: a bad bid is sent rather than an auction lost
    Send,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::parse();
    let listener = TcpListener::bind(options.listen).await?;
    let bidder = Arc::new(Bidder {
        sidecar: Sidecar::new(&options)?,
    });
    serve(&listener, &bidder).await?;
    Ok(())
}

/// The sidecar as its caller sees it.
#[derive(Debug)]
struct Sidecar {
    client: BidGateServiceClient<Channel>,
    patience: Duration,
    unjudged: Unjudged,
}

impl Sidecar {
    /// Opens the channel that all calls share: HTTP/2 carries them side by side, and the channel connects again by itself
    /// when the sidecar was restarted. It connects with the first call, so the bidder starts without waiting.
    fn new(options: &Options) -> Result<Self, tonic::transport::Error> {
        let channel = Endpoint::from_shared(options.sidecar.clone())?.connect_lazy();
        Ok(Self {
            client: BidGateServiceClient::new(channel),
            patience: Duration::from_millis(options.patience_ms),
            unjudged: options.unjudged,
        })
    }

    /// What may be sent to the exchange; empty is HTTP 204, a no-bid.
    async fn judge(&self, auction: &Auction, bid_response: Bytes) -> Bytes {
        match self.ask(auction, bid_response.clone()).await {
            Ok(reply) if reply.verdict() != Verdict::NotEvaluated => {
                reply.bids.iter().filter(|bid| !bid.passed).for_each(lost);
                reply.filtered_response.into()
            }
            Ok(_late) => self.without_verdict(bid_response, "the auction's time was all but gone"),
            Err(status) => self.without_verdict(bid_response, &status.to_string()),
        }
    }

    /// One call. The deadline goes with it, so neither side works on an answer that comes too late.
    async fn ask(
        &self,
        auction: &Auction,
        bid_response: Bytes,
    ) -> Result<EvaluateResponse, Status> {
        let elapsed = auction.arrived.elapsed();
        let mut call = tonic::Request::new(EvaluateRequest {
            agent_id: "example-bidder".to_owned(),
            tool: "example-exchange".to_owned(),
            bid_request: auction.request.clone(),
            bid_response,
            elapsed_us: u64::try_from(elapsed.as_micros()).ok(),
            want_filtered_response: true,
            ..EvaluateRequest::default()
        });
        call.set_timeout(self.patience.min(auction.tmax().saturating_sub(elapsed)));
        // Clones share the channel.
        let reply = self.client.clone().evaluate(call).await?;
        Ok(reply.into_inner())
    }

    fn without_verdict(&self, bid_response: Bytes, cause: &str) -> Bytes {
        say(&format!("unjudged, {:?}: {cause}", self.unjudged));
        match self.unjudged {
            Unjudged::Send => bid_response,
            Unjudged::Drop => Bytes::new(),
        }
    }
}

/// A bid that does not go out. This is where a bidder gives back the budget that it had set aside, counts the loss under
/// its OpenRTB code, and pauses a creative that is rejected again and again.
fn lost(bid: &BidResult) {
    let BidResult {
        bid_id,
        impid,
        primary_reason,
        loss_reason,
        ..
    } = bid;
    say(&format!(
        "lost: bid {bid_id:?} on imp {impid:?}: {primary_reason}, loss reason {loss_reason}"
    ));
}

/// A bid request, and since when its time has run.
#[derive(Debug)]
struct Auction {
    arrived: Instant,
    request: Bytes,
    offer: Offer,
}

/// What this bidder reads of a bid request.
#[derive(Debug, Deserialize)]
struct Offer {
    id: String,
    tmax: Option<u64>,
    imp: Vec<Imp>,
}

#[derive(Debug, Deserialize)]
struct Imp {
    id: String,
    #[serde(default)]
    bidfloor: f64,
}

impl Auction {
    fn tmax(&self) -> Duration {
        self.offer.tmax.map_or(Duration::MAX, Duration::from_millis)
    }

    /// Two bids on every imp, one of each campaign.
    fn bid_response(&self) -> Bytes {
        let bids = self.offer.imp.iter().flat_map(|imp| {
            let price = imp.bidfloor + 0.1;
            CAMPAIGNS.map(|(name, domain)| {
                json!({ "id": name, "impid": imp.id, "price": price, "adomain": [domain], "crid": name })
            })
        });
        let seat = json!({ "seat": "example", "bid": bids.collect::<Vec<_>>() });
        let response = json!({ "id": self.offer.id, "seatbid": [seat] });
        response.to_string().into()
    }
}

/// Names and advertiser domains. The second would have been filled in by a template.
const CAMPAIGNS: [(&str, &str); 2] = [
    ("boots", "juniper-outdoor.com"),
    ("template", "${ADVERTISER_DOMAIN}"),
];

#[derive(Debug)]
struct Bidder {
    sidecar: Sidecar,
}

impl Bidder {
    async fn answer(&self, asked: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let arrived = Instant::now();
        if asked.method() == Method::GET {
            return Ok(Response::new(Full::from("serving\n")));
        }
        let body = Limited::new(asked.into_body(), REQUEST_BYTES_MAX)
            .collect()
            .await;
        let Ok(request) = body.map(http_body_util::Collected::to_bytes) else {
            return Ok(with_status(StatusCode::BAD_REQUEST));
        };
        let Ok(offer) = serde_json::from_slice(&request) else {
            return Ok(with_status(StatusCode::NO_CONTENT));
        };
        let auction = Auction {
            arrived,
            request,
            offer,
        };
        let bid_response = auction.bid_response();
        let sent = self.sidecar.judge(&auction, bid_response).await;
        Ok(if sent.is_empty() {
            with_status(StatusCode::NO_CONTENT)
        } else {
            Response::new(Full::new(sent))
        })
    }
}

const REQUEST_BYTES_MAX: usize = 512 << 10;

fn with_status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

/// Answers until SIGTERM; then what was asked is answered still. In a pod the sidecar is told to end after the bidder
/// has, so that all of it is judged.
async fn serve(listener: &TcpListener, bidder: &Arc<Bidder>) -> io::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    let (end, ended) = watch::channel(());
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = terminated.recv() => break,
        };
        if let Ok((stream, _)) = accepted {
            connections.spawn(converse(stream, Arc::clone(bidder), ended.clone()));
        }
        while connections.try_join_next().is_some() {}
    }
    drop(end);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    tokio::time::timeout(GRACE, all_ended)
        .await
        .unwrap_or_default();
    Ok(())
}

const GRACE: Duration = Duration::from_secs(5);

async fn converse(stream: TcpStream, bidder: Arc<Bidder>, mut ended: watch::Receiver<()>) {
    let answer = service_fn(|asked| bidder.answer(asked));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
    let mut connection = pin!(connection);
    tokio::select! {
        _done = connection.as_mut() => return,
        _end = ended.changed() => connection.as_mut().graceful_shutdown(),
    }
    connection.await.unwrap_or_default();
}

fn say(line: &str) {
    writeln!(io::stderr(), "{line}").unwrap_or_default();
}
