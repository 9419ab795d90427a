//! One reading of `/metrics`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use crate::admin;
use crate::clock;
use crate::error::Error;

/// The samples of one reading.
#[derive(Clone, Debug, Default)]
pub(super) struct Scrape(BTreeMap<String, f64>);

impl Scrape {
    /// Asks until there is an answer: a machine under a fault may be slow.
    pub(super) fn of(admin: SocketAddr) -> Result<Self, Error> {
        let since = clock::now();
        loop {
            match admin::get(admin, "/metrics") {
                Ok(page) if page.status == 200 => return Ok(Self::parse(&page.body)),
                Ok(_) | Err(_) if since.elapsed() < PATIENCE => thread::sleep(PAUSE),
                Ok(_) => return Err(Error::NotReady("/metrics")),
                Err(error) => return Err(Error::System("read /metrics", error)),
            }
        }
    }

    /// Reads until `holds`, or patience is over. The last reading either way.
    pub(super) fn when(admin: SocketAddr, holds: impl Fn(&Self) -> bool) -> Result<Self, Error> {
        let since = clock::now();
        loop {
            let scrape = Self::of(admin)?;
            if holds(&scrape) || since.elapsed() > PATIENCE {
                return Ok(scrape);
            }
            thread::sleep(PAUSE);
        }
    }

    fn parse(page: &str) -> Self {
        let samples = page.lines().filter(|line| !line.starts_with('#'));
        let parsed = samples.filter_map(|line| {
            let (sample, value) = line.rsplit_once(' ')?;
            Some((sample.to_owned(), value.parse().ok()?))
        });
        Self(parsed.collect())
    }

    /// A sample by its name and labels, or the sum of a family's by its name alone; 0 if there is none.
    pub(super) fn get(&self, name: &str) -> f64 {
        let of_family = |sample: &str| sample.split('{').next() == Some(name);
        match self.0.get(name) {
            Some(value) => *value,
            None => {
                let samples = self.0.iter().filter(|(sample, _)| of_family(sample));
                samples.map(|(_, value)| value).sum()
            }
        }
    }

    /// Whether two readings of a number of things are the same.
    pub(super) fn same(&self, other: &Self, sample: &str) -> bool {
        (self.get(sample) - other.get(sample)).abs() < 0.5
    }

    /// Whether everything offered to telemetry is delivered, dropped or in flight.
    pub(super) fn telemetry_adds_up(&self) -> bool {
        let parts = [
            "bidgate_telemetry_events_delivered_total",
            "bidgate_telemetry_events_dropped_total",
            "bidgate_telemetry_events_in_flight",
        ];
        let sum: f64 = parts.iter().map(|part| self.get(part)).sum();
        (self.get("bidgate_telemetry_events_offered_total") - sum).abs() < 0.5
    }
}

const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_found_alone_and_as_a_family() {
        let page = "# HELP a of it\na{b=\"1\"} 2\na{b=\"x y\"} 3\nab 7\n";
        let scrape = Scrape::parse(page);
        assert!((scrape.get("a{b=\"x y\"}") - 3.0).abs() < 0.1);
        assert!((scrape.get("a") - 5.0).abs() < 0.1);
        assert!(scrape.get("b").abs() < 0.1);
    }
}
