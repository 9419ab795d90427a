//! Batches posted to a collector: `POST {endpoint}/v1/ingest` (spec: telemetry §3, §4).
//!
//! One attempt is one request, with one limit on its time from the first packet to the last byte of the answer. The head
//! of the answer decides; its body is read, so that the connection can be used again, and thrown away. HTTP/1.1 over
//! connections that are kept while batches follow each other closely. No redirect is followed and no proxy is asked.

mod answer;
mod compression;
mod connection;
mod endpoint;
mod error;
mod fault;

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT,
};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use rustls::ClientConfig;
use tokio::time::timeout_at;

pub(in crate::telemetry) use error::HttpSinkError;

use answer::{failed, judge};
use compression::{content_encoding, encode};
use connection::{Connection, Dialer, Pool, Unanswered};
use endpoint::Endpoint;
use fault::Fault;

use super::Attempt;
use crate::audit::Audit;
use crate::config::telemetry::{Compression, HttpSink as Settings};
use crate::telemetry::batch::Batch;
use crate::telemetry::keys::{Environment, LiveKey, PublishableKey, SecretKey};
use crate::telemetry::sign::Signatures;
use crate::tls;

/// Posts batches to a collector.
#[derive(Debug)]
pub(in crate::telemetry) struct HttpSink {
    endpoint: Endpoint,
    timeout: Duration,
    compression: Compression,
    keys: RefCell<Keys>,
    dialer: Dialer,
    pool: RefCell<Pool>,
}

#[derive(Debug)]
struct Keys {
    api: LiveKey<PublishableKey>,
    /// Signs, if batches are signed.
    secret: Option<LiveKey<SecretKey>>,
}

impl HttpSink {
    /// Reads keys and roots. Nothing is sent before the first batch.
    ///
    /// # Errors
    /// When a key is missing or is none, or there is nobody to trust.
    pub(in crate::telemetry) fn open(
        settings: &Settings,
        environment: Environment<'_>,
        audit: &Audit,
    ) -> Result<Self, HttpSinkError> {
        let endpoint = Endpoint::new(&settings.endpoint).ok_or(HttpSinkError::Host)?;
        let tls = match endpoint.tls {
            true => Some(http_1_1(tls::client_config(settings.ca_file.as_deref())?)),
            false => None,
        };
        let keys = Keys::open(settings, environment, audit)?;
        Ok(Self {
            dialer: Dialer::new(&endpoint, tls, settings.timeout).ok_or(HttpSinkError::Host)?,
            endpoint,
            timeout: settings.timeout,
            compression: settings.compression,
            keys: RefCell::new(keys),
            pool: RefCell::default(),
        })
    }

    /// Tries once to deliver a batch.
    pub(in crate::telemetry) async fn attempt(&self, batch: &Batch) -> Attempt {
        self.post(batch).await.unwrap_or_else(failed)
    }

    async fn post(&self, batch: &Batch) -> Result<Attempt, Fault> {
        let deadline = tokio::time::Instant::now() + self.timeout;
        let request = self.request(batch, wall_clock()).ok_or(Fault::Request)?;
        let answered = timeout_at(deadline, Box::pin(self.answer(request))).await;
        let (connection, response) = answered.map_err(|_elapsed| Fault::Timeout)??;
        let attempt = judge(response.status(), response.headers(), wall_clock());
        // The batch's fate is known; only the connection's is not.
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
        if let Ok(Ok(_)) = timeout_at(deadline, body.collect()).await {
            self.pool.borrow_mut().put(connection, steady_clock());
        }
        Ok(attempt)
    }

    /// Sends over a connection that is open, or else over a new one.
    async fn answer(
        &self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<(Connection, Response<Incoming>), Fault> {
        let open = self.pool.borrow_mut().take(steady_clock());
        if let Some(mut connection) = open {
            match connection.send(request).await {
                Ok(response) => return Ok((connection, response)),
                Err(Unanswered::Unsent(unsent)) => request = *unsent,
                Err(Unanswered::Sent(fault)) => return Err(fault),
            }
        }
        let mut connection = self.dialer.dial().await?;
        match connection.send(request).await {
            Ok(response) => Ok((connection, response)),
            Err(Unanswered::Unsent(_)) => Err(Fault::Cut),
            Err(Unanswered::Sent(fault)) => Err(fault),
        }
    }

    /// The request of an attempt, signed for this moment.
    fn request(&self, batch: &Batch, now: SystemTime) -> Option<Request<Full<Bytes>>> {
        let body = encode(self.compression, &batch.body)?;
        let mut request = Request::new(Full::new(body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.endpoint.target.clone();
        let headers = request.headers_mut();
        headers.insert(HOST, self.endpoint.host_header.clone());
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(encoding) = content_encoding(self.compression) {
            headers.insert(CONTENT_ENCODING, encoding);
        }
        let mut keys = self.keys.borrow_mut();
        headers.insert(AUTHORIZATION, keys.api.current(steady_clock()).bearer()?);
        if let Some(secret) = &mut keys.secret {
            let id = batch.id.to_string();
            let timestamp = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            sign(
                headers,
                secret.current(steady_clock()),
                id,
                timestamp.to_string(),
                &body,
            )?;
        }
        Some(request)
    }
}

/// Says in the handshake what is spoken inside.
fn http_1_1(mut config: ClientConfig) -> Arc<ClientConfig> {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

fn sign(
    headers: &mut HeaderMap,
    key: &SecretKey,
    id: String,
    timestamp: String,
    body: &[u8],
) -> Option<()> {
    let signed = Signatures::new(key, &id, &timestamp, body);
    for (name, value) in [
        (X_PECTA_SIGNATURE, signed.body),
        (WEBHOOK_ID, id),
        (WEBHOOK_TIMESTAMP, timestamp),
        (WEBHOOK_SIGNATURE, signed.webhook),
    ] {
        headers.insert(name, HeaderValue::try_from(value).ok()?);
    }
    Some(())
}

impl Keys {
    fn open(
        settings: &Settings,
        environment: Environment<'_>,
        audit: &Audit,
    ) -> Result<Self, HttpSinkError> {
        let now = steady_clock();
        let secret_file = settings.secret_key_file.as_deref();
        let secret = match settings.hmac {
            true => Some(LiveKey::find(environment, secret_file, now, audit.clone())?),
            false => None,
        };
        let api_file = settings.api_key_file.as_deref();
        let api = LiveKey::find(environment, api_file, now, audit.clone())?;
        Ok(Self { api, secret })
    }
}

#[expect(clippy::disallowed_methods, reason = "the edge is where time is read")]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}

#[expect(clippy::disallowed_methods, reason = "the edge is where time is read")]
fn steady_clock() -> Instant {
    Instant::now()
}

const AGENT: &str = concat!("bidgate/", env!("CARGO_PKG_VERSION"));
const X_PECTA_SIGNATURE: HeaderName = HeaderName::from_static("x-pecta-signature");
const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// What is read of an answer's body. A longer one costs its connection.
const ANSWER_BYTES_MAX: usize = 16 << 10;
