//! Metrics, as OTLP has them: the samples of a scrape under the names and labels of the page.
//!
//! A name is left as it is, `_total` and unit included, which is what a collector that scrapes the page makes of it.
//! Prometheus, to which the receiver may pass it on, adds a suffix only where there is none, so that the name at the end
//! is the one of the page either way. For the same reason a gauge has no unit `1`: that would make it a `_ratio`.

use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, Sum, metric::Data, number_data_point::Value as Number,
};
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::client::Export;
use super::messages::{scope, text};
use crate::metrics::{Family, HistogramSnapshot, Kind, Sample, Value};

impl Export for ExportMetricsServiceRequest {
    type Answer = ExportMetricsServiceResponse;
    const METHOD: &'static str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

    fn refused(answer: &Self::Answer) -> u64 {
        let partial = answer.partial_success.as_ref();
        partial.map_or(0, |partial| {
            u64::try_from(partial.rejected_data_points).unwrap_or(0)
        })
    }
}

/// The samples of one scrape, family by family.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// Since when counters count, and when they were read.
    times: Times,
    metrics: Vec<Metric>,
}

/// Nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) start: u64,
    pub(super) now: u64,
}

impl Snapshot {
    pub(super) const fn new(times: Times) -> Self {
        Self {
            times,
            metrics: Vec::new(),
        }
    }

    /// Adds a sample. Those of a family come one after another.
    pub(super) fn add(&mut self, sample: &Sample<'_>) {
        let family = &sample.family;
        if self
            .metrics
            .last()
            .is_none_or(|last| last.name != family.name)
        {
            self.metrics.push(metric(family));
        }
        let Some(Metric {
            data: Some(data), ..
        }) = self.metrics.last_mut()
        else {
            return;
        };
        match (data, sample.value) {
            (Data::Histogram(histogram), Value::Histogram(snapshot)) => {
                histogram
                    .data_points
                    .push(durations(sample, snapshot, self.times));
            }
            (Data::Sum(sum), value) => sum.data_points.extend(number(sample, value, self.times)),
            (Data::Gauge(gauge), value) => {
                gauge.data_points.extend(number(sample, value, self.times));
            }
            (Data::Histogram(_) | Data::ExponentialHistogram(_) | Data::Summary(_), _) => {}
        }
    }

    pub(super) fn into_request(self, resource: Resource) -> ExportMetricsServiceRequest {
        let metrics = ScopeMetrics {
            scope: Some(scope()),
            metrics: self.metrics,
            ..ScopeMetrics::default()
        };
        ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics {
                resource: Some(resource),
                scope_metrics: vec![metrics],
                ..ResourceMetrics::default()
            }],
        }
    }
}

/// A family without samples. Counters and histograms count from the start on.
fn metric(family: &Family) -> Metric {
    let cumulative = AggregationTemporality::Cumulative.into();
    let data = match family.kind {
        Kind::Counter => Data::Sum(Sum {
            aggregation_temporality: cumulative,
            is_monotonic: true,
            ..Sum::default()
        }),
        Kind::Gauge => Data::Gauge(Gauge::default()),
        Kind::Histogram => Data::Histogram(Histogram {
            aggregation_temporality: cumulative,
            ..Histogram::default()
        }),
    };
    Metric {
        name: family.name.to_owned(),
        description: family.help.to_owned(),
        unit: unit(family.name).to_owned(),
        data: Some(data),
        ..Metric::default()
    }
}

/// The unit that the name ends in, in UCUM.
fn unit(name: &str) -> &'static str {
    let name = name.strip_suffix("_total").unwrap_or(name);
    match name.rsplit_once('_') {
        Some((_, "seconds")) => "s",
        Some((_, "bytes")) => "By",
        _ => "",
    }
}

fn number(sample: &Sample<'_>, value: Value<'_>, times: Times) -> Option<NumberDataPoint> {
    let value = match value {
        Value::Count(count) => Number::AsInt(i64::try_from(count).unwrap_or(i64::MAX)),
        Value::Gauge(value) => Number::AsDouble(value),
        Value::Seconds { ns } => Number::AsDouble(seconds(ns)),
        Value::Histogram(_) => return None,
    };
    Some(NumberDataPoint {
        attributes: attributes(sample),
        start_time_unix_nano: match sample.family.kind {
            Kind::Counter | Kind::Histogram => times.start,
            Kind::Gauge => 0,
        },
        time_unix_nano: times.now,
        value: Some(value),
        ..NumberDataPoint::default()
    })
}

/// Buckets are not cumulative here, as they are in the cells.
fn durations(
    sample: &Sample<'_>,
    snapshot: &HistogramSnapshot,
    times: Times,
) -> HistogramDataPoint {
    HistogramDataPoint {
        attributes: attributes(sample),
        start_time_unix_nano: times.start,
        time_unix_nano: times.now,
        count: snapshot.counts.iter().sum(),
        sum: Some(seconds(snapshot.sum_ns)),
        bucket_counts: snapshot.counts.to_vec(),
        explicit_bounds: snapshot.bounds_ns.iter().copied().map(seconds).collect(),
        ..HistogramDataPoint::default()
    }
}

