//! What holds of any bytes: `tests/corpus.rs` holds it of those that are kept in `fuzz/corpus`, a fuzz target of the
//! same name of any that it thinks of. A fact that does not hold panics, with all that is needed to see it again.
mod auction;
mod documents;
mod left;
mod message;

#[cfg(test)]
pub(crate) use auction::judged;

/// Something that holds of any bytes.
type Fact = fn(&[u8]);

/// Every fact under its name.
pub(crate) const FACTS: &[(&str, Fact)] = &[
    ("a_payload_is_json_or_refused", auction::is_json_or_refused),
    (
        "a_bid_request_is_read_as_by_the_oracle",
        auction::request_is_read,
    ),
    (
        "a_bid_response_is_read_as_by_the_oracle",
        auction::response_is_read,
    ),
    ("an_auction_is_judged_as_by_the_oracle", auction::is_judged),
    (
        "a_generated_auction_is_judged_as_by_the_oracle",
        auction::generated_is_judged,
    ),
    ("what_is_left_of_a_response_passes", left::passes),
    ("a_message_is_read_as_by_prost", message::is_read),
    (
        "a_policy_says_the_same_when_printed",
        documents::policy_is_printed,
    ),
    (
        "a_configuration_says_the_same_when_printed",
        documents::configuration_is_printed,
    ),
];

/// Holds the bytes to a fact.
pub(crate) fn hold(name: &str, bytes: &[u8]) {
    let fact = FACTS.iter().find(|(fact, _)| *fact == name);
    let (_, fact) = fact.unwrap_or_else(|| panic!("there is no fact {name}"));
    fact(bytes);
}
