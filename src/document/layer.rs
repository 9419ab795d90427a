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
    let Value::Mapping(mut entries) = over.value else {
        return over;
    };
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
    let (Value::List(own), Value::List(base)) = (&mut over.value, &base.value) else {
        return;
    };
    for (item, index) in own.iter_mut().zip(0..) {
        item.path = Some(format!("{path}[{index}]"));
    }
    let merged = base.iter().map(|below| match named_as(below, own, name) {
        Some(above) => fuse(above, below),
        None => below.clone(),
    });
    let added = own
        .iter()
        .filter(|item| !is_merged(item, own, base, name))
        .cloned();
    let items = merged.chain(added).collect();
    over.value = Value::List(items);
}

/// The first item with the name of another.
fn named_as<'n>(item: &Node, items: &'n [Node], name: &str) -> Option<&'n Node> {
    let wanted = item.entry(name)?.node.value.text()?;
    items.iter().find(|item| {
        let entry = item.entry(name);
        entry.and_then(|entry| entry.node.value.text()) == Some(wanted)
    })
}

/// Whether an item is laid over one of `base`. A name that stands twice is laid once; its reader refuses the second.
fn is_merged(item: &Node, own: &[Node], base: &[Node], name: &str) -> bool {
    let first = named_as(item, own, name).is_some_and(|first| std::ptr::eq(first, item));
    first && named_as(item, base, name).is_some()
}

/// One item of both lists: what `above` does not say is as `below` says it.
fn fuse(above: &Node, below: &Node) -> Node {
    let path = below.path.as_deref().unwrap_or_default();
    let inherited = below
        .entries()
        .iter()
        .filter(|entry| above.entry(&entry.key).is_none())
        .map(|entry| {
            let mut entry = entry.clone();
            entry.node.path = Some(format!("{path}.{}", entry.key));
            entry
        });
    let entries = above.entries().iter().cloned().chain(inherited).collect();
    Node {
        value: Value::Mapping(entries),
        ..above.clone()
    }
}
