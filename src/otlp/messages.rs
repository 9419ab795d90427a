//! What all messages of OTLP have in common: who sends them, and how attributes are written.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;

/// An attribute that is text.
pub(super) fn text(key: &str, value: impl Into<String>) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            value: Some(Value::StringValue(value.into())),
        }),
        ..KeyValue::default()
    }
}

/// The sidecar as a resource. Each start of it is an instance with a name of its own, unless the variables name it: a
/// receiver that feeds Prometheus would take two without a name for one.
pub(super) fn resource(attributes: &BTreeMap<String, String>, instance: u128) -> Resource {
    let ours = [("service.instance.id".to_owned(), uuid(instance))];
    let attributes: BTreeMap<_, _> = ours.into_iter().chain(attributes.clone()).collect();
    Resource {
        attributes: attributes
            .iter()
            .map(|(key, value)| text(key, value))
            .collect(),
        ..Resource::default()
    }
}

/// Random bits as a UUID of version 4.
fn uuid(random: u128) -> String {
    let version = random & !(0xf << 76) | 0x4 << 76;
    let variant = version & !(0b11 << 62) | 0b10 << 62;
    let digits = format!("{variant:032x}");
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| digits.get(part).unwrap_or(""));
    parts.join("-")
}

/// This program as the source of the data.
pub(super) fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_a_uuid_unless_it_is_named() {
        assert_eq!(uuid(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(uuid(0), "00000000-0000-4000-8000-000000000000");
        let named = BTreeMap::from([("service.instance.id".to_owned(), "a".to_owned())]);
        assert_eq!(
            resource(&named, 1).attributes,
            [text("service.instance.id", "a")]
        );
        assert_eq!(resource(&BTreeMap::new(), 1).attributes.len(), 1);
    }
}
