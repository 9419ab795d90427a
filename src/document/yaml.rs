//! From YAML text to [`Node`]s.
//!
//! The parser's events are read by hand, so that nesting is bounded before anything recurses, every repeated key is
//! reported at its place, and nothing is ever expanded: aliases and tags are refused.
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};

use super::node::{Entry, Node, Value};
use super::problem::{Problem, Problems};
use crate::limits::DOCUMENT_DEPTH_MAX;

/// Where YAML text comes from.
#[derive(Debug)]
pub(super) enum Origin<'a> {
    /// A file, in which places have a line and a column.
    File(&'a str),
    /// The flag or variable `name`, which gives the key at `path`.
    Setting { name: &'a str, path: &'a str },
}

/// Parses one document. Keys that stand twice are added to `problems`, and the first one counts.
///
/// # Errors
/// The first thing that keeps the text from being one YAML document.
pub(super) fn parse(
    text: &str,
    origin: &Origin<'_>,
    problems: &mut Vec<Problem>,
) -> Result<Node, Problems> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let path = match origin {
        Origin::File(_) => String::new(),
        Origin::Setting { path, .. } => (*path).to_owned(),
    };
    let parser = Parser::new_from_str(text);
    let mut reader = Reader {
        parser,
        origin,
        path,
        problems,
    };
    reader.document()
}

struct Reader<'i, 'o> {
    parser: Parser<'i, StrInput<'i>>,
    origin: &'o Origin<'o>,
    /// Path of the value being read.
    path: String,
    problems: &'o mut Vec<Problem>,
}

impl<'i> Reader<'i, '_> {
    fn document(&mut self) -> Result<Node, Problems> {
        loop {
            let (event, span) = self.next()?;
            if event == Event::StreamEnd {
                return Ok(self.empty(span));
            }
            if !matches!(event, Event::StreamStart | Event::DocumentStart(_)) {
                let root = self.node(event, span, 0)?;
                self.end()?;
                return Ok(root);
            }
        }
    }

    /// Text without content: an empty mapping in a file, nothing in a setting.
    fn empty(&self, span: Span) -> Node {
        let value = match self.origin {
            Origin::File(_) => Value::Mapping(Vec::new()),
            Origin::Setting { .. } => Value::Null,
        };
        Node {
            value,
            place: self.place(&span.start),
            path: None,
        }
    }

    fn end(&mut self) -> Result<(), Problems> {
        loop {
            let (event, span) = self.next()?;
            if event == Event::StreamEnd {
                return Ok(());
            }
            if matches!(event, Event::DocumentStart(_)) {
                let message = "a second document begins here; keep one document in a file";
                return Err(self.problem(&span.start, message));
            }
        }
    }

    fn node(&mut self, event: Event<'i>, span: Span, depth: u32) -> Result<Node, Problems> {
        if depth > DOCUMENT_DEPTH_MAX {
            return Err(self.problem(
                &span.start,
                &format!("nesting is deeper than {DOCUMENT_DEPTH_MAX} levels"),
            ));
        }
        let place = self.place(&span.start);
        let value = match event {
            Event::Scalar(text, style, _, tag) => {
                self.refuse_tag(tag.as_deref(), &span)?;
                scalar(&text, style)
            }
            Event::SequenceStart(_, tag) => {
                self.refuse_tag(tag.as_deref(), &span)?;
                Value::List(self.items(depth)?)
            }
            Event::MappingStart(_, tag) => {
                self.refuse_tag(tag.as_deref(), &span)?;
                Value::Mapping(self.entries(depth)?)
            }
            Event::Alias(_) => {
                return Err(self.problem(
                    &span.start,
                    "aliases are not supported; write the value out",
                ));
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => {
                return Err(self.problem(&span.start, "a value is missing here"));
            }
        };
        Ok(Node {
            value,
            place,
            path: None,
        })
    }

    fn items(&mut self, depth: u32) -> Result<Vec<Node>, Problems> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => {
                    let step = format!("[{}]", items.len());
                    items.push(self.below(&step, event, span, depth)?);
                }
            }
        }
    }

    fn entries(&mut self, depth: u32) -> Result<Vec<Entry>, Problems> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(entries);
            }
            let Event::Scalar(key, ..) = event else {
                return Err(self.problem(&span.start, "a key must be a plain word"));
            };
            let key = key.into_owned();
            let dot = if self.path.is_empty() { "" } else { "." };
            let step = format!("{dot}{key}");
            let (event, value_span) = self.next()?;
            let node = self.below(&step, event, value_span, depth)?;
            let key_place = self.place(&span.start);
            match entries.iter().find(|entry| entry.key == key) {
                Some(first) => {
                    let message = format!(
                        "stands here again, first at {}; remove one",
                        first.key_place
                    );
                    let path = format!("{}{step}", self.path);
                    self.problems.push(Problem::new(key_place, path, message));
                }
                None => entries.push(Entry {
                    key,
                    key_place,
                    node,
                }),
            }
        }
    }

    /// Reads a value that is one step further down.
    fn below(
        &mut self,
        step: &str,
        event: Event<'i>,
        span: Span,
        depth: u32,
    ) -> Result<Node, Problems> {
        let parent = self.path.len();
        self.path.push_str(step);
        let node = self.node(event, span, depth + 1)?;
        self.path.truncate(parent);
        Ok(node)
    }

    fn next(&mut self) -> Result<(Event<'i>, Span), Problems> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(self.syntax(&error)),
            None => Err(self.problem(&Marker::default(), "the text ends too early")),
        }
    }

    fn refuse_tag(&self, tag: Option<&Tag>, span: &Span) -> Result<(), Problems> {
        match tag {
            Some(_) => Err(self.problem(&span.start, "tags are not supported; remove it")),
            None => Ok(()),
        }
    }

    fn syntax(&self, error: &ScanError) -> Problems {
        self.problem(error.marker(), &format!("is not YAML: {}", error.info()))
    }

    fn problem(&self, marker: &Marker, message: &str) -> Problems {
        Problem::new(self.place(marker), &self.path, message).into()
    }

    fn place(&self, marker: &Marker) -> String {
        match self.origin {
            Origin::File(name) => format!("{name}:{}:{}", marker.line().max(1), marker.col() + 1),
            Origin::Setting { name, .. } => (*name).to_owned(),
        }
    }
}

/// What a scalar holds: by the YAML 1.2 core schema when it is plain, else a text.
pub(super) fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style != ScalarStyle::Plain {
        return Value::Text(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Flag(true),
        "false" | "False" | "FALSE" => Value::Flag(false),
        _ => number(text).unwrap_or_else(|| Value::Text(text.to_owned())),
    }
}

fn number(text: &str) -> Option<Value> {
    match text {
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Some(Value::Number(f64::INFINITY));
        }
        "-.inf" | "-.Inf" | "-.INF" => return Some(Value::Number(f64::NEG_INFINITY)),
        ".nan" | ".NaN" | ".NAN" => return Some(Value::Number(f64::NAN)),
        _ => {}
    }
    // Rust's parsers accept the words inf and nan too, which YAML takes for text.
    let numeric = text
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    if !numeric {
        return None;
    }
    text.parse()
        .map(Value::Integer)
        .or_else(|_| text.parse().map(Value::Number))
        .ok()
}

fn radix(digits: &str, radix: u32) -> Option<Value> {
    let unsigned = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if unsigned {
        i128::from_str_radix(digits, radix).ok().map(Value::Integer)
    } else {
        None
    }
}
