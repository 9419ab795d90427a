//! One mapping laid over another.

use super::node::{Entry, Node, Value};

/// A list of mappings of which two are merged item by item, found by their names.
#[derive(Clone, Copy, Debug)]
pub struct NamedList {
    /// Where the list stands.
    pub key: &'static str,
    /// The key of the name in each item.
    pub name: &'static str,
}

/// Lays the mapping `over`, which stands at `path`, over the entries of another. What only `base` has is as it stands
/// there, and so is its path. Values that both have are those of `over`, whole, but for the named list.
pub(super) fn lay(over: Node, path: &str, base: &[Entry], named: NamedList) -> Node {
    let Value::Mapping(own) = over.value else {
        return over;
    };
    let mut entries = own;
    for below in base {
        let above = entries.iter_mut().find(|entry| entry.key == below.key);
        match above {
            None => entries.push(below.clone()),
            Some(above) if above.key == named.key => {
                let path = format!("{path}.{}", named.key);
                merge(&mut above.node, &path, &below.node, named.name);
            }
            Some(_) => {}
        }
    }
    Node {
        value: Value::Mapping(entries),
        ..over
    }
}

/// Merges two lists of mappings. The order is that of `base`; what `base` lacks comes last. A list that is none stays
/// as it is, for its reader to refuse.
fn merge(over: &mut Node, path: &str, base: &Node, name: &str) {
    let (Value::List(own), Value::List(below)) = (&mut over.value, &base.value) else {
        return;
    };
    for (item, index) in own.iter_mut().zip(0..) {
        item.path.get_or_insert(format!("{path}[{index}]"));
    }
    let named = |item: &Node, other: &Node| {
        let names = [item, other].map(|item| item.entry(name).and_then(|entry| entry.node.text()));
        matches!(names, [Some(one), Some(other)] if one == other)
    };
    let merged = below.iter().map(|below| {
        let above = own.iter().find(|above| named(above, below));
        above.map_or_else(|| below.clone(), |above| fuse(above, below))
    });
    let merged: Vec<Node> = merged.collect();
    // A name that stands twice is merged once; its reader refuses the second.
    let is_merged = |position: usize, item: &Node| {
        let first = own.iter().position(|own| named(own, item));
        first == Some(position) && below.iter().any(|below| named(below, item))
    };
    let added = own
        .iter()
        .enumerate()
        .filter(|(position, item)| !is_merged(*position, item))
        .map(|(_, item)| item.clone());
    let items = merged.into_iter().chain(added).collect();
    over.value = Value::List(items);
}

/// One item of both lists: what `above` does not say is as `below` says it.
fn fuse(above: &Node, below: &Node) -> Node {
    let inherited = below
        .entries()
        .iter()
        .filter(|entry| above.entry(&entry.key).is_none());
    let inherited = inherited.cloned().map(|mut entry| {
        let below = below.path.as_deref().unwrap_or_default();
        entry.node.path = Some(format!("{below}.{}", entry.key));
        entry
    });
    let entries = above.entries().iter().cloned().chain(inherited).collect();
    Node {
        value: Value::Mapping(entries),
        ..above.clone()
    }
}
