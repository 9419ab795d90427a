#![doc = include_str!("../../docs/gates/schema.md")]

use std::ops::Range;

use sha2::{Digest as _, Sha256};

use super::{Gate, Judged, Sheet};
use crate::auction::Auction;
use crate::document::{Problem, Section};
use crate::openrtb::{Checked, Kind, Next};
use crate::schema::{Breach, Issue, Schema};
use crate::verdict::{Detail, Reason};

/// The rule, compiled. None when its schema has flaws, in which case the policy has too.
#[derive(Debug)]
pub(super) struct ResponseSchema(Option<Schema>);

/// What a response is held to where no file is named.
const OPENRTB: &str = include_str!("../../schema/openrtb-2.6-bid-response.json");

impl ResponseSchema {
    pub(super) fn compile(options: &mut Section) -> Self {
        let (name, text) = match options.file("file") {
            Some(file) => (file.name, file.text),
            None => (
                "openrtb-2.6-bid-response.json".to_owned(),
                OPENRTB.to_owned(),
            ),
        };
        let digest = digest(&text);
        if options.string("sha256", &digest) != digest {
            let advice = format!(
                "is not that of the schema, which is {digest}; correct it, or put the schema back"
            );
            options.reject("sha256", &advice);
        }
        match Schema::compile(&text) {
            Ok(schema) => Self(Some(schema)),
            Err(flaws) => {
                for flaw in flaws {
                    options.report(Problem::new(&name, flaw.pointer, flaw.message));
                }
                Self(None)
            }
        }
    }
}

impl Gate for ResponseSchema {
    fn judge(&self, auction: &Auction<'_>, sheet: &mut Sheet<'_>) -> Judged {
        let payload = auction.response.payload();
        let issues = std::mem::take(&mut sheet.memory.issues);
        let issues = self.check(payload, issues);
        if !issues.is_empty() {
            reject(auction, &issues, sheet);
        }
        sheet.memory.issues = issues;
        Judged::Bids
    }
}

impl ResponseSchema {
    fn check(&self, payload: &[u8], mut issues: Vec<Issue>) -> Vec<Issue> {
        if let Some(schema) = &self.0 {
            schema.check(payload, &mut issues);
        }
        issues
    }
}

/// Rejects each bid for its own first issue, and those that have none for the first one outside of the bids.
#[cold]
fn reject(auction: &Auction<'_>, issues: &[Issue], sheet: &mut Sheet<'_>) {
    let json = Checked::new(auction.response.payload());
    let of_response = first_of_response(json, issues);
    let of_response = of_response.map(|issue| (issue.breach, Detail::Place(issue.at)));
    let mut rest = issues;
    let mut bids = auction.bids();
    each_bid(json, |span| {
        before(&mut rest, span.start);
        let own = before(&mut rest, span.end).first();
        let start = u32::try_from(span.start).unwrap_or(u32::MAX);
        let own = own.map(|issue| (issue.breach, Detail::PlaceInBid(start, issue.at)));
        let found = own.or(of_response);
        if let (Some(bid), Some((breach, detail))) = (bids.next(), found) {
            sheet.reject(&bid, reason(breach), detail);
        }
    });
}

/// The first issue that is about the whole response: one outside of the bids, or the end of the budget anywhere, since
/// what stands behind it was not checked.
fn first_of_response(json: Checked<'_>, issues: &[Issue]) -> Option<Issue> {
    let mut rest = issues;
    let mut first = None;
    each_bid(json, |bid| {
        let outside = before(&mut rest, bid.start).first();
        let within = before(&mut rest, bid.end).iter();
        let mut spent = within.filter(|issue| issue.breach == Breach::Budget);
        first = first.or(outside).or_else(|| spent.next());
    });
    first.or_else(|| rest.first()).copied()
}

/// Takes the issues up to a position off the front.
fn before<'i>(issues: &mut &'i [Issue], end: usize) -> &'i [Issue] {
    let count = issues.partition_point(|issue| (issue.at as usize) < end);
    let (before, rest) = issues.split_at(count);
    *issues = rest;
    before
}

/// The span of every element of `seatbid[].bid` that is an object, in document order: the bids of
/// [`crate::openrtb::BidResponseView::bids`].
fn each_bid(json: Checked<'_>, mut bid: impl FnMut(Range<usize>)) {
    each_object_below(json, json.root(), b"seatbid", |seatbid| {
        each_object_below(json, seatbid, b"bid", |at| bid(at..json.end(at)));
    });
}

fn each_object_below(json: Checked<'_>, object: usize, key: &[u8], mut each: impl FnMut(usize)) {
    let mut next = object + 1;
    while let Next::Item(key_at) = json.next(next) {
        let member = json.member(key_at);
        next = json.end(member.value_at);
        if member.key.compare(key).is_eq() && json.kind(member.value_at) == Kind::Array {
            each_object(json, member.value_at, &mut each);
        }
    }
}

fn each_object(json: Checked<'_>, array: usize, mut each: impl FnMut(usize)) {
    let mut next = array + 1;
    while let Next::Item(element) = json.next(next) {
        next = json.end(element);
        if json.kind(element) == Kind::Object {
            each(element);
        }
    }
}

const fn reason(breach: Breach) -> Reason {
    match breach {
        Breach::Type => Reason::SchemaType,
        Breach::Enum => Reason::SchemaEnum,
        Breach::Range => Reason::SchemaRange,
        Breach::Size => Reason::SchemaSize,
        Breach::Pattern => Reason::SchemaPattern,
        Breach::Required => Reason::SchemaRequired,
        Breach::UnknownKey => Reason::SchemaUnknownKey,
        Breach::Items => Reason::SchemaItems,
        Breach::Combination => Reason::SchemaCombination,
        Breach::Budget => Reason::SchemaBudget,
    }
}

/// SHA-256 in hexadecimal digits.
fn digest(text: &str) -> String {
    let hash = Sha256::digest(text);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
