//! The models, each in every order.
#![cfg(test)]

use std::sync::Arc;

use loom::thread;
use models::callers::Callers;
use models::{metrics, model, server, telemetry};

#[test]
fn a_ring_loses_and_tears_nothing() {
    model(|| telemetry::a_ring_loses_and_tears_nothing(1, 3));
    model(|| telemetry::a_ring_loses_and_tears_nothing(2, 4));
}

#[test]
fn an_account_adds_up_whenever_it_is_read() {
    model(telemetry::an_account_adds_up_whenever_it_is_read);
}

#[test]
fn a_scrape_loses_nothing_and_never_counts_back() {
    model(metrics::a_scrape_loses_nothing_and_never_counts_back);
}

#[test]
fn no_more_is_in_flight_than_may_be() {
    model(|| server::no_more_is_in_flight_than_may_be(1));
    model(|| server::no_more_is_in_flight_than_may_be(2));
}

/// Two workers that meet the same caller may each give it a number; no number is that of two callers, though the search
/// for both begins at the same place of the table.
#[test]
fn a_number_is_that_of_one_caller() {
    const ONE: (&str, &str) = ("bidder-0", "x");
    const OTHER: (&str, &str) = ("bidder-2", "x");
    model(|| {
        let callers = Arc::new(Callers::default());
        let shared = Arc::clone(&callers);
        let worker =
            thread::spawn(move || [ONE, OTHER].map(|(agent, tool)| shared.intern(agent, tool)));
        let ids = [OTHER, ONE].map(|(agent, tool)| callers.intern(agent, tool));
        assert_eq!(ids.map(|id| callers.names(id)), [OTHER, ONE]);
        let ids = worker.join().unwrap();
        assert_eq!(ids.map(|id| callers.names(id)), [ONE, OTHER]);
    });
}
