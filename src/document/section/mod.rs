//! One mapping of a document while it is read.

mod declare;
mod integers;
mod layers;

use super::effective::Effective;
use super::node::{Entry, Node, Value};
use super::problem::{Problem, visible};
use super::shape::{Keys, Shape};
use super::suggest::closest;
use super::wanted::Wanted;
use crate::document::read_text;

/// One mapping of a document while it is read. Each getter names a key, its default and what it may be; a wrong
/// value is recorded as a problem and the default returned, so that reading goes on and all problems come at once.
/// What no getter asked for is an unknown key.
#[derive(Debug)]
pub struct Section {
    path: String,
    node: Node,
    asked: Vec<String>,
    effective: Vec<(String, Effective)>,
    problems: Vec<Problem>,
    /// What may stand here.
    keys: Keys,
    /// True while nothing is read but what may be said: there is no document.
    declaring: bool,
    /// Keys by which a mapping here is of another kind.
    alternatives: Vec<&'static str>,
}

/// A file that a document names.
#[derive(Clone, Debug)]
pub struct TextFile {
    /// Its path, for the places of problems.
    pub name: String,
    /// What stands in it.
    pub text: String,
}

impl Section {
    /// A flag.
    pub fn flag(&mut self, key: &str, default: bool) -> bool {
        let read = |value: &Value| {
            if let Value::Flag(flag) = value {
                Some(*flag)
            } else {
                None
            }
        };
        let flag = self.scalar(key, &Wanted::Flag, read).unwrap_or(default);
        self.record(key, Effective::Flag(flag));
        flag
    }

    /// A finite number greater than 0.
    pub fn positive(&mut self, key: &str, default: f64) -> f64 {
        let read = |value: &Value| value.finite().filter(|number| *number > 0.0);
        let number = self.scalar(key, &Wanted::Positive, read).unwrap_or(default);
        self.record(key, Effective::Number(number));
        number
    }

    /// A finite number of at least 0.
    pub fn non_negative(&mut self, key: &str, default: f64) -> f64 {
        // Adding 0 makes one zero of the two, so that they print and digest alike.
        let read = |value: &Value| {
            value
                .finite()
                .filter(|number| *number >= 0.0)
                .map(|number| number + 0.0)
        };
        let number = self
            .scalar(key, &Wanted::NonNegative, read)
            .unwrap_or(default);
        self.record(key, Effective::Number(number));
        number
    }

    /// One of a closed set of words. `default` is one of the choices.
    pub fn choice<T: Copy + PartialEq>(
        &mut self,
        key: &str,
        choices: &[(&str, T)],
        default: T,
    ) -> T {
        let default_word = choices
            .iter()
            .find(|(_, choice)| *choice == default)
            .map_or("", |(word, _)| *word);
        let (word, choice) = self.chosen(key, choices).unwrap_or((default_word, default));
        self.record(key, Effective::Text(word.to_owned()));
        choice
    }

    /// One of a closed set of words, which must be there. None when it is absent or no such word: a problem either
    /// way.
    pub fn required_choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> Option<T> {
        if self.node.entry(key).is_none() {
            self.reject(
                key,
                &format!("is missing; add one of {}", Wanted::choice(choices)),
            );
        }
        self.keys.require(key);
        let (word, choice) = self.chosen(key, choices)?;
        self.record(key, Effective::Text(word.to_owned()));
        Some(choice)
    }

    /// A string.
    pub fn string(&mut self, key: &str, default: &str) -> String {
        self.optional_string(key).unwrap_or_else(|| {
            self.record(key, Effective::Text(default.to_owned()));
            default.to_owned()
        })
    }

    /// A string that need not be there, and has no default.
    pub fn optional_string(&mut self, key: &str) -> Option<String> {
        let string = self.scalar(key, &Wanted::Text, |value| value.text().map(str::to_owned))?;
        self.record(key, Effective::Text(string.clone()));
        Some(string)
    }

