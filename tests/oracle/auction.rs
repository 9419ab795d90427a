//! Request and response, joined: what the gates look at.
use super::Timing;
use super::json::Node;
use super::strings::Strings;

pub(crate) struct Auction<'a> {
    pub(crate) request: &'a Node,
    pub(crate) response: &'a Node,
    /// The elements of `imp` that are objects.
    pub(crate) imps: Vec<&'a Node>,
    /// `response.cur`, as it stands.
    pub(crate) cur: Option<&'a Node>,
    /// In document order.
    pub(crate) bids: Vec<Bid<'a>>,
    /// Of the response.
    pub(crate) strings: Strings<'a>,
    /// What the call says of the bidder.
    pub(crate) latency_ms: Option<f64>,
    /// `agent_id` and `tool`.
    pub(crate) caller: [&'a str; 2],
}

pub(crate) struct Bid<'a> {
    /// Position in `seatbid`, elements that are no objects included.
    pub(crate) seatbid_index: u32,
    /// Position in that seatbid's `bid`, likewise.
    pub(crate) bid_index: u32,
    pub(crate) node: &'a Node,
    pub(crate) seatbid: &'a Node,
}

impl<'a> Auction<'a> {
    pub(crate) fn new(
        request: &'a Node,
        response: &'a Node,
        timing: &Timing,
        caller: [&'a str; 2],
    ) -> Self {
        let mut bids = Vec::new();
        for (seatbid_index, seatbid) in objects(response, "seatbid") {
            for (bid_index, node) in objects(seatbid, "bid") {
                bids.push(Bid {
                    seatbid_index,
                    bid_index,
                    node,
                    seatbid,
                });
            }
        }
        Self {
            request,
            response,
            imps: objects(request, "imp").map(|(_, imp)| imp).collect(),
            cur: response.get("cur"),
            bids,
            strings: Strings::of(response),
            latency_ms: timing.latency_ms,
            caller,
        }
    }

    /// The imp that a bid is for: "where two imps share an id, the first counts".
    pub(crate) fn imp_of(&self, bid: &Bid<'_>) -> Option<&'a Node> {
        let impid = bid.text("impid")?;
        self.imps
            .iter()
            .copied()
            .find(|imp| text(imp, "id") == Some(impid))
    }
}

/// "Where two imps or two deals share an id, the first counts."
pub(crate) fn deal_of<'a>(imp: &'a Node, bid: &Bid<'_>) -> Option<&'a Node> {
    let dealid = bid.text("dealid")?;
    objects(imp.get("pmp")?, "deals")
        .map(|(_, deal)| deal)
        .find(|deal| text(deal, "id") == Some(dealid))
}

impl<'a> Bid<'a> {
    pub(crate) fn text(&self, key: &str) -> Option<&'a str> {
        text(self.node, key)
    }

    /// The bid's categories, as they stand.
    pub(crate) fn categories(&self) -> Vec<&'a str> {
        categories(self.node, "cat")
    }

    /// "bid taxonomy = `bid.cattax` (absent -> 1)"
    pub(crate) fn taxonomy(&self) -> String {
        taxonomy(self.node)
    }
}

/// "An element of `imp`, `deals`, `seatbid` or `bid` that is not an object is ignored."
pub(crate) fn objects<'a>(node: &'a Node, key: &str) -> impl Iterator<Item = (u32, &'a Node)> {
    (0..)
        .zip(node.list(key).unwrap_or_default())
        .filter(|(_, element)| element.is_object())
}

/// "A gate-relevant field of the wrong JSON type counts as absent."
pub(crate) fn text<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    node.get(key).and_then(Node::text)
}

/// "Entries of `cat`, `bcat`, `acat` that are not strings, or blank, are ignored; a list left empty that way is an
/// empty list."
pub(crate) fn categories<'a>(node: &'a Node, key: &str) -> Vec<&'a str> {
    let entries = node
        .list(key)
        .unwrap_or_default()
        .iter()
        .filter_map(Node::text);
    entries
        .filter(|entry| !entry.trim_ascii().is_empty())
        .collect()
}

/// Strings that are not blank, without white space around them.
pub(crate) fn names<'a>(node: &'a Node, key: &str) -> Vec<&'a str> {
    categories(node, key)
        .iter()
        .map(|name| name.trim_ascii())
        .collect()
}

/// "Attributes are integers (`6`, `6.0`); other entries are ignored."
pub(crate) fn integers(node: &Node, key: &str) -> Vec<String> {
    let entries = node.list(key).unwrap_or_default().iter();
    entries.filter_map(Node::integer).collect()
}

/// A string that is not blank, without white space around it.
pub(crate) fn filled<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    text(node, key)
        .map(str::trim_ascii)
        .filter(|text| !text.is_empty())
}

/// `cattax` of a bid, a content object or the request: absent -> 1.
pub(crate) fn taxonomy(node: &Node) -> String {
    node.get("cattax")
        .and_then(Node::integer)
        .unwrap_or_else(|| "1".to_owned())
}

/// "JSON flags accept 0/1, true/false and "0"/"1"."
pub(crate) fn is_set(node: &Node, key: &str) -> bool {
    match node.get(key) {
        Some(Node::Bool(flag)) => *flag,
        Some(Node::Text(text)) => text == "1",
        Some(number) => number.integer().as_deref() == Some("1"),
        None => false,
    }
}
