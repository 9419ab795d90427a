//! `Evaluate`: one message, one reply.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use hyper::body::Incoming;
use tokio::time::timeout;

use super::clock::Arrival;
use super::in_flight::Slot;
use super::reader::MessageReader;
use super::refusal::Refusal;
use super::reply::ReplyBody;
use super::service::reply;
use super::worker::Worker;
use crate::evaluate::Call;

/// Answers one call.
pub(super) async fn answer(worker: Rc<Worker>, body: Incoming) -> Response<ReplyBody> {
    match evaluate(&worker, body).await {
        Ok(body) => reply(body),
        Err(refusal) => worker.refuse(refusal).into_http(),
    }
}

async fn evaluate(worker: &Rc<Worker>, body: Incoming) -> Result<ReplyBody, Refusal> {
    let _slot = Slot::take(worker)?;
    let (message, arrival) =
        receive_in_time(MessageReader::new(body, worker.max_message_bytes)).await?;
    let call = Call::decode(&message).map_err(|(error, _)| Refusal::Argument(error))?;
    let reply = worker
        .judge
        .borrow_mut()
        .reply(&call, &arrival, &worker.recorder);
    Ok(ReplyBody::unary(reply))
}

/// A timer is set only for a call that does not arrive at once: most do.
async fn receive_in_time(reader: MessageReader<Incoming>) -> Result<(Bytes, Arrival), Refusal> {
    let mut received = pin!(receive(reader));
    match poll_fn(|cx| Poll::Ready(received.as_mut().poll(cx))).await {
        Poll::Ready(received) => received,
        Poll::Pending => timeout(RECEIVE_TIMEOUT, received)
            .await
            .unwrap_or(Err(Refusal::Slow)),
    }
}

/// The one message, when it was complete, and the end of the caller's side.
async fn receive(mut reader: MessageReader<Incoming>) -> Result<(Bytes, Arrival), Refusal> {
    let message = reader.message().await.ok_or(Refusal::NoMessage)??;
    let arrival = Arrival::now();
    match reader.message().await {
        None => Ok((message, arrival)),
        Some(Ok(_)) => Err(Refusal::SecondMessage),
        Some(Err(refusal)) => Err(refusal),
    }
}

/// Time for a message to arrive. A bid that takes this long has lost its auction many times over; its slot is better
/// given to another.
pub(super) const RECEIVE_TIMEOUT: Duration = Duration::from_secs(5);
