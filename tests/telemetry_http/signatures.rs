//! What is posted, byte by byte. `verify.py` holds the same to implementations that are not ours.

use crate::collector::{ACCEPTED, Answer, Collector};
use crate::sidecar::{API_KEY, SECRET_KEY, Sidecar};

#[tokio::test]
async fn posts_are_signed_over_the_bytes_that_are_sent() {
    for compression in ["none", "gzip", "zstd"] {
        let collector = Collector::start(|_, _| ACCEPTED);
        let compress = format!("--telemetry-compression={compression}");
        let args = ["--telemetry-hmac=true", &compress];
        let mut sidecar = Sidecar::start(&collector.endpoint(), &args).await;
        sidecar.judge(40).await;
        assert_eq!(sidecar.settled().await.delivered, 40);
        for post in collector.posts() {
            post.check(API_KEY);
            post.check_signatures(SECRET_KEY);
            let encoding = post.header("content-encoding");
            assert_eq!(
                encoding,
                if compression == "none" {
                    ""
                } else {
                    compression
                }
            );
        }
    }
}

#[tokio::test]
async fn an_attempt_has_its_own_time_and_the_id_of_its_batch() {
    let collector = Collector::start(|_, again| match again {
        true => ACCEPTED,
        false => Answer::Status(429, "retry-after: 2\r\n"),
    });
    let mut sidecar = Sidecar::start(&collector.endpoint(), &["--telemetry-hmac=true"]).await;
    sidecar.judge(20).await;
    assert_eq!(sidecar.settled().await.delivered, 20);
    let posts = collector.posts();
    posts
        .iter()
        .for_each(|post| post.check_signatures(SECRET_KEY));
    for first in &posts {
        let mut twins = posts.iter().filter(|post| post.body == first.body);
        let [first, second] = [twins.next().unwrap(), twins.next().unwrap()];
        assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
        assert_ne!(
            first.header("webhook-timestamp"),
            second.header("webhook-timestamp")
        );
        assert_ne!(
            first.header("webhook-signature"),
            second.header("webhook-signature")
        );
        assert_eq!(
            first.header("x-pecta-signature"),
            second.header("x-pecta-signature")
        );
    }
}

#[tokio::test]
async fn without_hmac_nothing_is_signed() {
    let collector = Collector::start(|_, _| ACCEPTED);
    let mut sidecar = Sidecar::start(&collector.endpoint(), &[]).await;
    sidecar.judge(20).await;
    sidecar.settled().await;
    for post in collector.posts() {
        post.check(API_KEY);
        for name in [
            "x-pecta-signature",
            "webhook-id",
            "webhook-timestamp",
            "webhook-signature",
        ] {
            assert_eq!(post.header(name), "");
        }
    }
}
