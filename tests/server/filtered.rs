//! What may go to the exchange, asked for by call and by stream.

use bidgate::proto::{EvaluateRequest, Verdict};

use crate::running::{Running, request, settings, stream};

const REQUEST: &[u8] = br#"{"id":"r\u0031","imp":[{"id":"1"}]}"#;
const RESPONSE: &str = r#"{ "seatbid": [
  { "seat": "a", "bid": [ {"id":"x","impid":"2","price":1,"adomain":["brand.com"]} ] },
  { "seat": "b", "bid": [ {"id":"y","impid":"1","price":1,"adomain":["brand.com"]},
                          {"id":"z","impid":"1","price":1} ] }
], "cur": "USD" }"#;
const LEFT: &str = r#"{ "seatbid": [
  { "seat": "b", "bid": [ {"id":"y","impid":"1","price":1,"adomain":["brand.com"]} ] }
], "cur": "USD" }"#;

fn asking(response: &str) -> EvaluateRequest {
    EvaluateRequest {
        bid_request: REQUEST.into(),
        bid_response: response.to_owned().into(),
        want_filtered_response: true,
        ..request(1)
    }
}

#[tokio::test]
async fn a_call_is_told_what_may_go_and_each_bid_why_not() {
    let server = Running::start(settings());
    let mut client = server.client().await;
    let reply = client
        .evaluate(asking(RESPONSE))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(reply.verdict(), Verdict::Fail);
    assert_eq!(reply.filtered_response, LEFT.as_bytes());
    let told: Vec<_> = reply
        .bids
        .iter()
        .map(|bid| {
            (
                bid.bid_id.as_str(),
                bid.primary_reason.as_str(),
                bid.loss_reason_name.as_str(),
                bid.nonbid_status_name.as_str(),
            )
        })
        .collect();
    let expected = [
        (
            "x",
            "impid_unknown",
            "Invalid Bid Response",
            "Error - Invalid Bid Response",
        ),
        (
            "z",
            "adomain_missing",
            "Invalid Advertiser Domain",
            "Response Rejected - Invalid Creative",
        ),
    ];
    assert_eq!(told, expected);
    assert_eq!(
        (reply.bids[1].loss_reason, reply.bids[1].nonbid_status),
        (6, 350)
    );

    let again = client.evaluate(asking(LEFT)).await.unwrap().into_inner();
    assert_eq!(again.verdict(), Verdict::Pass);
    assert_eq!(again.filtered_response, LEFT.as_bytes());
}

#[tokio::test]
async fn who_does_not_ask_is_not_told() {
    let server = Running::start(settings());
    let unasked = EvaluateRequest {
        want_filtered_response: false,
        ..asking(RESPONSE)
    };
    let reply = server.client().await.evaluate(unasked).await.unwrap();
    assert!(reply.into_inner().filtered_response.is_empty());
}

#[tokio::test]
async fn each_message_of_a_stream_asks_for_itself() {
    let server = Running::start(settings());
    let (sender, mut replies) = stream(&mut server.client().await).await;
    let nothing_left = RESPONSE.replace(r#""impid":"1""#, r#""impid":"3""#);
    let long = format!("{}{}", RESPONSE, " ".repeat(100_000));
    let calls = [
        (RESPONSE, true, LEFT.to_owned()),
        (RESPONSE, false, String::new()),
        (
            &nothing_left,
            true,
            r#"{"id":"r\u0031","nbr":1}"#.to_owned(),
        ),
        ("", true, String::new()),
        (&long, true, format!("{LEFT}{}", " ".repeat(100_000))),
    ];
    for (response, want_filtered_response, _) in &calls {
        let call = EvaluateRequest {
            want_filtered_response: *want_filtered_response,
            ..asking(response)
        };
        sender.send(call).await.unwrap();
    }
    for (_, _, left) in &calls {
        let reply = replies.message().await.unwrap().unwrap();
        assert_eq!(reply.filtered_response, left.as_bytes());
    }
}
