//! An expression as it is written: words become a tree that knows no types.

use std::iter::Peekable;
use std::ops::Range;
use std::vec::IntoIter;

use super::mistake::Mistake;
use super::token::{Token, TokenKind, tokens};
use crate::limits::{EXPRESSION_BYTES_MAX, EXPRESSION_DEPTH_MAX};

/// A part of an expression, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Syntax {
    pub(super) at: Range<usize>,
    pub(super) kind: SyntaxKind,
    /// Levels of the tree from here down, at most [`EXPRESSION_DEPTH_MAX`]: what reads it may recurse.
    depth: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum SyntaxKind {
    Number(f64),
    Text(String),
    Flag(bool),
    List(Vec<Syntax>),
    /// A field or a variable: `bid.price`.
    Name(String),
    Not(Box<Syntax>),
    Negative(Box<Syntax>),
    /// Two or more with the same `&&` or `||` between them.
    Chain(Junction, Vec<Syntax>),
    Binary(Operator, Box<[Syntax; 2]>),
    /// Condition, then, else.
    Choice(Box<[Syntax; 3]>),
    /// A function, with what stands before its dot.
    Call(String, Option<Box<Syntax>>, Vec<Syntax>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Junction {
    And,
    Or,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Compare(Comparison),
    In,
    Calculate(Arithmetic),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// Reads a whole expression.
///
/// # Errors
/// The first thing that is not as the language has it, or exceeds a limit.
pub(super) fn parse(source: &str) -> Result<Syntax, Mistake> {
    if source.len() > EXPRESSION_BYTES_MAX {
        let message = format!("the expression is longer than {EXPRESSION_BYTES_MAX} bytes");
        return Err(Mistake::new(0..0, message));
    }
    let mut parser = Parser {
        tokens: tokens(source)?.into_iter().peekable(),
        end: source.len(),
        level: 0,
    };
    let syntax = parser.choice()?;
    match parser.tokens.next() {
        Some(Token { at, kind }) if kind != TokenKind::End => {
            let message = "an operator or the end is expected here";
            Err(Mistake::new(at, message))
        }
        _ => Ok(syntax),
    }
}

struct Parser {
    tokens: Peekable<IntoIter<Token>>,
    /// Bytes of the expression.
    end: usize,
    /// Calls of this parser within calls of it.
    level: usize,
}

/// What may stand between two operands.
#[derive(Clone, Copy)]
enum Infix {
    Junction(Junction),
    Operator(Operator),
}

/// Signs between operands, and how strongly they bind; all of them from left to right.
const INFIXES: [(&str, u8, Infix); 14] = [
    ("||", 1, Infix::Junction(Junction::Or)),
    ("&&", 2, Infix::Junction(Junction::And)),
    ("<", 3, Infix::Operator(Operator::Compare(Comparison::Less))),
    (
        "<=",
        3,
        Infix::Operator(Operator::Compare(Comparison::LessOrEqual)),
    ),
    (
        ">",
        3,
        Infix::Operator(Operator::Compare(Comparison::Greater)),
    ),
    (
        ">=",
        3,
        Infix::Operator(Operator::Compare(Comparison::GreaterOrEqual)),
    ),
    (
        "==",
        3,
        Infix::Operator(Operator::Compare(Comparison::Equal)),
    ),
    (
        "!=",
        3,
        Infix::Operator(Operator::Compare(Comparison::NotEqual)),
    ),
    ("in", 3, Infix::Operator(Operator::In)),
    (
        "+",
        4,
        Infix::Operator(Operator::Calculate(Arithmetic::Add)),
    ),
    (
        "-",
        4,
        Infix::Operator(Operator::Calculate(Arithmetic::Subtract)),
    ),
    (
        "*",
        5,
        Infix::Operator(Operator::Calculate(Arithmetic::Multiply)),
    ),
    (
        "/",
        5,
        Infix::Operator(Operator::Calculate(Arithmetic::Divide)),
    ),
    (
        "%",
        5,
        Infix::Operator(Operator::Calculate(Arithmetic::Remainder)),
    ),
];

impl Parser {
    /// `condition ? then : else`, which binds least.
    fn choice(&mut self) -> Result<Syntax, Mistake> {
        let condition = self.infix(0)?;
        if !self.eat("?") {
            return Ok(condition);
        }
        let then = self.descend(Self::choice)?;
        self.expect(":")?;
        let otherwise = self.descend(Self::choice)?;
        let at = condition.at.start..otherwise.at.end;
        node(
            at,
            SyntaxKind::Choice(Box::new([condition, then, otherwise])),
        )
    }

    /// Operands, and between them what binds more than `bound`.
    fn infix(&mut self, bound: u8) -> Result<Syntax, Mistake> {
        let mut left = self.unary()?;
        while let Some((binding, infix)) = self.peek_infix().filter(|(it, _)| *it > bound) {
            self.tokens.next();
            let right = self.infix(binding)?;
            let at = left.at.start..right.at.end;
            let kind = match infix {
                Infix::Junction(junction) => chain(junction, left, right),
                Infix::Operator(operator) => SyntaxKind::Binary(operator, Box::new([left, right])),
            };
            left = node(at, kind)?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Syntax, Mistake> {
        let start = self.place().start;
        let wrap = if self.eat("!") {
            SyntaxKind::Not
        } else if self.eat("-") {
            SyntaxKind::Negative
        } else {
            return self.postfix();
        };
        let operand = self.descend(Self::unary)?;
        node(start..operand.at.end, wrap(Box::new(operand)))
    }

    /// A primary with the calls behind it: `bid.adomain.exists(...)`.
    fn postfix(&mut self) -> Result<Syntax, Mistake> {
        let mut syntax = self.primary()?;
        while self.eat(".") {
            let dotted = self.name()?;
            let start = syntax.at.start;
            if self.eat("(") {
                let (arguments, end) = self.items(")")?;
                let call = SyntaxKind::Call(dotted.1, Some(Box::new(syntax)), arguments);
                syntax = node(start..end, call)?;
            } else if let SyntaxKind::Name(name) = &syntax.kind {
                let name = format!("{name}.{}", dotted.1);
                syntax = node(start..dotted.0.end, SyntaxKind::Name(name))?;
            } else {
                return Err(Mistake::new(
                    dotted.0,
                    "a function is expected here: .size()",
                ));
            }
        }
        Ok(syntax)
    }

    fn primary(&mut self) -> Result<Syntax, Mistake> {
        let end = self.end..self.end;
        let Some(Token { at, kind }) = self.tokens.next() else {
            return Err(Mistake::new(end, VALUE_EXPECTED));
        };
        let kind = match kind {
            TokenKind::Number(number) => SyntaxKind::Number(number),
            TokenKind::Text(text) => SyntaxKind::Text(text),
            TokenKind::Name(name) => return self.named(at, name),
            TokenKind::Sign("(") => {
                let inner = self.descend(Self::choice)?;
                let close = self.expect(")")?;
                let at = at.start..close.end;
                return Ok(Syntax { at, ..inner });
            }
            TokenKind::Sign("[") => {
                let (items, end) = self.items("]")?;
                return node(at.start..end, SyntaxKind::List(items));
            }
            TokenKind::Sign(_) | TokenKind::End => return Err(Mistake::new(at, VALUE_EXPECTED)),
        };
        node(at, kind)
    }

    /// What begins with a name: a constant, a function, or a field's first part.
    fn named(&mut self, at: Range<usize>, name: String) -> Result<Syntax, Mistake> {
        match name.as_str() {
            "true" => node(at, SyntaxKind::Flag(true)),
            "false" => node(at, SyntaxKind::Flag(false)),
            "null" => Err(Mistake::new(
                at,
                "there is no null; has(field) tells whether a field is there",
            )),
            "in" => Err(Mistake::new(at, VALUE_EXPECTED)),
            _ if self.eat("(") => {
                let (arguments, end) = self.items(")")?;
                node(at.start..end, SyntaxKind::Call(name, None, arguments))
            }
            _ => node(at, SyntaxKind::Name(name)),
        }
    }

    /// Expressions with commas between them, up to `close`; with where that ends.
    fn items(&mut self, close: &'static str) -> Result<(Vec<Syntax>, usize), Mistake> {
        let mut items = Vec::new();
        if *self.peek() != TokenKind::Sign(close) {
            items.push(self.descend(Self::choice)?);
            while self.eat(",") {
                items.push(self.descend(Self::choice)?);
            }
        }
        Ok((items, self.expect(close)?.end))
    }

    /// Reads a part within the one that is being read.
    fn descend(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<Syntax, Mistake>,
    ) -> Result<Syntax, Mistake> {
        if self.level == EXPRESSION_DEPTH_MAX {
            return Err(too_deep(self.place()));
        }
        self.level += 1;
        let part = read(self)?;
        self.level -= 1;
        Ok(part)
    }

    fn peek_infix(&mut self) -> Option<(u8, Infix)> {
        let sign = match self.peek() {
            TokenKind::Sign(sign) => sign,
            TokenKind::Name(name) => name.as_str(),
            TokenKind::Number(_) | TokenKind::Text(_) | TokenKind::End => return None,
        };
        let found = INFIXES.iter().find(|(infix, ..)| *infix == sign);
        found.map(|(_, binding, infix)| (*binding, *infix))
    }

    fn eat(&mut self, sign: &'static str) -> bool {
        let found = *self.peek() == TokenKind::Sign(sign);
        if found {
            self.tokens.next();
        }
        found
    }

    fn expect(&mut self, sign: &'static str) -> Result<Range<usize>, Mistake> {
        let at = self.place();
        if self.eat(sign) {
            return Ok(at);
        }
        Err(Mistake::new(
            at,
            format!("{sign} or an operator is expected here"),
        ))
    }

    fn name(&mut self) -> Result<(Range<usize>, String), Mistake> {
        let at = self.place();
        match self.tokens.next() {
            Some(Token {
                at,
                kind: TokenKind::Name(name),
            }) => Ok((at, name)),
            _ => Err(Mistake::new(at, "a name is expected behind the dot")),
        }
    }

    fn peek(&mut self) -> &TokenKind {
        self.tokens
            .peek()
            .map_or(&TokenKind::End, |token| &token.kind)
    }

    fn place(&mut self) -> Range<usize> {
        let end = self.end..self.end;
        self.tokens.peek().map_or(end, |token| token.at.clone())
    }
}

const VALUE_EXPECTED: &str = "a value is expected here: a field, a number, a text or a parenthesis";

/// A chain that goes on is one, however long, and no deeper.
fn chain(junction: Junction, mut left: Syntax, right: Syntax) -> SyntaxKind {
    if let SyntaxKind::Chain(of, parts) = &mut left.kind
        && *of == junction
    {
        parts.push(right);
        return left.kind;
    }
    SyntaxKind::Chain(junction, vec![left, right])
}

fn node(at: Range<usize>, kind: SyntaxKind) -> Result<Syntax, Mistake> {
    let depth = 1 + kind.parts().map(|part| part.depth).max().unwrap_or(0);
    if depth > EXPRESSION_DEPTH_MAX {
        return Err(too_deep(at));
    }
    Ok(Syntax { at, kind, depth })
}

fn too_deep(at: Range<usize>) -> Mistake {
    let message = format!("the expression is nested deeper than {EXPRESSION_DEPTH_MAX} levels");
    Mistake::new(at.start..at.start, message)
}

impl SyntaxKind {
    fn parts(&self) -> impl Iterator<Item = &Syntax> {
        let (receiver, parts): (Option<&Syntax>, &[Syntax]) = match self {
            Self::Number(_) | Self::Text(_) | Self::Flag(_) | Self::Name(_) => (None, &[]),
            Self::List(parts) | Self::Chain(_, parts) => (None, parts),
            Self::Not(part) | Self::Negative(part) => (Some(part), &[]),
            Self::Binary(_, parts) => (None, &parts[..]),
            Self::Choice(parts) => (None, &parts[..]),
            Self::Call(_, receiver, arguments) => (receiver.as_deref(), arguments),
        };
        receiver.into_iter().chain(parts)
    }
}
