//! "Every string of the bid response": flattened, each with the whole way to it.
use super::json::Node;

/// A string and how it is reached.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    way: Vec<Step<'a>>,
    pub(crate) text: &'a str,
}

#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    Key(&'a str),
    Index(u32),
}

/// "At most 10,000 nodes, in document order; every value is a node, [..] and the response itself is the first."
const NODES: usize = 10_000;

#[derive(Debug)]
pub(crate) struct Strings<'a> {
    found: Vec<Found<'a>>,
    /// "What lies behind them is not looked at."
    pub(crate) cut: bool,
}

impl<'a> Strings<'a> {
    pub(crate) fn of(response: &'a Node) -> Self {
        let mut nodes = Vec::new();
        flatten(response, &mut Vec::new(), &mut nodes);
        let cut = nodes.len() > NODES;
        let strings = nodes.into_iter().take(NODES).flatten();
        Self {
            found: strings.collect(),
            cut,
        }
    }

    /// Those that stand in no bid.
    pub(crate) fn outside(&self) -> impl Iterator<Item = &'a str> {
        self.found
            .iter()
            .filter(|string| string.bid().is_none())
            .map(|string| string.text)
    }

    /// Those of a bid, each with the member of the bid that it is or stands in.
    pub(crate) fn of_bid(&self, position: (u32, u32)) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.found.iter().filter_map(move |string| {
            let (of, member) = string.bid()?;
            (of == position).then_some((member, string.text))
        })
    }
}

impl<'a> Found<'a> {
    /// The indices of the bid it stands in, and the member.
    fn bid(&self) -> Option<((u32, u32), &'a str)> {
        let [
            Step::Key("seatbid"),
            Step::Index(seatbid),
            Step::Key("bid"),
            Step::Index(bid),
            Step::Key(member),
            ..,
        ] = self.way[..]
        else {
            return None;
        };
        Some(((seatbid, bid), member))
    }
}

/// All nodes in document order; None for those that are no strings.
fn flatten<'a>(node: &'a Node, way: &mut Vec<Step<'a>>, nodes: &mut Vec<Option<Found<'a>>>) {
    nodes.push(node.text().map(|text| Found {
        way: way.clone(),
        text,
    }));
    let mut below = |step, node| {
        way.push(step);
        flatten(node, way, nodes);
        way.pop();
    };
    match node {
        Node::Object(members) => members
            .iter()
            .for_each(|(key, node)| below(Step::Key(key), node)),
        Node::Array(elements) => (0..)
            .zip(elements)
            .for_each(|(index, node)| below(Step::Index(index), node)),
        Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) | Node::Skipped => {}
    }
}
