//! Does a request under COPPA carry what it should not? (docs/gates/coppaLeak.md)
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::oracle::auction::{Auction, filled, is_set};
use crate::oracle::json::Node;

pub(crate) fn skip_reason(auction: &Auction<'_>) -> Option<&'static str> {
    let regs = auction.request.get("regs");
    let ext = regs.and_then(|regs| regs.get("ext"));
    let coppa = [regs, ext]
        .into_iter()
        .flatten()
        .any(|it| is_set(it, "coppa"));
    (!coppa).then_some("not_coppa")
}

pub(crate) fn judge(auction: &Auction<'_>) -> Option<&'static str> {
    let nothing = Node::Object(Vec::new());
    let device = auction.request.get("device").unwrap_or(&nothing);
    let user = auction.request.get("user").unwrap_or(&nothing);
    let geos = [device.get("geo"), user.get("geo")];
    if identifies(device, user) {
        Some("coppa_identifier")
    } else if user
        .get("yob")
        .and_then(Node::number)
        .is_some_and(|yob| yob.abs() > 0.0)
        || filled(user, "gender").is_some()
    {
        Some("coppa_demographics")
    } else if geos.into_iter().flatten().any(is_precise) {
        Some("coppa_precise_geo")
    } else if ["ip", "ipv6"]
        .iter()
        .any(|key| filled(device, key).is_some_and(is_whole))
    {
        Some("coppa_ip_address")
    } else {
        None
    }
}

fn identifies(device: &Node, user: &Node) -> bool {
    let id = |node: &Node, key: &str| {
        filled(node, key).is_some_and(|id| id.chars().any(|c| c != '0' && c != '-'))
    };
    let of_device = [
        "ifa", "didsha1", "didmd5", "dpidsha1", "dpidmd5", "macsha1", "macmd5",
    ];
    let has_eids = |node: &Node| node.list("eids").is_some_and(|eids| !eids.is_empty());
    of_device.iter().any(|key| id(device, key))
        || ["id", "buyeruid"].iter().any(|key| id(user, key))
        || has_eids(user)
        || user.get("ext").is_some_and(has_eids)
}

/// "100 times the number is farther than 1e-6 from a whole number"
fn is_precise(geo: &Node) -> bool {
    let precise = |key| {
        let hundredths = geo.get(key).and_then(Node::number).unwrap_or_default() * 100.0;
        (hundredths - hundredths.round()).abs() > 1e-6
    };
    precise("lat") || precise("lon") || filled(geo, "zip").is_some()
}

fn is_whole(address: &str) -> bool {
    if let Ok(address) = address.parse::<Ipv4Addr>() {
        return address.octets()[3] != 0;
    }
    let address = address.parse::<Ipv6Addr>();
    address.is_ok_and(|address| address.segments()[6..] != [0, 0])
}
