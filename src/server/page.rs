//! Pages of the admin HTTP.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use serde_json::json;

/// One answer, whole.
pub(super) type Page = Response<Full<Bytes>>;

pub(super) fn page(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Page {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

pub(super) fn json(status: StatusCode, value: &serde_json::Value) -> Page {
    page(status, JSON, value.to_string())
}

pub(super) fn error(status: StatusCode, message: &str) -> Page {
    json(
        status,
        &json!({ "error": message, "status": status.as_u16() }),
    )
}

/// `page`, with the methods that would be answered.
pub(super) fn allowing(methods: &'static str, mut page: Page) -> Page {
    page.headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static(methods));
    page
}

pub(super) const JSON: &str = "application/json";
