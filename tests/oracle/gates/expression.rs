//! Expression gates, by `docs/gates/expression.md`: read and evaluated in one naive way, without types, copying
//! everything. It reads valid expressions only.
use super::super::auction::{Auction, Bid, categories, is_set, objects, taxonomy, text};
use super::super::json::Node;
use super::Finding;

/// The page's table "What a bid gets".
pub(crate) fn judge(
    source: &str,
    reason: &'static str,
    auction: &Auction<'_>,
    bid: &Bid<'_>,
) -> Option<Finding> {
    let mut reader = Reader::new(source);
    let tree = reader.choice();
    assert_eq!(reader.peek(), "", "{source} is read to its end");
    match tree.value(&Scope { auction, bid }, &[]) {
        Value::Flag(true) => None,
        Value::Flag(false) => Some(Finding::Fails(reason)),
        Value::Unknown => Some(Finding::Fails("expression_unknown")),
        value @ (Value::Number(_) | Value::Text(_) | Value::List(_)) => {
            panic!("{source} is {value:?}")
        }
    }
}

#[derive(Clone, Debug)]
enum Tree {
    Constant(Value),
    Name(String),
    /// An operator or function and what it is applied to; what stands before a dot comes first.
    Apply(String, Vec<Self>),
}

#[derive(Clone, Debug, PartialEq, PartialOrd)]
enum Value {
    /// "A number that is absent, or no finite double", and what depends on it.
    Unknown,
    Flag(bool),
    Number(f64),
    Text(String),
    List(Vec<Self>),
}

/// One function for each level of binding, the weakest first.
struct Reader {
    words: Vec<String>,
    at: usize,
}

impl Reader {
    fn new(source: &str) -> Self {
        let mut words = Vec::new();
        let mut rest = source.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = match first {
                '"' | '\'' => quoted_length(rest, first),
                '0'..='9' => number_length(rest),
                _ if first.is_alphanumeric() => rest
                    .find(|c: char| !c.is_alphanumeric() && c != '_')
                    .unwrap_or(rest.len()),
                _ if ["&&", "||", "<=", ">=", "==", "!="]
                    .contains(&rest.get(..2).unwrap_or("")) =>
                {
                    2
                }
                _ => 1,
            };
            let (word, behind) = rest.split_at(length);
            words.push(word.to_owned());
            rest = behind.trim_start();
        }
        Self { words, at: 0 }
    }

    fn peek(&self) -> &str {
        self.words.get(self.at).map_or("", String::as_str)
    }

    fn next(&mut self) -> String {
        let word = self.peek().to_owned();
        self.at += 1;
        word
    }

    fn eat(&mut self, word: &str) -> bool {
        let eaten = self.peek() == word;
        self.at += usize::from(eaten);
        eaten
    }

    fn choice(&mut self) -> Tree {
        let condition = self.infix(&INFIXES);
        if !self.eat("?") {
            return condition;
        }
        let then = self.choice();
        assert!(self.eat(":"), "a choice has an else");
        Tree::Apply("?".to_owned(), vec![condition, then, self.choice()])
    }

    fn infix(&mut self, levels: &[&[&str]]) -> Tree {
        let [signs, deeper @ ..] = levels else {
            return self.unary();
        };
        let mut left = self.infix(deeper);
        while signs.contains(&self.peek()) {
            let sign = self.next();
            left = Tree::Apply(sign, vec![left, self.infix(deeper)]);
        }
        left
    }

    fn unary(&mut self) -> Tree {
        if self.eat("!") {
            return Tree::Apply("not".to_owned(), vec![self.unary()]);
        }
        if self.eat("-") {
            return Tree::Apply("negative".to_owned(), vec![self.unary()]);
        }
        let mut tree = self.primary();
        while self.eat(".") {
            let name = self.next();
            tree = if self.peek() == "(" {
                self.call(name, vec![tree])
            } else if let Tree::Name(before) = tree {
                Tree::Name(format!("{before}.{name}"))
            } else {
                panic!("{tree:?} has no member {name}");
            };
        }
        tree
    }

    fn primary(&mut self) -> Tree {
        let word = self.next();
        match word.as_str() {
            "(" => {
                let tree = self.choice();
                assert!(self.eat(")"), "a parenthesis ends");
                tree
            }
            "[" => Tree::Apply("list".to_owned(), self.items("]")),
            "true" => Tree::Constant(Value::Flag(true)),
            "false" => Tree::Constant(Value::Flag(false)),
            _ if word.starts_with(['"', '\'']) => Tree::Constant(Value::Text(unquoted(&word))),
            _ if word.starts_with(|c: char| c.is_ascii_digit()) => {
                Tree::Constant(Value::Number(word.parse().unwrap()))
            }
            _ if self.peek() == "(" => self.call(word, Vec::new()),
            _ => Tree::Name(word),
        }
    }

    fn call(&mut self, name: String, mut operands: Vec<Tree>) -> Tree {
        assert!(self.eat("("), "a call has arguments");
        operands.extend(self.items(")"));
        Tree::Apply(name, operands)
    }

    fn items(&mut self, close: &str) -> Vec<Tree> {
        let mut items = Vec::new();
        while !self.eat(close) {
            items.push(self.choice());
            self.eat(",");
        }
        items
    }
}

