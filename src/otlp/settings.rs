//! What is exported, and where to, as the standard variables say.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

use super::sampler::{Ratio, Sampler};
use super::target::{Signal, Target, refuse_plaintext};
use super::variables::{Variables, pairs};
use crate::document::Problems;

/// What is exported. Read once, at start-up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who exports: the attributes of the resource.
    pub resource: BTreeMap<String, String>,
    /// Where metrics go, if they are exported.
    pub metrics: Option<Target>,
    /// Between two exports of metrics.
    pub interval: Duration,
    /// Where traces go, if they are exported.
    pub traces: Option<Target>,
    /// Which evaluations are traced.
    pub sampler: Sampler,
}

impl Settings {
    /// Reads the environment; none if it names no endpoint, or switches the export off. `in_plaintext` is whether other
    /// machines may be sent to in plaintext.
    ///
    /// # Errors
    /// When a variable has a value that it cannot have. Each is named, and no value is quoted.
    pub fn from_environment(
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        in_plaintext: bool,
    ) -> Result<Option<Self>, Problems> {
        let mut variables = Variables::new(environment);
        let metrics = Target::read(&mut variables, Signal::Metrics);
        let traces = Target::read(&mut variables, Signal::Traces);
        if metrics.is_none() && traces.is_none() || is_disabled(&mut variables) {
            return variables.finish(None);
        }
        if !in_plaintext {
            refuse_plaintext(&mut variables, Signal::Metrics, metrics.as_ref());
            refuse_plaintext(&mut variables, Signal::Traces, traces.as_ref());
        }
        let settings = Self {
            resource: resource(&mut variables),
            metrics,
            interval: variables
                .milliseconds(&["OTEL_METRIC_EXPORT_INTERVAL"])
                .unwrap_or(INTERVAL),
            traces,
            sampler: sampler(&mut variables),
        };
        variables.finish(Some(settings))
    }
}

const INTERVAL: Duration = Duration::from_secs(60);

fn is_disabled(variables: &mut Variables) -> bool {
    let disabled = variables.one("OTEL_SDK_DISABLED", "true or false", |text| {
        text.to_ascii_lowercase().parse().ok()
    });
    disabled == Some(true)
}

/// The name and version of this program, unless the variables say otherwise.
fn resource(variables: &mut Variables) -> BTreeMap<String, String> {
    let wanted = "pairs such as deployment.environment.name=test,team=bidding";
    let said = variables.one("OTEL_RESOURCE_ATTRIBUTES", wanted, pairs);
    let name = variables.one("OTEL_SERVICE_NAME", "text", |text| Some(text.to_owned()));
    let ours = [
        (SERVICE_NAME, env!("CARGO_PKG_NAME")),
        ("service.version", env!("CARGO_PKG_VERSION")),
    ];
    ours.map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into_iter()
        .chain(said.unwrap_or_default())
        .chain(name.map(|name| (SERVICE_NAME.to_owned(), name)))
        .collect()
}

const SERVICE_NAME: &str = "service.name";

