//! Reading mappings that are laid over the one they stand in.

use super::Section;
use crate::document::layer::{self, NamedList};
use crate::document::node::{Entry, Node, Value};

impl Section {
    /// A list of at most `max` mappings, each laid over this one: what an item does not say is as this mapping says it,
    /// in the keys asked for so far. Values are replaced whole, but for the named list: its items are found by their
    /// names and merged key by key, and those that this mapping lacks come last. `default` is the named list when it is
    /// absent here. `read` gets the position in the list too. Absent is empty.
    pub fn layers<T>(
        &mut self,
        (key, max): (&str, usize),
        named: NamedList,
        default: &[(&str, &str)],
        mut read: impl FnMut(&mut Self, usize) -> T,
    ) -> Vec<T> {
        if self.declaring {
            return self.declare_list(key, &[], |layer| read(layer, 0));
        }
        let base = self.base_of_layers(named, default);
        let mut items = self.items(key).unwrap_or_default();
        if items.len() > max {
            self.reject(key, &format!("has more than {max} items; remove some"));
            items.truncate(max);
        }
        let path = self.path_of(key);
        let items = items
            .into_iter()
            .zip(0..)
            .map(|(item, index)| layer::lay(item, &format!("{path}[{index}]"), &base, named));
        self.each(key, items, &[], read)
    }

    /// What layers inherit, each with its path.
    fn base_of_layers(&self, named: NamedList, default: &[(&str, &str)]) -> Vec<Entry> {
        let asked = |entry: &&Entry| self.asked.contains(&entry.key);
        let mut base: Vec<Entry> = self.node.entries().iter().filter(asked).cloned().collect();
        let listed =
            |entry: &Entry| entry.key == named.key && matches!(entry.node.value, Value::List(_));
        if !base.iter().any(listed) {
            base.retain(|entry| entry.key != named.key);
            base.push(Entry {
                key: named.key.to_owned(),
                key_place: self.node.place.clone(),
                node: Node::new(Value::List(self.default_items(default)), &self.node.place),
            });
        }
        for entry in &mut base {
            entry.node.path = Some(self.path_of(&entry.key));
            if let Value::List(items) = &mut entry.node.value {
                for (item, index) in items.iter_mut().zip(0..) {
                    item.path = Some(self.path_of(&format!("{}[{index}]", entry.key)));
                }
            }
        }
        base
    }
}
