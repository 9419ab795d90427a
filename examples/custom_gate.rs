//! A gate of one's own, in a program that embeds the engine: advertisers that this bidder never buys for.
//!
//! An expression of the policy could name a few of them. A gate in code can prepare thousands when the policy is
//! loaded, so that a bid costs a handful of comparisons.

use std::io::{self, Write};

use bidgate::document::Section;
use bidgate::evaluate::{Call, Clock, Evaluator};
use bidgate::gate::{Auction, Gate, Judged, Row, Sheet};
use bidgate::limits::Limits;
use bidgate::policy::Policy;
use bidgate::verdict::{Detail, Reason};

/// What this program adds to the gates that a policy can name.
const ROWS: &[Row] = &[Row::new("houseBlockList", |options| {
    Box::new(HouseBlockList::compile(options))
})];

const POLICY: &str = "
fail_fast: false
gates:
  - { name: impidMatch }
  - { name: houseBlockList, domains: [ Watches.biz, ridgeline-games.io ] }
";

/// The rule, compiled.
#[derive(Debug)]
struct HouseBlockList {
    /// In lower case, sorted.
    domains: Vec<String>,
}

impl HouseBlockList {
    fn compile(options: &mut Section) -> Self {
        let mut domains = options.strings("domains");
        if domains.is_empty() {
            options.reject("domains", "names no domain; leave the gate out");
        }
        domains
            .iter_mut()
            .for_each(|domain| domain.make_ascii_lowercase());
        domains.sort_unstable();
        Self { domains }
    }

    /// Whether the list names the domain or one above it.
    fn names(&self, domain: &str) -> bool {
        let parents = domain
            .match_indices('.')
            .filter_map(|(dot, _)| domain.get(dot + 1..));
        std::iter::once(domain).chain(parents).any(|name| {
            let in_lower_case = || name.bytes().map(|byte| byte.to_ascii_lowercase());
            let found = self
                .domains
                .binary_search_by(|entry| entry.bytes().cmp(in_lower_case()));
            found.is_ok()
        })
    }
}

impl Gate for HouseBlockList {
    fn judge(&self, auction: &Auction<'_>, sheet: &mut Sheet<'_>) -> Judged {
        let texts = auction.response.texts();
        for bid in auction.bids() {
            let mut domains = bid.advertiser_domains().iter();
            if let Some(&domain) = domains.find(|domain| self.names(texts.str(**domain))) {
                sheet.reject(&bid, Reason::Custom, Detail::Bid(domain));
            }
        }
        Judged::Bids
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    judge(&mut io::stdout())
}

pub(crate) fn judge(out: &mut impl Write) -> Result<(), Box<dyn std::error::Error>> {
    let policy = Policy::from_yaml_with(POLICY, "policy", ROWS)?;
    let call = Call {
        agent_id: "example",
        bid_request: br#"{ "imp": [{ "id": "1" }] }"#,
        bid_response:
            br#"{ "seatbid": [{ "bid": [{ "impid": "1", "adomain": ["shop.watches.biz"] }] }] }"#,
        ..Call::default()
    };
    let mut evaluator = Evaluator::new(Limits::default());
    let evaluation = evaluator.evaluate(&call, &policy, &Still);

    writeln!(out, "{}", evaluation.verdict.name())?;
    for (name, outcome) in policy.gate_names().iter().zip(evaluation.outcomes()) {
        let reason = outcome.reason.map_or("", Reason::name);
        writeln!(out, "  {name} {} {reason}", outcome.status.name())?;
    }
    Ok(())
}

/// Time stands still here; a program that serves has a clock.
struct Still;

impl Clock for Still {
    fn arrived_unix_us(&self) -> u64 {
        0
    }

    fn elapsed_ns(&self) -> u64 {
        0
    }
}