/// "From the weakest to the strongest", `?:` being weaker and `!` and `-` stronger.
const INFIXES: [&[&str]; 5] = [
    &["||"],
    &["&&"],
    &["<", "<=", ">", ">=", "==", "!=", "in"],
    &["+", "-"],
    &["*", "/", "%"],
];

fn quoted_length(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if c == quote && !escaped {
            return at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    panic!("{rest} ends");
}

fn number_length(rest: &str) -> usize {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '.';
    let end = rest.find(|c| !part(c)).unwrap_or(rest.len());
    let (number, behind) = rest.split_at(end);
    // "1e-3"
    if number.ends_with(['e', 'E']) {
        let digits = behind.trim_start_matches('-');
        let more = digits.find(|c: char| !c.is_ascii_digit());
        return end + 1 + more.unwrap_or(digits.len());
    }
    end
}

fn unquoted(word: &str) -> String {
    let mut text = String::new();
    let mut escaped = false;
    let quote = &word.chars().take(1).collect::<String>();
    let within = word
        .strip_prefix(quote)
        .and_then(|rest| rest.strip_suffix(quote));
    for c in within.unwrap_or_default().chars() {
        match c {
            '\\' if !escaped => escaped = true,
            c => {
                let newline = escaped && c == 'n';
                text.push(if newline { '\n' } else { c });
                escaped = false;
            }
        }
    }
    text
}

struct Scope<'s> {
    auction: &'s Auction<'s>,
    bid: &'s Bid<'s>,
}

impl Tree {
    fn value(&self, scope: &Scope<'_>, variables: &[(String, Value)]) -> Value {
        match self {
            Self::Constant(value) => value.clone(),
            Self::Name(name) => {
                let variable = variables.iter().find(|(variable, _)| variable == name);
                variable.map_or_else(|| field(name, scope), |(_, value)| value.clone())
            }
            Self::Apply(name, operands) if matches!(name.as_str(), "exists" | "all") => {
                let [list, Self::Name(variable), condition] = &operands[..] else {
                    panic!("{name} has a list, a variable and a condition");
                };
                let Value::List(entries) = list.value(scope, variables) else {
                    panic!("{name} has a list");
                };
                let entries = entries.into_iter().map(|entry| {
                    let inner = [variables, &[(variable.clone(), entry)]].concat();
                    condition.value(scope, &inner)
                });
                settled(name == "exists", &entries.collect::<Vec<_>>())
            }
            Self::Apply(name, operands) => {
                let operands: Vec<_> = operands
                    .iter()
                    .map(|operand| operand.value(scope, variables))
                    .collect();
                applied(name, &operands)
            }
        }
    }
}

