//! Reading no document, to learn what one may say.

use super::Section;
use crate::document::effective::Effective;
use crate::document::node::{Node, Value};
use crate::document::shape::{Keys, Shape};

impl Section {
    /// The root of no document, to learn what may be said.
    pub(in crate::document) fn declaring() -> Self {
        let nothing = Node::new(Value::Mapping(Vec::new()), "");
        Self {
            declaring: true,
            ..Self::root(nothing, Vec::new())
        }
    }

    /// What may stand here, with its defaults.
    pub(in crate::document) fn declared(&self) -> Keys {
        let mut keys = self.keys.clone();
        for key in &mut keys.0 {
            let recorded = self.effective.iter().find(|(name, _)| *name == key.name);
            key.default = recorded.map(|(_, value)| value.clone());
        }
        keys
    }

    /// Reads an empty item, and then one of each kind that it turns out there is: one a word of the choice that must be
    /// made, and one a key that makes an item of another kind, which then goes by any name.
    pub(super) fn declare_list<T>(
        &mut self,
        key: &str,
        default: &[(&str, &str)],
        mut read: impl FnMut(&mut Self) -> T,
    ) -> Vec<T> {
        let mut item = |node: Node| {
            let mut section = self.child(key, node);
            let value = read(&mut section);
            (value, section.declared(), section.alternatives)
        };
        let (value, keys, alternatives) = item(Node::new(Value::Mapping(Vec::new()), ""));
        let Some((name, words)) = keys.kinds() else {
            self.keys.add(key, Shape::List(vec![keys]));
            return vec![value];
        };
        let mut values = Vec::new();
        let mut kinds = Vec::new();
        for word in &words {
            let (value, mut keys, _) = item(self.default_item(&(&name, word)));
            keys.fix(&name, word);
            values.push(value);
            kinds.push(keys);
        }
        for alternative in alternatives {
            let (value, mut keys, _) = item(self.default_item(&(alternative, "")));
            keys.require(&name);
            keys.require(alternative);
            values.push(value);
            kinds.push(keys);
        }
        self.keys.add(key, Shape::List(kinds));
        let default = default.iter().map(|(key, text)| {
            let text = Effective::Text((*text).to_owned());
            Effective::Mapping(vec![((*key).to_owned(), text)])
        });
        self.record(key, Effective::List(default.collect()));
        values
    }
}