fn attributes(sample: &Sample<'_>) -> Vec<opentelemetry_proto::tonic::common::v1::KeyValue> {
    let labels = sample.labels.iter();
    labels.map(|(name, value)| text(name, *value)).collect()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "exact up to 104 days, and off by a 2^53th beyond"
)]
fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{CATALOG, Metrics, RpcMethod, ServerGauges};

    const TIMES: Times = Times { start: 5, now: 9 };

    /// Every family as it is exported, of a server that has answered two calls.
    fn exported() -> Vec<Metric> {
        let (metrics, recorders) = Metrics::new(2);
        recorders[0].answered(RpcMethod::Evaluate, 15_000_000);
        recorders[1].answered(RpcMethod::Evaluate, 1_000_000_000);
        let mut snapshot = Snapshot::new(TIMES);
        metrics.collect(&ServerGauges::default(), &mut |sample| snapshot.add(sample));
        let request = snapshot.into_request(Resource::default());
        request.resource_metrics[0].scope_metrics[0].metrics.clone()
    }

    fn family(name: &str) -> Family {
        *CATALOG.iter().find(|family| family.name == name).unwrap()
    }

    fn add(name: &str, labels: &[(&'static str, &str)], value: Value<'_>) -> Data {
        let mut snapshot = Snapshot::new(TIMES);
        snapshot.add(&Sample {
            family: family(name),
            labels,
            value,
        });
        snapshot.metrics[0].data.clone().unwrap()
    }

    #[test]
    fn a_family_is_one_metric_under_its_name() {
        let exported = exported();
        let names: std::collections::BTreeSet<_> =
            exported.iter().map(|metric| &metric.name).collect();
        assert_eq!(names.len(), exported.len());
        for name in names {
            assert!(CATALOG.iter().any(|family| family.name == name), "{name}");
        }
    }

    #[test]
    fn a_unit_is_the_one_in_the_name() {
        for (name, expected) in [
            ("bidgate_evaluation_seconds", "s"),
            ("process_cpu_seconds_total", "s"),
            ("process_resident_memory_bytes", "By"),
            ("bidgate_evaluations_total", ""),
            ("bidgate_in_flight", ""),
        ] {
            assert_eq!(unit(name), expected, "{name}");
        }
    }

    #[test]
    fn a_counter_is_a_sum_since_the_start() {
        let labels = [("verdict", "pass")];
        let Data::Sum(sum) = add("bidgate_evaluations_total", &labels, Value::Count(3)) else {
            panic!()
        };
        assert!(sum.is_monotonic);
        assert_eq!(
            sum.aggregation_temporality(),
            AggregationTemporality::Cumulative
        );
        let [point] = &sum.data_points[..] else {
            panic!()
        };
        assert_eq!((point.start_time_unix_nano, point.time_unix_nano), (5, 9));
        assert_eq!(point.value, Some(Number::AsInt(3)));
        assert_eq!(point.attributes, [text("verdict", "pass")]);
        let Data::Sum(sum) = add(
            "process_cpu_seconds_total",
            &[],
            Value::Seconds { ns: 2_500_000_000 },
        ) else {
            panic!()
        };
        assert_eq!(sum.data_points[0].value, Some(Number::AsDouble(2.5)));
    }

    #[test]
    fn a_gauge_has_no_start() {
        let Data::Gauge(gauge) = add("bidgate_in_flight", &[], Value::Gauge(4.0)) else {
            panic!()
        };
        assert_eq!(gauge.data_points[0].start_time_unix_nano, 0);
        assert_eq!(gauge.data_points[0].value, Some(Number::AsDouble(4.0)));
    }

    #[test]
    fn a_histogram_has_its_bounds_in_seconds() {
        let exported = exported();
        let data = exported
            .iter()
            .find(|metric| metric.name == "bidgate_rpc_seconds");
        let Some(Data::Histogram(histogram)) = data.and_then(|metric| metric.data.clone()) else {
            panic!("{exported:?}")
        };
        assert_eq!(
            histogram.aggregation_temporality(),
            AggregationTemporality::Cumulative
        );
        let point = &histogram.data_points[0];
        assert_eq!(point.attributes, [text("method", "Evaluate")]);
        assert_eq!(point.explicit_bounds[..2], [0.000_001, 0.000_001_5]);
        assert_eq!(point.explicit_bounds.last(), Some(&0.05));
        let [.., among_14_to_15_ms, _, _, _, _, _, above] = &point.bucket_counts[..] else {
            panic!("{point:?}")
        };
        assert_eq!((among_14_to_15_ms, above), (&1, &1));
        assert_eq!((point.count, point.sum), (2, Some(1.015)));
        assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
    }
}