    /// The text of the file that a string names, relative to the folder of the document that says so. None when the
    /// key is absent, and when the file cannot be read: a problem.
    pub fn file(&mut self, key: &str) -> Option<TextFile> {
        let path = self.optional_string(key)?;
        let path = self.node.nearest(key).folder().join(path);
        let name = visible(&path.display().to_string());
        match read_text(&path) {
            Ok(text) => Some(TextFile { name, text }),
            Err(error) => {
                self.reject(key, &format!("cannot read the file {name}: {error}"));
                None
            }
        }
    }

    /// A list of strings; absent is empty.
    pub fn strings(&mut self, key: &str) -> Vec<String> {
        self.strings_or(key, &[])
    }

    /// A list of strings; absent is `default`.
    pub fn strings_or(&mut self, key: &str, default: &[&str]) -> Vec<String> {
        self.optional_strings(key).unwrap_or_else(|| {
            let strings: Vec<String> = default.iter().copied().map(str::to_owned).collect();
            self.record_strings(key, &strings);
            strings
        })
    }

    /// A list of strings that need not be there, and has no default.
    pub fn optional_strings(&mut self, key: &str) -> Option<Vec<String>> {
        self.keys.add(key, Shape::Texts);
        let items = self.items(key)?;
        let strings: Vec<String> = items
            .iter()
            .zip(0..)
            .filter_map(|(item, index)| self.listed_string(&format!("{key}[{index}]"), item))
            .collect();
        self.record_strings(key, &strings);
        Some(strings)
    }

    /// A mapping from names to finite numbers greater than 0, sorted by name; absent is empty.
    pub fn rates(&mut self, key: &str) -> Vec<(String, f64)> {
        self.keys.add(key, Shape::Rates);
        let mut rates = Vec::new();
        for Entry {
            key: name, node, ..
        } in self.entries(key)
        {
            match node.value.finite().filter(|rate| *rate > 0.0) {
                Some(rate) => rates.push((name, rate)),
                None => self.mismatch(&format!("{key}.{name}"), &node, &Wanted::Positive),
            }
        }
        rates.sort_by(|(a, _), (b, _)| a.cmp(b));
        let recorded = rates
            .iter()
            .map(|(name, rate)| (name.clone(), Effective::Number(*rate)));
        self.record(key, Effective::Mapping(recorded.collect()));
        rates
    }

    /// A mapping, read by `read`. Absent is an empty mapping: every key below is at its default.
    pub fn section<T>(&mut self, key: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let entries = self.entries(key);
        let place = self.node.nearest(key).place.clone();
        let mut section = self.child(key, Node::new(Value::Mapping(entries), &place));
        let value = read(&mut section);
        let (effective, keys) = self.close(section);
        self.keys.add(key, Shape::Mapping(keys));
        self.record(key, effective);
        value
    }

    /// A list of mappings, each read by `read`. Absent is one mapping for each of `default`, which holds that key
    /// and text and nothing else.
    pub fn list<T>(
        &mut self,
        key: &str,
        default: &[(&str, &str)],
        mut read: impl FnMut(&mut Self) -> T,
    ) -> Vec<T> {
        if self.declaring {
            return self.declare_list(key, default, read);
        }
        let items = self
            .items(key)
            .unwrap_or_else(|| self.default_items(default));
        self.each(key, items, default, |section, _| read(section))
    }

