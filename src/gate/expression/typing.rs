//! Gives every part of an expression its type, and compiles it on the way.

use std::ops::Range;

use super::field::{FIELDS, Field, Read};
use super::mistake::Mistake;
use super::program::{Condition, List, Loop, Number, Part, Pattern, Text};
use super::syntax::{Comparison, Junction, Operator, Syntax, SyntaxKind};
use crate::document::closest;
use crate::limits::EXPRESSION_LOOPS_MAX;

/// A compiled expression, and the fields that it reads, each once.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) condition: Condition,
    pub(super) fields: Vec<&'static Field>,
}

/// Compiles an expression that must be true or false.
///
/// # Errors
/// The first part that does not fit.
pub(super) fn compile(syntax: &Syntax) -> Result<Compiled, Mistake> {
    let mut typing = Typing::default();
    let condition = typing.condition(syntax, "the expression")?;
    Ok(Compiled {
        condition,
        fields: typing.fields,
    })
}

/// A part of which the type is known.
enum Typed {
    Condition(Condition),
    Number(Number),
    Text(Text),
    Texts(List),
    /// A list of numbers, good for `in` only.
    Numbers(Vec<f64>),
}

impl Typed {
    const fn name(&self) -> &'static str {
        match self {
            Self::Condition(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::Texts(_) => "a list of texts",
            Self::Numbers(_) => "a list of numbers",
        }
    }
}

#[derive(Default)]
struct Typing {
    fields: Vec<&'static Field>,
    /// Variables of the loops around the part, outermost first.
    variables: Vec<String>,
}

type Compiling<T> = Result<T, Mistake>;

impl Typing {
    fn part(&mut self, syntax: &Syntax) -> Compiling<Typed> {
        Ok(match &syntax.kind {
            SyntaxKind::Number(number) => Typed::Number(Number::Constant(*number)),
            SyntaxKind::Text(text) => Typed::Text(Text::Constant(bytes(text))),
            SyntaxKind::Flag(flag) => Typed::Condition(Condition::Constant(*flag)),
            SyntaxKind::List(entries) => constants(syntax, entries)?,
            SyntaxKind::Name(name) => self.name(name, syntax)?,
            SyntaxKind::Not(operand) => Typed::Condition(Condition::Not(Box::new(
                self.condition(operand, "what ! negates")?,
            ))),
            SyntaxKind::Negative(operand) => {
                let number = self.number(operand, "what - negates")?;
                Typed::Number(Number::Negative(Box::new(number)))
            }
            SyntaxKind::Chain(junction, parts) => Typed::Condition(self.chain(*junction, parts)?),
            SyntaxKind::Binary(operator, sides) => self.binary(*operator, syntax, sides)?,
            SyntaxKind::Choice(choice) => self.choice(syntax, choice)?,
            SyntaxKind::Call(name, receiver, arguments) => {
                self.call(name, syntax, receiver.as_deref(), arguments)?
            }
        })
    }

    /// A field or a variable.
    fn name(&mut self, name: &str, syntax: &Syntax) -> Compiling<Typed> {
        if let Some(depth) = self.variables.iter().position(|variable| variable == name) {
            return Ok(Typed::Text(Text::Variable(depth)));
        }
        let field = self.field(name, &syntax.at)?;
        Ok(match field.read {
            Read::Number(read) => Typed::Number(Number::Field(read)),
            Read::Text(read) => Typed::Text(Text::Field(read)),
            Read::Texts(read) => Typed::Texts(List::Field(read)),
            Read::Flag(read) => Typed::Condition(Condition::Field(read)),
        })
    }

