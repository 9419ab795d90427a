//! Is the creative of a kind and size that the imp offers? (docs/gates/mediaMatch.md)
use crate::oracle::auction::{Auction, Bid, is_set, objects};
use crate::oracle::json::Node;

const MEDIA: [(&str, &str); 4] = [
    ("1", "banner"),
    ("2", "video"),
    ("3", "audio"),
    ("4", "native"),
];

pub(crate) fn judge(auction: &Auction<'_>, bid: &Bid<'_>) -> Option<&'static str> {
    let imp = auction.imp_of(bid)?;
    let offers = |medium: &str| imp.get(medium).is_some_and(Node::is_object);
    let offered: Vec<&str> = MEDIA
        .iter()
        .map(|(_, medium)| *medium)
        .filter(|medium| offers(medium))
        .collect();
    // "An imp that offers none is not judged."
    if offered.is_empty() {
        return None;
    }
    // 1
    let mtype = bid.node.get("mtype").and_then(Node::integer);
    let named = mtype.as_deref().map(|mtype| {
        let medium = MEDIA.iter().find(|(number, _)| *number == mtype);
        medium.map_or("", |(_, medium)| *medium)
    });
    if named.is_some_and(|named| !offered.contains(&named)) {
        return Some("media_type_mismatch");
    }
    // 2
    let kinds = bid.text("adm").map(kinds).unwrap_or_default();
    let fits = |kind: &&str| offered.contains(kind) && named.is_none_or(|named| named == *kind);
    if !kinds.is_empty() && !kinds.iter().any(fits) {
        return Some("markup_mismatch");
    }
    // 3 "The bid is a banner (`mtype` 1; without a whole-number `mtype`, banner is all that the imp offers)"
    let is_banner = named.map_or(offered == ["banner"], |named| named == "banner");
    if !is_banner || is_set(imp, "instl") {
        return None;
    }
    let wanted = size(bid.node)?;
    let sizes = sizes(imp.get("banner")?);
    (!sizes.is_empty() && !sizes.contains(&wanted)).then_some("size_mismatch")
}

/// The media that the markup may be for; none when it is not told.
fn kinds(adm: &str) -> Vec<&'static str> {
    let markup = adm.trim_ascii_start().as_bytes().to_ascii_uppercase();
    let prologue = &markup[..markup.len().min(256)];
    let holds_vast = String::from_utf8_lossy(prologue).contains("<VAST");
    if markup.starts_with(b"{") {
        vec!["native"]
    } else if markup.starts_with(b"<VAST") || markup.starts_with(b"<?XML") && holds_vast {
        vec!["video", "audio"]
    } else if markup.starts_with(b"<") {
        vec!["banner"]
    } else {
        Vec::new()
    }
}

/// "A banner without sizes, or with a `format` that gives a ratio instead, takes any size": no sizes.
fn sizes(banner: &Node) -> Vec<(String, String)> {
    let formats: Vec<_> = objects(banner, "format")
        .map(|(_, format)| size(format))
        .collect();
    if formats.contains(&None) {
        return Vec::new();
    }
    formats
        .into_iter()
        .chain([size(banner)])
        .flatten()
        .collect()
}

/// "`w` by `h`, where both are whole numbers above 0"
fn size(node: &Node) -> Option<(String, String)> {
    let side = |key| {
        let side = node.get(key).and_then(Node::integer)?;
        (side != "0" && !side.starts_with('-')).then_some(side)
    };
    Some((side("w")?, side("h")?))
}
