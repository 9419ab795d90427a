//! The overview at `/`: a page for people that shows what `/stats` says, and `/stats`. See `docs/page.md`.
//!
//! The control thread takes a reading of all metrics every [`INTERVAL`] and keeps what happened in between, for the last
//! [`POINTS`] intervals, so that whoever opens the page sees the last ten minutes at once. Nothing is stored elsewhere,
//! and nothing of it costs a worker more than a scrape does.

mod assets;
mod history;
mod quantile;
mod reading;
mod recent;
mod stats;

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use tokio::time::{MissedTickBehavior, interval};

use super::admin::Admin;
use super::clock::Moment;
use super::instruments::Instruments;
use super::page::{JSON, Page, page};
use assets::ASSETS;
use history::History;
use reading::Reading;
use recent::Recent;

/// What the page shows beside the present.
#[derive(Debug)]
pub(super) struct Overview {
    instruments: Arc<Instruments>,
    past: RefCell<Past>,
}

#[derive(Debug)]
struct Past {
    latest: Reading,
    taken: Moment,
    history: History,
    recent: Recent,
}

impl Overview {
    /// Remembers from now on.
    pub(super) fn new(instruments: Arc<Instruments>) -> Self {
        let latest = Reading::take(&instruments);
        let past = Past {
            recent: Recent::since(&latest),
            latest,
            taken: Moment::now(),
            history: History::default(),
        };
        Self {
            instruments,
            past: RefCell::new(past),
        }
    }

    /// Takes a reading every [`INTERVAL`], for as long as it is polled.
    pub(super) async fn watch(&self) {
        let mut ticks = interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            ticks.tick().await;
            let reading = Reading::take(&self.instruments);
            self.past.borrow_mut().add(reading);
        }
    }

    /// `/stats`: how the server does, and did.
    pub(super) fn stats(&self, admin: &Admin) -> Page {
        let present = Reading::take(&self.instruments);
        let stats = stats::of(admin, &present, &self.past.borrow());
        secured(page(StatusCode::OK, JSON, stats.to_string()))
    }
}

impl Past {
    fn add(&mut self, reading: Reading) {
        self.history
            .add(&self.latest, &reading, self.taken.elapsed());
        self.recent.add(&reading);
        self.latest = reading;
        self.taken = Moment::now();
    }
}

/// `/`: the page, which asks for nothing but `/stats`.
pub(super) fn html() -> Page {
    let mut html = secured(page(
        StatusCode::OK,
        "text/html; charset=utf-8",
        ASSETS.html.clone(),
    ));
    let policy = ASSETS.security_policy.clone();
    html.headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, policy);
    html
}

/// Neither kept, nor taken for what it is not, nor told of to others.
fn secured(mut page: Page) -> Page {
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        page.headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    page
}

/// Short enough to see a change as it happens, long enough for a p99.9 to have something to stand on.
const INTERVAL: Duration = Duration::from_secs(2);
/// Ten minutes.
const POINTS: usize = 300;
/// How often what happened recently is marked, in intervals: every minute.
const MARK_EVERY: usize = 30;
const _: () = assert!(POINTS.is_multiple_of(MARK_EVERY));
