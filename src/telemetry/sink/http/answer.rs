//! What a collector's answer means for the batch (spec: telemetry §3).

use std::time::{Duration, SystemTime};

use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};

use super::fault::Fault;
use crate::telemetry::sink::Attempt;

/// Judges the head of an answer. Its body says nothing that would matter.
pub(super) fn judge(status: StatusCode, headers: &HeaderMap, now: SystemTime) -> Attempt {
    let fault = Fault::Status(status.as_u16());
    match status.as_u16() {
        200..=299 => Attempt::Delivered,
        429 | 503 => Attempt::Failed {
            cause: fault.to_string(),
            retry_after: retry_after(headers, now),
        },
        408 | 500..=599 => failed(fault),
        // A redirect is not followed: keys go to the address they were given for, and to no other.
        300..=499 => Attempt::Rejected {
            cause: fault.to_string(),
        },
        _ => failed(Fault::NotHttp),
    }
}

/// A failure after which nobody asks for patience.
pub(super) fn failed(fault: Fault) -> Attempt {
    Attempt::Failed {
        cause: fault.to_string(),
        retry_after: None,
    }
}

/// RFC 9110 §10.2.3: "The Retry-After field value can be either an HTTP-date or a number of seconds to delay after
/// receiving the response."
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_UNIX_S: u64 = 1_700_000_000;

    #[test]
    fn every_status_means_one_of_three_things() {
        for status in 100..=999 {
            let delivered = (200..=299).contains(&status);
            let again = [408, 429].contains(&status) || !(200..=499).contains(&status);
            match judged(status, None) {
                Attempt::Delivered => assert!(delivered, "{status}"),
                Attempt::Rejected { cause } => {
                    assert!(!delivered && !again, "{status}");
                    assert_eq!(cause, Fault::Status(status).to_string());
                }
                Attempt::Failed { retry_after, .. } => {
                    assert!(again, "{status}");
                    assert_eq!(retry_after, None);
                }
            }
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        for (text, seconds) in [
            ("7", Some(7)),
            (" 0 ", Some(0)),
            ("99999999999999999999999", Some(u64::MAX)),
            // 10 s after `NOW_UNIX_S`, in the three forms of a date, and 10 s before it.
            ("Tue, 14 Nov 2023 22:13:30 GMT", Some(10)),
            ("Tuesday, 14-Nov-23 22:13:30 GMT", Some(10)),
            ("Tue Nov 14 22:13:30 2023", Some(10)),
            ("Tue, 14 Nov 2023 22:13:10 GMT", Some(0)),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("soon", None),
        ] {
            for status in [429, 503] {
                let expected = Attempt::Failed {
                    cause: Fault::Status(status).to_string(),
                    retry_after: seconds.map(Duration::from_secs),
                };
                assert_eq!(judged(status, Some(text)), expected, "{text:?}");
            }
        }
    }

    #[test]
    fn retry_after_counts_where_the_spec_names_it_and_nowhere_else() {
        assert_eq!(judged(500, Some("7")), failed(Fault::Status(500)));
        assert_eq!(judged(408, Some("7")), failed(Fault::Status(408)));
        let cause = Fault::Status(301).to_string();
        assert_eq!(judged(301, Some("7")), Attempt::Rejected { cause });
    }

    fn judged(status: u16, retry_after: Option<&'static str>) -> Attempt {
        let mut headers = HeaderMap::new();
        if let Some(text) = retry_after {
            headers.insert(RETRY_AFTER, text.parse().unwrap());
        }
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW_UNIX_S);
        judge(StatusCode::from_u16(status).unwrap(), &headers, now)
    }
}