/// "Known when one side settles it, whatever the others are."
fn settled(settling: bool, parts: &[Value]) -> Value {
    if parts.contains(&Value::Flag(settling)) {
        Value::Flag(settling)
    } else if parts.contains(&Value::Unknown) {
        Value::Unknown
    } else {
        Value::Flag(!settling)
    }
}

fn applied(name: &str, operands: &[Value]) -> Value {
    match (name, operands) {
        ("||" | "&&", parts) => settled(name == "||", parts),
        ("list", entries) => Value::List(entries.to_vec()),
        ("has", [Value::Text(text)]) => Value::Flag(!text.is_empty()),
        ("has", [Value::List(entries)]) => Value::Flag(!entries.is_empty()),
        ("has", [value]) => Value::Flag(*value != Value::Unknown),
        ("?", [Value::Flag(holds), then, otherwise]) => {
            if *holds { then } else { otherwise }.clone()
        }
        // "Everything else is unknown when a part of it is."
        (_, operands) if operands.contains(&Value::Unknown) => Value::Unknown,
        ("not", [Value::Flag(flag)]) => Value::Flag(!flag),
        ("negative", [Value::Number(number)]) => Value::Number(-number),
        ("==", [left, right]) => Value::Flag(left == right),
        ("!=", [left, right]) => Value::Flag(left != right),
        ("<", [left, right]) => Value::Flag(left < right),
        ("<=", [left, right]) => Value::Flag(left <= right),
        (">", [left, right]) => Value::Flag(left > right),
        (">=", [left, right]) => Value::Flag(left >= right),
        ("in", [entry, Value::List(entries)]) => Value::Flag(entries.contains(entry)),
        ("+", [Value::Number(left), Value::Number(right)]) => number(left + right),
        ("-", [Value::Number(left), Value::Number(right)]) => number(left - right),
        ("*", [Value::Number(left), Value::Number(right)]) => number(left * right),
        ("/", [Value::Number(left), Value::Number(right)]) => number(left / right),
        ("%", [Value::Number(left), Value::Number(right)]) => number(left % right),
        ("size", [Value::Text(text)]) => count(text.chars().count()),
        ("size", [Value::List(entries)]) => count(entries.len()),
        ("startsWith", [Value::Text(text), Value::Text(part)]) => {
            Value::Flag(text.starts_with(part))
        }
        ("endsWith", [Value::Text(text), Value::Text(part)]) => Value::Flag(text.ends_with(part)),
        ("contains", [Value::Text(text), Value::Text(part)]) => Value::Flag(text.contains(part)),
        ("matches", [Value::Text(text), Value::Text(pattern)]) => {
            Value::Flag(matches(pattern, text))
        }
        _ => panic!("{name} of {operands:?}"),
    }
}

fn count(count: usize) -> Value {
    Value::Number(u32::try_from(count).unwrap().into())
}

/// "A result that is not finite is unknown."
fn number(number: f64) -> Value {
    if number.is_finite() {
        Value::Number(number)
    } else {
        Value::Unknown
    }
}

/// Patterns of characters, `.`, `*`, `^` and `$` only.
fn matches(pattern: &str, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let pattern: Vec<char> = pattern.chars().collect();
    if pattern.first() == Some(&'^') {
        return matches_here(&pattern[1..], &text);
    }
    (0..=text.len()).any(|start| matches_here(&pattern, &text[start..]))
}

fn matches_here(pattern: &[char], text: &[char]) -> bool {
    let one = |c: char| {
        text.first()
            .is_some_and(|first| c == *first || c == '.' && *first != '\n')
    };
    match pattern {
        [] => true,
        ['$'] => text.is_empty(),
        [c, '*', rest @ ..] => {
            matches_here(rest, text) || one(*c) && matches_here(pattern, &text[1..])
        }
        [c, rest @ ..] => one(*c) && matches_here(rest, &text[1..]),
    }
}