fn sampler(variables: &mut Variables) -> Sampler {
    let ratio = variables
        .one(
            "OTEL_TRACES_SAMPLER_ARG",
            "a number from 0 to 1",
            Ratio::read,
        )
        .unwrap_or(Ratio::DEFAULT);
    let wanted = "always_on, always_off or traceidratio, each also behind parentbased_";
    variables
        .one("OTEL_TRACES_SAMPLER", wanted, |name| {
            Sampler::named(name, ratio)
        })
        .unwrap_or_else(|| Sampler::parent_or(ratio))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otlp::target::{IN_PLAINTEXT, Protocol};
    use crate::telemetry::TraceParent;

    fn read(variables: &[(&str, &str)]) -> Result<Option<Settings>, Problems> {
        let variables = variables
            .iter()
            .map(|(name, text)| ((*name).into(), (*text).into()));
        Settings::from_environment(variables, true)
    }

    const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318");

    fn read_with(name: &str, text: &str) -> Settings {
        read(&[ENDPOINT, (name, text)]).unwrap().unwrap()
    }

    #[test]
    fn nothing_is_exported_where_no_endpoint_is_named() {
        assert!(read(&[]).unwrap().is_none());
        assert!(
            read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")])
                .unwrap()
                .is_none()
        );
        assert!(
            read(&[("OTEL_METRICS_EXPORTER", "prometheus")])
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn an_endpoint_for_both_has_the_path_of_each_added() {
        for (named, metrics) in [
            ("http://localhost:4318", "http://localhost:4318/v1/metrics"),
            ("http://localhost:4318/", "http://localhost:4318/v1/metrics"),
            ("http://h/base/", "http://h/base/v1/metrics"),
        ] {
            let settings = read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", named)])
                .unwrap()
                .unwrap();
            assert_eq!(settings.metrics.unwrap().endpoint, metrics);
            let traces = metrics.replace("metrics", "traces");
            assert_eq!(settings.traces.unwrap().endpoint, *traces);
        }
    }

    #[test]
    fn an_endpoint_for_one_signal_is_used_as_it_is_and_goes_first() {
        let name = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
        let settings = read(&[(name, "http://h:1/x")]).unwrap().unwrap();
        assert_eq!(settings.traces.unwrap().endpoint, "http://h:1/x");
        assert!(settings.metrics.is_none());
        let settings = read_with("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://h:1");
        assert_eq!(settings.metrics.unwrap().endpoint, "http://h:1/");
        assert_eq!(
            settings.traces.unwrap().endpoint,
            "http://localhost:4318/v1/traces"
        );
    }

    #[test]
    fn a_protocol_is_http_unless_named_and_may_differ_by_signal() {
        let settings = read(&[ENDPOINT]).unwrap().unwrap();
        assert_eq!(settings.metrics.unwrap().protocol, Protocol::Http);
        let settings = read_with("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
        assert_eq!(settings.traces.unwrap().endpoint, "http://localhost:4318/");
        let settings = read_with("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc");
        assert_eq!(settings.metrics.unwrap().protocol, Protocol::Http);
        assert_eq!(settings.traces.unwrap().protocol, Protocol::Grpc);
    }

    #[test]
    fn headers_and_timeouts_are_read_for_both_or_one() {
        let settings = read(&[
            ENDPOINT,
            ("OTEL_EXPORTER_OTLP_HEADERS", "a=1"),
            ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=2"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "1500"),
            ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "20"),
        ]);
        let settings = settings.unwrap().unwrap();
        let (metrics, traces) = (settings.metrics.unwrap(), settings.traces.unwrap());
        assert_eq!(
            (&metrics.headers["a"], &traces.headers["a"]),
            (&"1".parse().unwrap(), &"2".parse().unwrap())
        );
        assert_eq!(metrics.timeout, Duration::from_millis(20));
        assert_eq!(traces.timeout, Duration::from_millis(1500));
        let default = read(&[ENDPOINT]).unwrap().unwrap().metrics.unwrap().timeout;
        assert_eq!(default, Duration::from_secs(10));
    }

    #[test]
    fn a_signal_or_all_can_be_switched_off() {
        assert!(read_with("OTEL_METRICS_EXPORTER", "none").metrics.is_none());
        assert!(read_with("OTEL_TRACES_EXPORTER", "none").traces.is_none());
        assert!(read_with("OTEL_TRACES_EXPORTER", "otlp").traces.is_some());
        let both = [
            ENDPOINT,
            ("OTEL_METRICS_EXPORTER", "none"),
            ("OTEL_TRACES_EXPORTER", "none"),
        ];
        assert!(read(&both).unwrap().is_none());
        assert!(
            read(&[ENDPOINT, ("OTEL_SDK_DISABLED", "True")])
                .unwrap()
                .is_none()
        );
        assert!(
            read(&[ENDPOINT, ("OTEL_SDK_DISABLED", "false")])
                .unwrap()
                .is_some()
        );
    }

    #[test]
    fn the_variables_name_the_resource() {
        let resource = read(&[ENDPOINT]).unwrap().unwrap().resource;
        assert_eq!(resource["service.name"], "bidgate");
        assert_eq!(resource["service.version"], env!("CARGO_PKG_VERSION"));
        let attributes = ("OTEL_RESOURCE_ATTRIBUTES", "team=b,service.name=x");
        let resource = read(&[ENDPOINT, attributes]).unwrap().unwrap().resource;
        assert_eq!((&*resource["service.name"], &*resource["team"]), ("x", "b"));
        let name = ("OTEL_SERVICE_NAME", "y");
        let resource = read(&[ENDPOINT, attributes, name])
            .unwrap()
            .unwrap()
            .resource;
        assert_eq!(resource["service.name"], "y");
    }

    #[test]
    fn metrics_are_exported_once_a_minute_unless_told() {
        assert_eq!(
            read(&[ENDPOINT]).unwrap().unwrap().interval,
            Duration::from_secs(60)
        );
        let settings = read_with("OTEL_METRIC_EXPORT_INTERVAL", "250");
        assert_eq!(settings.interval, Duration::from_millis(250));
    }

    #[test]
    fn the_sampler_asks_the_parent_and_takes_few_others_unless_told() {
        let parent = Some(TraceParent {
            trace_id: 1,
            parent_id: 1,
            flags: 1,
        });
        let of_a_million = |sampler: Sampler| {
            let spread =
                (0..1_000_000_u128).map(|n| (2 * n + 1) * u128::from(u64::MAX / 2_000_000));
            spread
                .filter(|trace_id| sampler.samples(*trace_id, None))
                .count()
        };
        let sampler = read(&[ENDPOINT]).unwrap().unwrap().sampler;
        assert!(sampler.samples(u128::MAX, parent));
        assert_eq!(of_a_million(sampler), 1000);
        let sampler = read_with("OTEL_TRACES_SAMPLER_ARG", "0.25").sampler;
        assert_eq!(of_a_million(sampler), 250_000);
        let sampler = read_with("OTEL_TRACES_SAMPLER", "always_off").sampler;
        assert!(!sampler.samples(0, parent));
    }

    #[test]
    fn other_machines_are_not_sent_to_in_plaintext_unless_told_so() {
        const BOTH: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
        const TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
        const OFF: (&str, &str) = ("OTEL_TRACES_EXPORTER", "none");
        for (variables, refused) in [
            (&[(BOTH, "http://collector:4318")][..], &[BOTH][..]),
            (&[(BOTH, "http://10.0.0.9:4318"), OFF], &[BOTH]),
            (&[(BOTH, "http://localhost.example.com")], &[BOTH]),
            (&[(BOTH, "https://collector:4318")], &[]),
            (&[(BOTH, "http://[::1]:4318")], &[]),
            (
                &[(BOTH, "http://127.0.0.9:4318"), (TRACES, "http://h")],
                &[TRACES],
            ),
            (&[(BOTH, "http://h"), (TRACES, "http://h")], &[BOTH, TRACES]),
            (&[(TRACES, "http://h"), OFF], &[]),
            (&[(BOTH, "http://h"), ("OTEL_SDK_DISABLED", "true")], &[]),
        ] {
            let read = |in_plaintext| {
                let variables = variables.iter().copied();
                let variables = variables.map(|(name, text)| (name.into(), text.into()));
                Settings::from_environment(variables, in_plaintext)
            };
            let problems = read(false).err().map(|problems| problems.0);
            let told = problems.iter().flatten().map(ToString::to_string);
            let expected = refused.iter().map(|name| format!("{name}: {IN_PLAINTEXT}"));
            assert!(told.eq(expected), "{variables:?}: {problems:?}");
            assert!(read(true).is_ok(), "{variables:?}");
        }
    }

    #[test]
    fn every_bad_value_is_an_error_that_names_its_variable_and_shows_no_secret() {
        const SECRET: &str = "s3cret word";
        const HTTPS: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://localhost");
        for name in [
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "OTEL_EXPORTER_OTLP_PROTOCOL",
            "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
            "OTEL_EXPORTER_OTLP_HEADERS",
            "OTEL_EXPORTER_OTLP_TIMEOUT",
            "OTEL_EXPORTER_OTLP_CERTIFICATE",
            "OTEL_RESOURCE_ATTRIBUTES",
            "OTEL_METRIC_EXPORT_INTERVAL",
            "OTEL_TRACES_SAMPLER",
            "OTEL_TRACES_SAMPLER_ARG",
            "OTEL_SDK_DISABLED",
            "OTEL_METRICS_EXPORTER",
            "OTEL_TRACES_EXPORTER",
        ] {
            let problems = read(&[HTTPS, (name, SECRET)]).unwrap_err();
            let text = problems.to_string();
            assert!(text.starts_with(&format!("{name}: must be ")), "{text}");
            assert!(!text.contains(SECRET), "{text}");
        }
        for endpoint in ["localhost:4317", "ftp://h", "/v1", "http://user:s3cret@h"] {
            assert!(
                read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)]).is_err(),
                "{endpoint}"
            );
        }
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let problems = read(&[
            ENDPOINT,
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "0"),
        ]);
        assert_eq!(problems.unwrap_err().to_string().lines().count(), 2);
    }
}
