//! What all messages of OTLP have in common: who sends them, and how attributes are written.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use uuid::Uuid;

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
pub(super) fn resource(attributes: &BTreeMap<String, String>, instance: Uuid) -> Resource {
    let ours = [("service.instance.id".to_owned(), instance.to_string())];
    let attributes: BTreeMap<_, _> = ours.into_iter().chain(attributes.clone()).collect();
    Resource {
        attributes: attributes
            .iter()
            .map(|(key, value)| text(key, value))
            .collect(),
        ..Resource::default()
    }
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
    fn an_instance_has_its_number_for_a_name_unless_it_is_named() {
        let named = BTreeMap::from([("service.instance.id".to_owned(), "a".to_owned())]);
        assert_eq!(
            resource(&named, Uuid::nil()).attributes,
            [text("service.instance.id", "a")]
        );
        assert_eq!(
            resource(&BTreeMap::new(), Uuid::nil()).attributes,
            [text(
                "service.instance.id",
                "00000000-0000-0000-0000-000000000000"
            )]
        );
    }
}
