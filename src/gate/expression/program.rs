//! A compiled expression: a closed tree of typed parts that reads an auction's views and allocates nothing.
//!
//! Every part gives a value or, as `None`, nothing: it is *unknown*. A number that is absent makes unknown whatever
//! depends on it, and `&&`, `||`, `exists` and `all` are known when one side settles them.

use std::cmp::Ordering;
use std::fmt;

use memchr::memmem;
use regex_automata::Input;
use regex_automata::dfa::Automaton as _;

use super::field::{Subject, TextList};
use super::syntax::{Arithmetic, Comparison, Junction};
use crate::automaton::{self, Automaton, BuildFault};
use crate::limits::EXPRESSION_LOOPS_MAX;

/// What is true, false or unknown.
#[derive(Debug)]
pub(super) enum Condition {
    Constant(bool),
    Field(fn(&Subject<'_>) -> bool),
    Not(Box<Self>),
    Chain(Junction, Box<[Self]>),
    Choice(Box<[Self; 3]>),
    /// The two agree, or not.
    Equal(bool, Box<[Self; 2]>),
    Numbers(Comparison, Box<[Number; 2]>),
    Texts(Comparison, Box<[Text; 2]>),
    /// Among numbers in ascending order.
    AmongNumbers(Box<Number>, Box<[f64]>),
    /// Among texts in ascending order.
    AmongTexts(Box<Text>, Box<[Box<[u8]>]>),
    InList(Box<Text>, List),
    /// The number is there and finite.
    HasNumber(fn(&Subject<'_>) -> Option<f64>),
    HasText(Text),
    HasEntry(List),
    Part(Part, Box<[Text; 2]>),
    Matches(Box<(Text, Pattern)>),
    Loop(Box<Loop>),
}

/// What is a number or unknown. Never NaN, never infinite.
#[derive(Debug)]
pub(super) enum Number {
    Constant(f64),
    Field(fn(&Subject<'_>) -> Option<f64>),
    Negative(Box<Self>),
    Arithmetic(Arithmetic, Box<[Self; 2]>),
    Choice(Box<(Condition, [Self; 2])>),
    /// Characters of a text.
    Characters(Box<Text>),
    Entries(List),
}

/// What is a text; unknown only where a choice is.
#[derive(Debug)]
pub(super) enum Text {
    Constant(Box<[u8]>),
    Field(for<'a> fn(&Subject<'a>) -> &'a [u8]),
    /// Of the loop at this depth.
    Variable(usize),
    Choice(Box<(Condition, [Self; 2])>),
}

/// What is a list of texts.
#[derive(Debug)]
pub(super) enum List {
    Constant(Box<[Box<[u8]>]>),
    Field(for<'a> fn(&Subject<'a>) -> TextList<'a>),
}

/// Where in the first text the second one must stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Start,
    End,
    Anywhere,
}

/// `list.exists(variable, condition)`, or with [`Junction::And`] `list.all(variable, condition)`.
#[derive(Debug)]
pub(super) struct Loop {
    pub(super) junction: Junction,
    pub(super) list: List,
    /// The variable: loops around this one.
    pub(super) depth: usize,
    pub(super) condition: Condition,
}

/// A regular expression.
pub(super) struct Pattern(Automaton);

impl Pattern {
    /// # Errors
    /// What is wrong with the expression.
    pub(super) fn compile(source: &str) -> Result<Self, BuildFault> {
        automaton::build(source).map(Self)
    }

    fn is_match(&self, text: &[u8]) -> bool {
        let input = Input::new(text).earliest(true);
        self.0
            .try_search_fwd(&input)
            .is_ok_and(|found| found.is_some())
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pattern").finish_non_exhaustive()
    }
}

/// One evaluation, of one bid.
#[derive(Debug)]
pub(super) struct Run<'r> {
    bid: &'r Subject<'r>,
    /// Entries that the loops are at, outermost first.
    variables: [&'r [u8]; EXPRESSION_LOOPS_MAX],
    /// What may still be looked at, in parts of the expression, entries of lists and [`STEP_BYTES`] of text.
    steps: &'r mut u32,
}

/// Bytes of text that are looked at in one step.
const STEP_BYTES: usize = 16;
/// A table is walked byte by byte, and costs that many times what a comparison does.
const SEARCH_FACTOR: usize = 4;

impl<'r> Run<'r> {
    pub(super) const fn new(bid: &'r Subject<'r>, steps: &'r mut u32) -> Self {
        Self {
            bid,
            variables: [&[]; EXPRESSION_LOOPS_MAX],
            steps,
        }
    }

    pub(super) fn condition(&mut self, condition: &'r Condition) -> Option<bool> {
        self.spend(0)?;
        match condition {
            Condition::Constant(constant) => Some(*constant),
            Condition::Field(read) => Some(read(self.bid)),
            Condition::Not(condition) => Some(!self.condition(condition)?),
            Condition::Chain(junction, parts) => {
                settle(*junction, parts.iter().map(|part| self.condition(part)))
            }
            Condition::Choice(choice) => {
                let [condition, then, otherwise] = &**choice;
                let holds = self.condition(condition)?;
                self.condition(if holds { then } else { otherwise })
            }
            Condition::Equal(equal, sides) => {
                let [left, right] = &**sides;
                Some((self.condition(left)? == self.condition(right)?) == *equal)
            }
            Condition::Numbers(comparison, sides) => {
                let [left, right] = &**sides;
                let order = self.number(left)?.partial_cmp(&self.number(right)?)?;
                Some(comparison.holds(order))
            }
            Condition::Texts(comparison, sides) => {
                let [left, right] = self.texts(sides)?;
                self.spend(left.len().min(right.len()))?;
                Some(comparison.holds(left.cmp(right)))
            }
            Condition::AmongNumbers(number, among) => {
                let number = self.number(number)?;
                let found = among.binary_search_by(|entry| entry.total_cmp(&number));
                Some(found.is_ok())
            }
            Condition::AmongTexts(text, among) => {
                let text = self.text(text)?;
                Some(among.binary_search_by(|entry| (**entry).cmp(text)).is_ok())
            }
            Condition::InList(text, list) => self.in_list(text, list),
            Condition::HasNumber(read) => Some(read(self.bid).is_some_and(f64::is_finite)),
            Condition::HasText(text) => Some(!self.text(text)?.is_empty()),
            Condition::HasEntry(list) => Some(self.entries(list) > 0),
            Condition::Part(part, texts) => self.part(*part, texts),
            Condition::Matches(sides) => {
                let (text, pattern) = &**sides;
                let text = self.text(text)?;
                self.spend(text.len() * SEARCH_FACTOR)?;
                Some(pattern.is_match(text))
            }
            Condition::Loop(repeated) => self.repeat(repeated),
        }
    }

    fn number(&mut self, number: &'r Number) -> Option<f64> {
        self.spend(0)?;
        let value = match number {
            Number::Constant(constant) => *constant,
            Number::Field(read) => read(self.bid)?,
            Number::Negative(number) => -self.number(number)?,
            Number::Arithmetic(arithmetic, sides) => {
                let [left, right] = &**sides;
                arithmetic.of(self.number(left)?, self.number(right)?)
            }
            Number::Choice(choice) => {
                let (condition, [then, otherwise]) = &**choice;
                let holds = self.condition(condition)?;
                self.number(if holds { then } else { otherwise })?
            }
            Number::Characters(text) => {
                let text = self.text(text)?;
                self.spend(text.len())?;
                count(
                    text.iter()
                        .filter(|byte| is_first_of_character(**byte))
                        .count(),
                )
            }
            Number::Entries(list) => count(self.entries(list)),
        };
        // Adding 0 makes one zero of the two.
        Some(value + 0.0).filter(|value| value.is_finite())
    }

    fn text(&mut self, text: &'r Text) -> Option<&'r [u8]> {
        self.spend(0)?;
        match text {
            Text::Constant(constant) => Some(constant),
            Text::Field(read) => Some(read(self.bid)),
            Text::Variable(depth) => self.variables.get(*depth).copied(),
            Text::Choice(choice) => {
                let (condition, [then, otherwise]) = &**choice;
                let holds = self.condition(condition)?;
                self.text(if holds { then } else { otherwise })
            }
        }
    }

    fn texts(&mut self, [left, right]: &'r [Text; 2]) -> Option<[&'r [u8]; 2]> {
        Some([self.text(left)?, self.text(right)?])
    }

    fn part(&mut self, part: Part, texts: &'r [Text; 2]) -> Option<bool> {
        let [whole, wanted] = self.texts(texts)?;
        let looked_at = match part {
            Part::Start | Part::End => wanted.len(),
            Part::Anywhere => whole.len() + wanted.len(),
        };
        self.spend(looked_at)?;
        Some(match part {
            Part::Start => whole.starts_with(wanted),
            Part::End => whole.ends_with(wanted),
            Part::Anywhere => memmem::find(whole, wanted).is_some(),
        })
    }

    fn in_list(&mut self, text: &'r Text, list: &'r List) -> Option<bool> {
        let text = self.text(text)?;
        self.spend(self.entries(list) * STEP_BYTES)?;
        Some(match list {
            List::Constant(entries) => entries.iter().any(|entry| **entry == *text),
            List::Field(read) => read(self.bid).iter().any(|entry| entry == text),
        })
    }

    fn entries(&self, list: &List) -> usize {
        match list {
            List::Constant(entries) => entries.len(),
            List::Field(read) => read(self.bid).len(),
        }
    }

    fn repeat(&mut self, repeated: &'r Loop) -> Option<bool> {
        let bid = self.bid;
        let mut judge = |entry: &'r [u8]| {
            if let Some(variable) = self.variables.get_mut(repeated.depth) {
                *variable = entry;
            }
            self.condition(&repeated.condition)
        };
        match &repeated.list {
            List::Constant(entries) => {
                settle(repeated.junction, entries.iter().map(|entry| judge(entry)))
            }
            List::Field(read) => settle(repeated.junction, read(bid).iter().map(judge)),
        }
    }

    /// Takes the step of a part, and those of the text that it looks at. None when the steps are used up.
    fn spend(&mut self, bytes: usize) -> Option<()> {
        let steps = u32::try_from(1 + bytes / STEP_BYTES).unwrap_or(u32::MAX);
        *self.steps = self.steps.saturating_sub(steps);
        (*self.steps > 0).then_some(())
    }
}

/// Whether all of the parts hold, or any of them does; unknown when none settles it and one is unknown.
fn settle(junction: Junction, parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let settling = junction == Junction::Or;
    let mut result = Some(!settling);
    for part in parts {
        match part {
            Some(holds) if holds == settling => return Some(settling),
            Some(_) => {}
            None => result = None,
        }
    }
    result
}

impl Comparison {
    const fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
        }
    }
}

impl Arithmetic {
    fn of(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Add => left + right,
            Self::Subtract => left - right,
            Self::Multiply => left * right,
            Self::Divide => left / right,
            Self::Remainder => left % right,
        }
    }
}

/// Bytes of UTF-8 that continue a character have the form 10xxxxxx.
const fn is_first_of_character(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}

#[expect(
    clippy::cast_precision_loss,
    reason = "what fits in a payload is below 2^31"
)]
const fn count(count: usize) -> f64 {
    count as f64
}