    fn field(&mut self, name: &str, at: &Range<usize>) -> Compiling<&'static Field> {
        let Some(field) = Field::named(name) else {
            return Err(Mistake::new(at.clone(), self.unknown(name)));
        };
        if !self.fields.iter().any(|known| known.name == name) {
            self.fields.push(field);
        }
        Ok(field)
    }

    fn unknown(&self, name: &str) -> String {
        let variables = self.variables.iter().map(String::as_str);
        let known = FIELDS.iter().map(|field| field.name).chain(variables);
        if let Some(meant) = closest(name, known) {
            return format!("unknown field {name}; did you mean {meant}?");
        }
        let family = name.split('.').next();
        let mut relatives: Vec<_> = FIELDS.iter().map(|field| field.name).collect();
        relatives.retain(|relative| relative.split('.').next() == family);
        if relatives.is_empty() {
            return format!(
                "unknown field {name}; fields begin with {}",
                families().join(", ")
            );
        }
        format!("unknown field {name}; known are {}", relatives.join(", "))
    }

    fn chain(&mut self, junction: Junction, parts: &[Syntax]) -> Compiling<Condition> {
        let role = match junction {
            Junction::And => "either side of &&",
            Junction::Or => "either side of ||",
        };
        let parts = parts.iter().map(|part| self.condition(part, role));
        Ok(Condition::Chain(junction, parts.collect::<Compiling<_>>()?))
    }

    fn binary(
        &mut self,
        operator: Operator,
        syntax: &Syntax,
        [left, right]: &[Syntax; 2],
    ) -> Compiling<Typed> {
        match operator {
            Operator::Calculate(arithmetic) => {
                let role = "what is calculated with";
                let sides = [self.number(left, role)?, self.number(right, role)?];
                Ok(Typed::Number(Number::Arithmetic(
                    arithmetic,
                    Box::new(sides),
                )))
            }
            Operator::Compare(comparison) => {
                let sides = [self.part(left)?, self.part(right)?];
                compare(comparison, syntax, sides).map(Typed::Condition)
            }
            Operator::In => {
                let sides = [self.part(left)?, self.part(right)?];
                contained(syntax, sides).map(Typed::Condition)
            }
        }
    }

    fn choice(
        &mut self,
        syntax: &Syntax,
        [condition, then, otherwise]: &[Syntax; 3],
    ) -> Compiling<Typed> {
        let condition = self.condition(condition, "what stands before ?")?;
        match (self.part(then)?, self.part(otherwise)?) {
            (Typed::Condition(then), Typed::Condition(otherwise)) => {
                Ok(Typed::Condition(Condition::Choice(Box::new([
                    condition, then, otherwise,
                ]))))
            }
            (Typed::Number(then), Typed::Number(otherwise)) => Ok(Typed::Number(Number::Choice(
                Box::new((condition, [then, otherwise])),
            ))),
            (Typed::Text(then), Typed::Text(otherwise)) => Ok(Typed::Text(Text::Choice(Box::new(
                (condition, [then, otherwise]),
            )))),
            (then, otherwise) => {
                let types = format!("{} or {}", then.name(), otherwise.name());
                let message =
                    format!("cannot choose between {types}; choose numbers, texts or conditions");
                Err(Mistake::new(syntax.at.clone(), message))
            }
        }
    }

    fn call(
        &mut self,
        name: &str,
        syntax: &Syntax,
        receiver: Option<&Syntax>,
        arguments: &[Syntax],
    ) -> Compiling<Typed> {
        let condition = match (name, receiver, arguments) {
            ("size", None, [of]) | ("size", Some(of), []) => {
                return self.size(of).map(Typed::Number);
            }
            ("has", None, [field]) => self.has(field)?,
            ("startsWith", Some(whole), [wanted]) => self.text_part(Part::Start, whole, wanted)?,
            ("endsWith", Some(whole), [wanted]) => self.text_part(Part::End, whole, wanted)?,
            ("contains", Some(whole), [wanted]) => self.text_part(Part::Anywhere, whole, wanted)?,
            ("matches", Some(text), [pattern]) => self.matches(text, pattern)?,
            ("exists", Some(list), [variable, condition]) => {
                self.repeat(Junction::Or, list, variable, condition)?
            }
            ("all", Some(list), [variable, condition]) => {
                self.repeat(Junction::And, list, variable, condition)?
            }
            _ => return Err(Mistake::new(syntax.at.clone(), misused(name))),
        };
        Ok(Typed::Condition(condition))
    }

    fn size(&mut self, of: &Syntax) -> Compiling<Number> {
        let part = self.part(of)?;
        let found = part.name();
        if let Typed::Texts(list) = part {
            Ok(Number::Entries(list))
        } else if let Typed::Text(text) = part {
            Ok(Number::Characters(Box::new(text)))
        } else {
            let role = "what size() counts";
            Err(wanted(of, role, "a text or a list of texts", found))
        }
    }

    fn has(&mut self, field: &Syntax) -> Compiling<Condition> {
        let SyntaxKind::Name(name) = &field.kind else {
            return Err(Mistake::new(field.at.clone(), "has() takes a field"));
        };
        match self.field(name, &field.at)?.read {
            Read::Number(read) => Ok(Condition::HasNumber(read)),
            Read::Text(read) => Ok(Condition::HasText(Text::Field(read))),
            Read::Texts(read) => Ok(Condition::HasEntry(List::Field(read))),
            Read::Flag(_) => {
                let message = format!("{name} is always there: absent, it is false");
                Err(Mistake::new(field.at.clone(), message))
            }
        }
    }

    fn text_part(&mut self, part: Part, whole: &Syntax, wanted: &Syntax) -> Compiling<Condition> {
        let whole = self.text(whole, "what is looked at")?;
        let wanted = self.text(wanted, "what is looked for")?;
        Ok(Condition::Part(part, Box::new([whole, wanted])))
    }

    fn matches(&mut self, text: &Syntax, pattern: &Syntax) -> Compiling<Condition> {
        let text = self.text(text, "what is looked at")?;
        let SyntaxKind::Text(source) = &pattern.kind else {
            let message = "the pattern of matches() must be a text in quotes";
            return Err(Mistake::new(pattern.at.clone(), message));
        };
        let pattern = Pattern::compile(source).map_err(|error| {
            let message = format!("the pattern {error}");
            Mistake::new(pattern.at.clone(), message)
        })?;
        Ok(Condition::Matches(Box::new((text, pattern))))
    }

    fn repeat(
        &mut self,
        junction: Junction,
        list: &Syntax,
        variable: &Syntax,
        condition: &Syntax,
    ) -> Compiling<Condition> {
        let depth = self.variables.len();
        if depth == EXPRESSION_LOOPS_MAX {
            let message = format!("more than {EXPRESSION_LOOPS_MAX} loops in one another");
            return Err(Mistake::new(list.at.clone(), message));
        }
        let part = self.part(list)?;
        let found = part.name();
        let Typed::Texts(list) = part else {
            let role = "what is gone through";
            return Err(wanted(list, role, "a list of texts", found));
        };
        let variable = self.variable(variable)?;
        self.variables.push(variable);
        let condition = self.condition(condition, "what is asked of each entry");
        self.variables.pop();
        Ok(Condition::Loop(Box::new(Loop {
            junction,
            list,
            depth,
            condition: condition?,
        })))
    }

    /// A new name, which means nothing else.
    fn variable(&self, syntax: &Syntax) -> Compiling<String> {
        let message = if let SyntaxKind::Name(name) = &syntax.kind {
            if name.contains('.') {
                "a variable has no dot"
            } else if families().contains(&name.as_str()) {
                "fields begin with this name; choose another one for the variable"
            } else if self.variables.contains(name) {
                "a loop around this one has a variable of this name; choose another one"
            } else {
                return Ok(name.clone());
            }
        } else {
            "a name for the entry is expected here: exists(entry, condition)"
        };
        Err(Mistake::new(syntax.at.clone(), message))
    }

    fn condition(&mut self, syntax: &Syntax, role: &str) -> Compiling<Condition> {
        let part = self.part(syntax)?;
        let found = part.name();
        if let Typed::Condition(condition) = part {
            Ok(condition)
        } else {
            Err(wanted(syntax, role, "true or false", found))
        }
    }

    fn number(&mut self, syntax: &Syntax, role: &str) -> Compiling<Number> {
        let part = self.part(syntax)?;
        let found = part.name();
        if let Typed::Number(number) = part {
            Ok(number)
        } else {
            Err(wanted(syntax, role, "a number", found))
        }
    }

    fn text(&mut self, syntax: &Syntax, role: &str) -> Compiling<Text> {
        let part = self.part(syntax)?;
        let found = part.name();
        if let Typed::Text(text) = part {
            Ok(text)
        } else {
            Err(wanted(syntax, role, "a text", found))
        }
    }
}