    /// Reads the mappings of a list.
    fn each<T>(
        &mut self,
        key: &str,
        items: impl IntoIterator<Item = Node>,
        known: &[(&str, &str)],
        mut read: impl FnMut(&mut Self, usize) -> T,
    ) -> Vec<T> {
        let mut values = Vec::new();
        let mut recorded = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let key = format!("{key}[{index}]");
            if !matches!(item.value, Value::Mapping(_)) {
                self.mismatch(&key, &item, &Wanted::Item(known));
                continue;
            }
            let mut section = self.child(&key, item);
            values.push(read(&mut section, index));
            recorded.push(self.close(section).0);
        }
        self.record(key, Effective::List(recorded));
        values
    }

    /// True when `key` is there, which makes this mapping one of another kind.
    #[must_use]
    pub fn holds(&mut self, key: &'static str) -> bool {
        if self.declaring && !self.alternatives.contains(&key) {
            self.alternatives.push(key);
        }
        self.node.entry(key).is_some()
    }

    /// True when `key` is to be read as a mapping, because it holds one. While a schema is made it is to be read both
    /// ways.
    #[must_use]
    pub fn holds_mapping(&self, key: &str) -> bool {
        self.declaring || self.is_mapping(key)
    }

    /// True when `key` is to be read as something other than a mapping, because it holds none. While a schema is made
    /// it is to be read both ways.
    #[must_use]
    pub fn holds_other(&self, key: &str) -> bool {
        self.declaring || !self.is_mapping(key)
    }

    /// Tells those who read the schema what the texts of `key` look like, as a regular expression of ECMA-262. The
    /// reader itself has to reject others.
    pub fn spelled(&mut self, key: &str, pattern: &'static str) {
        self.keys.spell(key, pattern);
    }

    /// Records that the value of `key` is not acceptable, and why. `key` may point into the value: `listen[1]`,
    /// `rates.EUR`.
    pub fn reject(&mut self, key: &str, message: &str) {
        let place = self.node.nearest(key).place.clone();
        self.problems
            .push(Problem::new(place, self.path_of(key), message));
    }

    /// Records what is wrong elsewhere, in a file that this mapping names.
    pub fn report(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Accepts all keys not asked for, unread: for a mapping whose kind is unknown, which is problem enough.
    pub fn skip_rest(&mut self) {
        self.asked
            .extend(self.node.entries().iter().map(|entry| entry.key.clone()));
    }

    /// What this mapping says so far: every key asked for, in that order, with defaults filled in.
    #[must_use]
    pub fn effective(&self) -> Effective {
        Effective::Mapping(self.effective.clone())
    }

    /// The root mapping, with the problems that its text already has.
    pub(super) fn root(node: Node, problems: Vec<Problem>) -> Self {
        let mut root = Self {
            path: String::new(),
            node,
            asked: Vec::new(),
            effective: Vec::new(),
            problems,
            keys: Keys::default(),
            declaring: false,
            alternatives: Vec::new(),
        };
        if !matches!(root.node.value, Value::Mapping(_) | Value::Null) {
            let message = Wanted::Mapping.message(&root.node.value);
            root.reject("", &message);
        }
        root
    }

    /// Ends the reading: reports the keys that nobody asked for.
    pub(super) fn finish(mut self) -> (Effective, Vec<Problem>) {
        let known = || self.asked.iter().map(String::as_str);
        let unknown = self
            .node
            .entries()
            .iter()
            .filter(|entry| !known().any(|key| key == entry.key));
        let unknown = unknown.map(|entry| {
            let message = match closest(&entry.key, known()) {
                Some(key) => format!("unknown key; did you mean `{key}`?"),
                None => format!(
                    "unknown key; known here: {}",
                    known().collect::<Vec<_>>().join(", ")
                ),
            };
            Problem::new(&entry.key_place, self.path_of(&entry.key), message)
        });
        let unknown: Vec<_> = unknown.collect();
        self.problems.extend(unknown);
        (Effective::Mapping(self.effective), self.problems)
    }

    fn is_mapping(&self, key: &str) -> bool {
        self.node
            .entry(key)
            .is_some_and(|entry| matches!(entry.node.value, Value::Mapping(_)))
    }

    /// The value of `key`, noted as asked for.
    fn ask(&mut self, key: &str) -> Option<Node> {
        if !self.asked.iter().any(|asked| asked == key) {
            self.asked.push(key.to_owned());
        }
        self.node.entry(key).map(|entry| entry.node.clone())
    }

    fn record(&mut self, key: &str, value: Effective) {
        match self
            .effective
            .iter_mut()
            .find(|(recorded, _)| recorded == key)
        {
            Some((_, recorded)) => *recorded = value,
            None => self.effective.push((key.to_owned(), value)),
        }
    }

    fn record_strings(&mut self, key: &str, strings: &[String]) {
        let texts = strings.iter().cloned().map(Effective::Text);
        self.record(key, Effective::List(texts.collect()));
    }

    fn chosen<'c, T: Copy>(&mut self, key: &str, choices: &[(&'c str, T)]) -> Option<(&'c str, T)> {
        let named = |text: &str| choices.iter().copied().find(|(word, _)| *word == text);
        self.scalar(key, &Wanted::choice(choices), |value| {
            value.text().and_then(named)
        })
    }

    fn scalar<T>(
        &mut self,
        key: &str,
        wanted: &Wanted<'_>,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Option<T> {
        self.keys.add(key, Shape::from(wanted));
        let node = self.ask(key)?;
        let value = read(&node.value);
        if value.is_none() {
            self.mismatch(key, &node, wanted);
        }
        value
    }

    fn listed_string(&mut self, key: &str, item: &Node) -> Option<String> {
        let string = item.value.text().map(str::to_owned);
        if string.is_none() {
            self.mismatch(key, item, &Wanted::Text);
        }
        string
    }

    /// The items of the list at `key`, if there is one.
    fn items(&mut self, key: &str) -> Option<Vec<Node>> {
        let node = self.ask(key)?;
        if let Value::List(items) = node.value {
            return Some(items);
        }
        self.mismatch(key, &node, &Wanted::List);
        None
    }

    /// The entries of the mapping at `key`. One whose entries are all commented out is null, and is empty too.
    fn entries(&mut self, key: &str) -> Vec<Entry> {
        let Some(node) = self.ask(key) else {
            return Vec::new();
        };
        match node.value {
            Value::Mapping(entries) => entries,
            Value::Null => Vec::new(),
            Value::Flag(_)
            | Value::Integer(_)
            | Value::Number(_)
            | Value::Text(_)
            | Value::List(_) => {
                self.mismatch(key, &node, &Wanted::Mapping);
                Vec::new()
            }
        }
    }

    /// One mapping for each key and text.
    fn default_items(&self, default: &[(&str, &str)]) -> Vec<Node> {
        default
            .iter()
            .map(|entry| self.default_item(entry))
            .collect()
    }

    /// A mapping that holds this key and text and nothing else.
    fn default_item(&self, (key, text): &(&str, &str)) -> Node {
        let place = &self.node.place;
        let entry = Entry {
            key: (*key).to_owned(),
            key_place: place.clone(),
            node: Node::new(Value::Text((*text).to_owned()), place),
        };
        Node::new(Value::Mapping(vec![entry]), place)
    }

    fn child(&self, key: &str, node: Node) -> Self {
        Self {
            path: node.path.clone().unwrap_or_else(|| self.path_of(key)),
            node,
            asked: Vec::new(),
            effective: Vec::new(),
            problems: Vec::new(),
            keys: Keys::default(),
            declaring: self.declaring,
            alternatives: Vec::new(),
        }
    }

    fn close(&mut self, child: Self) -> (Effective, Keys) {
        let keys = child.declared();
        let (effective, problems) = child.finish();
        self.problems.extend(problems);
        (effective, keys)
    }

    fn mismatch(&mut self, key: &str, node: &Node, wanted: &Wanted<'_>) {
        let path = node.path.clone().unwrap_or_else(|| self.path_of(key));
        self.problems
            .push(Problem::new(&node.place, path, wanted.message(&node.value)));
    }

    /// The path of a value of this mapping, or of one further down.
    fn path_of(&self, key: &str) -> String {
        let first = key.split(['.', '[']).next().unwrap_or(key);
        let entry = self.node.entry(key).or_else(|| self.node.entry(first));
        if let Some(entry) = entry
            && let Some(path) = &entry.node.path
        {
            let below = key.strip_prefix(entry.key.as_str()).unwrap_or_default();
            return format!("{path}{below}");
        }
        match (self.path.is_empty(), key.is_empty()) {
            (true, _) => key.to_owned(),
            (false, true) => self.path.clone(),
            (false, false) => format!("{}.{key}", self.path),
        }
    }
}
