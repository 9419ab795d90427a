//! What is counted against the limits (docs/gates), beside imps and bids.
use super::auction::{categories, integers, objects};
use super::fields::Listed;
use super::json::Node;

/// Entries of `bcat` and `acat`, and of all other lists that are read.
pub(crate) fn list_entries(root: &Node, listed: Listed<'_>) -> usize {
    let read_by = |gate: &str| listed.contains(&gate);
    let count = |node: &Node, key: &str| categories(node, key).len();
    let mut entries = count(root, "bcat") + count(root, "acat");
    if read_by("currencyAllowed") {
        entries += count(root, "cur");
    }
    if read_by("advertiserBlock") {
        entries += count(root, "badv");
    }
    if read_by("appBlock") {
        entries += count(root, "bapp");
    }
    if read_by("seatMatch") {
        entries += count(root, "wseat") + count(root, "bseat");
    }
    for (_, imp) in objects(root, "imp") {
        for (_, deal) in imp
            .get("pmp")
            .into_iter()
            .flat_map(|pmp| objects(pmp, "deals"))
        {
            if read_by("advertiserBlock") {
                entries += count(deal, "wadomain");
            }
            if read_by("seatMatch") {
                entries += count(deal, "wseat");
            }
        }
        if read_by("attributeBlock") {
            for medium in ["banner", "video", "audio", "native"] {
                entries += imp.get(medium).map_or(0, |it| integers(it, "battr").len());
            }
        }
    }
    entries
}

/// "More than 64 `durfloors` of one medium are `limit_exceeded`."
pub(crate) fn too_many_duration_floors(root: &Node, listed: Listed<'_>) -> bool {
    let too_many = |stream: &Node| objects(stream, "durfloors").count() > 64;
    listed.contains(&"floorCompliance")
        && objects(root, "imp").any(|(_, imp)| {
            ["video", "audio"]
                .iter()
                .filter_map(|medium| imp.get(medium))
                .any(too_many)
        })
}