fn compare(
    comparison: Comparison,
    syntax: &Syntax,
    [left, right]: [Typed; 2],
) -> Compiling<Condition> {
    let equal = match comparison {
        Comparison::Equal => Some(true),
        Comparison::NotEqual => Some(false),
        Comparison::Less
        | Comparison::LessOrEqual
        | Comparison::Greater
        | Comparison::GreaterOrEqual => None,
    };
    let message = match (left, right, equal) {
        (Typed::Number(left), Typed::Number(right), _) => {
            return Ok(Condition::Numbers(comparison, Box::new([left, right])));
        }
        (Typed::Text(left), Typed::Text(right), _) => {
            return Ok(Condition::Texts(comparison, Box::new([left, right])));
        }
        (Typed::Condition(left), Typed::Condition(right), Some(equal)) => {
            return Ok(Condition::Equal(equal, Box::new([left, right])));
        }
        (Typed::Condition(_), Typed::Condition(_), None) => {
            "true and false have no order; use == or !=".to_owned()
        }
        (Typed::Texts(_), Typed::Texts(_), _) => {
            "cannot compare lists; use in, exists(), all() or size()".to_owned()
        }
        (left, right, _) => format!("cannot compare {} with {}", left.name(), right.name()),
    };
    Err(Mistake::new(syntax.at.clone(), message))
}