/// The page's table of fields.
fn field(name: &str, scope: &Scope<'_>) -> Value {
    let Scope { auction, bid } = scope;
    let absent = Node::Object(Vec::new());
    let nothing = &absent;
    let child =
        |node: &'_ Node, key: &str| node.get(key).cloned().unwrap_or_else(|| absent.clone());
    let imp = bid
        .text("impid")
        .filter(|impid| !impid.is_empty())
        .and_then(|_| auction.imp_of(bid));
    let deal = imp.and_then(|imp| {
        let dealid = bid.text("dealid")?;
        objects(imp.get("pmp")?, "deals")
            .map(|(_, deal)| deal)
            .find(|deal| text(deal, "id") == Some(dealid))
    });
    let (family, key) = name.split_once('.').unwrap();
    match (family, key) {
        ("request", "tmax") => any_number(auction.request, key),
        ("request", "coppa") => {
            let regs = child(auction.request, "regs");
            Value::Flag(is_set(&regs, "coppa") || is_set(&child(&regs, "ext"), "coppa"))
        }
        ("request", "bcat" | "acat") => trimmed(categories(auction.request, key)),
        ("request", "cattax") => Value::Number(taxonomy(auction.request).parse().unwrap()),
        ("site" | "app", "content.cat" | "content.contentrating") => {
            let content = child(&child(auction.request, family), "content");
            match key {
                "content.cat" => trimmed(categories(&content, "cat")),
                _ => any_text(&content, "contentrating"),
            }
        }
        ("app", key) => any_text(&child(auction.request, "app"), key),
        ("imp", "bidfloor") => any_number(imp.unwrap_or(nothing), key),
        ("deal", "bidfloor") => any_number(deal.unwrap_or(nothing), key),
        ("imp", "bidfloorcur") => {
            imp.map_or(Value::Text(String::new()), |it| currency(text(it, key)))
        }
        ("deal", "bidfloorcur") => {
            deal.map_or(Value::Text(String::new()), |it| currency(text(it, key)))
        }
        ("imp", "id") => any_text(imp.unwrap_or(nothing), key),
        ("deal", "id") => any_text(deal.unwrap_or(nothing), key),
        ("response", "cur") => currency(auction.cur.and_then(Node::text)),
        ("bid", "price") => any_number(bid.node, key),
        ("bid", "qagmediarating") => {
            let rating = bid.node.get(key).and_then(Node::integer);
            rating.map_or(Value::Unknown, |rating| number(rating.parse().unwrap()))
        }
        ("bid", "cattax") => Value::Number(bid.taxonomy().parse().unwrap()),
        ("bid", "cat") => trimmed(bid.categories()),
        ("bid", "adomain") => {
            let entries = bid.node.list("adomain").unwrap_or_default().iter();
            trimmed(
                entries
                    .map(|entry| entry.text().unwrap_or_default())
                    .collect(),
            )
        }
        ("bid", key) => any_text(bid.node, key),
        ("call", "agent_id") => Value::Text(auction.caller[0].to_owned()),
        ("call", "tool") => Value::Text(auction.caller[1].to_owned()),
        ("call", "latency_ms") => auction
            .latency_ms
            .filter(|latency| latency.is_finite())
            .map_or(Value::Unknown, Value::Number),
        _ => panic!("there is no field {name}"),
    }
}

fn any_text(node: &Node, key: &str) -> Value {
    Value::Text(text(node, key).unwrap_or_default().to_owned())
}

fn any_number(node: &Node, key: &str) -> Value {
    node.get(key)
        .and_then(Node::number)
        .map_or(Value::Unknown, number)
}

fn trimmed(entries: Vec<&str>) -> Value {
    let entries = entries
        .into_iter()
        .map(|entry| Value::Text(entry.trim_ascii().to_owned()));
    Value::List(entries.collect())
}

fn currency(code: Option<&str>) -> Value {
    let code = code.unwrap_or_default();
    Value::Text(if code.is_empty() { "USD" } else { code }.to_owned())
}
