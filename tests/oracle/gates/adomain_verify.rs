//! Does the bid name its advertiser by a real domain? (spec: gates, adomainVerify)
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use super::Finding;
use crate::oracle::auction::Bid;
use crate::oracle::json::Node;

const PLACEHOLDERS: [&str; 9] = [
    "advertiserdomain.com",
    "example.com",
    "example.org",
    "example.net",
    "test.com",
    "placeholder.com",
    "localhost",
    "foo.com",
    "bar.com",
];

const RESERVED: [&str; 9] = [
    "test",
    "example",
    "invalid",
    "localhost",
    "local",
    "onion",
    "internal",
    "lan",
    "arpa",
];

pub(crate) fn judge(
    require_adomain: bool,
    extra_placeholders: &[String],
    bid: &Bid<'_>,
) -> Option<Finding> {
    let entries = bid.node.list("adomain").unwrap_or_default();
    // "`adomain` absent, not an array, or empty -> F `adomain_missing` if `require_adomain`, else nothing."
    if entries.is_empty() {
        return require_adomain.then_some(Finding::Fails("adomain_missing"));
    }
    // "The bid's reason is its first failing entry's."
    entries
        .iter()
        .find_map(|entry| offence(entry, extra_placeholders))
        .map(Finding::Fails)
}

/// "Each entry, in order, first match wins."
fn offence(entry: &Node, extra_placeholders: &[String]) -> Option<&'static str> {
    // 1 "not a string, or empty after trimming ASCII white space"
    let Some(trimmed) = entry
        .text()
        .map(str::trim_ascii)
        .filter(|text| !text.is_empty())
    else {
        return Some("adomain_malformed");
    };
    // 2 "lower-case (ASCII), drop one trailing dot; then it contains any of / : @ ? # , \ or ASCII white space, or a
    // control character"
    let lower = trimmed.to_ascii_lowercase();
    let name = lower.strip_suffix('.').unwrap_or(&lower);
    let foreign = |c: char| r"/:@?#,\".contains(c) || c.is_ascii_whitespace() || c.is_control();
    if name.contains(foreign) {
        return Some("adomain_malformed");
    }
    // 3 "IPv4: all labels decimal digits"
    let is_decimal =
        |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit());
    if name.split('.').all(is_decimal) {
        return Some("adomain_ip_address");
    }
    // 4 "non-ASCII: convert with UTS-46 (non-transitional, STD3) to A-labels; failure, or an `xn--` label that does not
    // decode"
    let Some(name) = a_labels(name) else {
        return Some("adomain_malformed");
    };
    // 5 "longer than 253, a label empty or longer than 63, a character outside a-z 0-9 `-`, a label that begins or ends
    // with `-`"
    if name.len() > 253 || !name.split('.').all(is_label) {
        return Some("adomain_malformed");
    }
    // 6 "equals a placeholder or ends with `.` + placeholder"
    let mut placeholders = PLACEHOLDERS
        .into_iter()
        .chain(extra_placeholders.iter().map(String::as_str));
    if placeholders
        .any(|placeholder| name == placeholder || name.ends_with(&format!(".{placeholder}")))
    {
        return Some("adomain_placeholder");
    }
    // 7 "one label only"
    let Some((_, last_label)) = name.rsplit_once('.') else {
        return Some("adomain_single_label");
    };
    // 8 "last label one of [..]"
    if RESERVED.contains(&last_label) {
        return Some("adomain_reserved");
    }
    // 9 "is itself a public suffix of the ICANN section"
    let suffix = psl::suffix(name.as_bytes())?;
    let is_suffix = suffix.as_bytes() == name.as_bytes() && suffix.typ() == Some(psl::Type::Icann);
    is_suffix.then_some("adomain_public_suffix")
}

pub(super) fn a_labels(name: &str) -> Option<String> {
    let needs_conversion =
        !name.is_ascii() || name.split('.').any(|label| label.starts_with("xn--"));
    if !needs_conversion {
        return Some(name.to_owned());
    }
    // STD3 (RFC 1123) lets no label begin or end with a hyphen, in Unicode either.
    let converted = Uts46::new().to_ascii(
        name.as_bytes(),
        AsciiDenyList::STD3,
        Hyphens::CheckFirstLast,
        DnsLength::Ignore,
    );
    converted.ok().map(String::from)
}

pub(super) fn is_label(label: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&label.len())
        && label.bytes().all(allowed)
        && !label.starts_with('-')
        && !label.ends_with('-')
}