fn contained(syntax: &Syntax, sides: [Typed; 2]) -> Compiling<Condition> {
    let message = match sides {
        [Typed::Text(text), Typed::Texts(List::Constant(entries))] => {
            let mut entries = entries.into_vec();
            entries.sort_unstable();
            return Ok(Condition::AmongTexts(Box::new(text), entries.into()));
        }
        [Typed::Text(text), Typed::Texts(list)] => {
            return Ok(Condition::InList(Box::new(text), list));
        }
        [Typed::Number(number), Typed::Numbers(mut entries)] => {
            entries.sort_unstable_by(f64::total_cmp);
            return Ok(Condition::AmongNumbers(Box::new(number), entries.into()));
        }
        [Typed::Text(_), Typed::Text(_)] => {
            "cannot look into a text with in; use contains()".to_owned()
        }
        [left, right] => format!("cannot look for {} in {}", left.name(), right.name()),
    };
    Err(Mistake::new(syntax.at.clone(), message))
}

/// A list that stands in the expression: all texts, or all numbers.
fn constants(syntax: &Syntax, entries: &[Syntax]) -> Compiling<Typed> {
    let mut texts = Vec::new();
    let mut numbers = Vec::new();
    for entry in entries {
        if let SyntaxKind::Text(text) = &entry.kind {
            texts.push(bytes(text));
        } else if let Some(number) = constant_number(&entry.kind) {
            numbers.push(number);
        } else {
            let message = "a list in brackets holds texts or numbers and nothing else";
            return Err(Mistake::new(entry.at.clone(), message));
        }
    }
    match (texts.is_empty(), numbers.is_empty()) {
        (false, true) => Ok(Typed::Texts(List::Constant(texts.into()))),
        (true, false) => Ok(Typed::Numbers(numbers)),
        (true, true) => Err(Mistake::new(
            syntax.at.clone(),
            "a list in brackets may not be empty",
        )),
        (false, false) => {
            let message = "a list in brackets holds either texts or numbers";
            Err(Mistake::new(syntax.at.clone(), message))
        }
    }
}

fn constant_number(kind: &SyntaxKind) -> Option<f64> {
    if let SyntaxKind::Negative(number) = kind {
        // Taken from 0, because -0 is no number of its own here.
        return constant_number(&number.kind).map(|number| 0.0 - number);
    }
    if let SyntaxKind::Number(number) = kind {
        Some(*number)
    } else {
        None
    }
}

fn wanted(syntax: &Syntax, role: &str, wanted: &str, found: &str) -> Mistake {
    let message = format!("{role} must be {wanted}, found {found}");
    Mistake::new(syntax.at.clone(), message)
}

/// Every function, as it is written.
const FUNCTIONS: [(&str, &str); 8] = [
    ("size", "size(text_or_list)"),
    ("has", "has(field)"),
    ("startsWith", "text.startsWith(text)"),
    ("endsWith", "text.endsWith(text)"),
    ("contains", "text.contains(text)"),
    ("matches", "text.matches(\"pattern\")"),
    ("exists", "list.exists(entry, condition)"),
    ("all", "list.all(entry, condition)"),
];

fn misused(name: &str) -> String {
    if let Some((_, form)) = FUNCTIONS.iter().find(|(known, _)| *known == name) {
        return format!("{name} is written {form}");
    }
    let known = FUNCTIONS.iter().map(|(known, _)| *known);
    match closest(name, known.clone()) {
        Some(meant) => format!("unknown function {name}; did you mean {meant}?"),
        None => format!(
            "unknown function {name}; known are {}",
            known.collect::<Vec<_>>().join(", ")
        ),
    }
}

/// The names with which fields begin.
fn families() -> Vec<&'static str> {
    let mut families: Vec<_> = FIELDS
        .iter()
        .filter_map(|field| field.name.split('.').next())
        .collect();
    families.dedup();
    families
}

fn bytes(text: &str) -> Box<[u8]> {
    text.as_bytes().into()
}
