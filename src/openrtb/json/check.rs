//! Stepping over values that nobody reads.

use super::{Reader, Stepping};
use crate::openrtb::fault::{Read, What, fault};
use crate::openrtb::fields::Fields;
use crate::openrtb::keys::Key;

impl Reader<'_> {
    #[inline(never)]
    pub(super) fn step_over(&mut self) -> Read<()> {
        match self.byte(self.at) {
            b'{' | b'[' if self.stepping == Stepping::Balanced => self.balance(),
            _ => self.check(),
        }
    }

    /// Steps over the next value and checks every byte of it.
    pub(super) fn check(&mut self) -> Read<()> {
        match self.peek() {
            Some(b'"') => self.string().map(drop),
            Some(b'{' | b'[') if self.stepping == Stepping::Balanced => self.check_strictly(),
            Some(b'{') => self.object(|_, key: Unread| match key {}).map(drop),
            Some(b'[') => self.array(Self::check).map(drop),
            Some(b'-' | b'0'..=b'9') => {
                self.at = self.behind_number(self.at)?;
                Ok(())
            }
            Some(b't') => self.check_word(b"true"),
            Some(b'f') => self.check_word(b"false"),
            Some(b'n') => self.check_word(b"null"),
            _ => Err(self.fault(What::NotAValue)),
        }
    }

    /// Somebody asked for this value, and expected another type: balanced brackets are not enough.
    #[cold]
    fn check_strictly(&mut self) -> Read<()> {
        self.stepping = Stepping::Strict;
        let checked = self.check();
        self.stepping = Stepping::Balanced;
        checked
    }

    fn check_word(&mut self, word: &[u8]) -> Read<()> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word) {
            return Err(self.fault(What::NotAWord));
        }
        self.at += word.len();
        Ok(())
    }

    /// Where the number that begins at `start` ends.
    ///
    /// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
    #[inline(never)]
    pub(super) fn behind_number(&self, start: usize) -> Read<usize> {
        let mut at = start + usize::from(self.byte(start) == b'-');
        at = match self.byte(at) {
            b'0' => at + 1,
            _ => self.digits(at)?,
        };
        if self.byte(at) == b'.' {
            at = self.digits(at + 1)?;
        }
        if let b'e' | b'E' = self.byte(at) {
            let signed = matches!(self.byte(at + 1), b'+' | b'-');
            at = self.digits(at + 1 + usize::from(signed))?;
        }
        Ok(at)
    }

    /// Where the digits at `at` end; there must be one.
    #[inline(always)]
    fn digits(&self, at: usize) -> Read<usize> {
        let mut end = at;
        while self.byte(end).is_ascii_digit() {
            end += 1;
        }
        if end == at {
            return Err(self.fault_at(What::NoDigit, at));
        }
        Ok(end)
    }

    /// Steps over an object or array: brackets outside strings are matched, the rest passes by.
    fn balance(&mut self) -> Read<()> {
        let room = u64::from(self.depth_max - self.depth);
        let mut open = Open::default();
        let mut brackets = self.outline.brackets(self.at);
        let mut at = brackets.next();
        loop {
            let (bracket, next) = (self.byte(at), brackets.next());
            // Nearly all objects and arrays have no other in them.
            if self.byte(next).wrapping_sub(bracket) == CLOSING && open.count < room {
                if open.count == 0 {
                    self.at = next + 1;
                    return Ok(());
                }
                at = brackets.next();
            } else if bracket == 0 {
                return Err(fault(What::EndsTooEarly, self.bytes.len()));
            } else if open.pass(bracket) < room {
                at = next;
            } else {
                return self.balanced(at, &open);
            }
        }
    }

    /// What it means that `open` is beyond bounds behind the bracket at `at`.
    fn balanced(&mut self, at: usize, open: &Open) -> Read<()> {
        if open.mismatch == 1 {
            return Err(fault(What::WrongBracket, at));
        }
        if open.count > 0 {
            return Err(fault(What::TooDeep, at));
        }
        self.at = at + 1;
        Ok(())
    }
}

/// From the byte of a bracket or brace to that of the one that closes it.
const CLOSING: u8 = b'}' - b'{';
const _: () = assert!(CLOSING == b']' - b'[');

/// The keys of an object of which nobody reads any.
#[derive(Clone, Copy, Debug)]
enum Unread {}

impl Key for Unread {
    #[inline(always)]
    fn find(_: &[u8]) -> Option<Self> {
        None
    }

    fn bit(self) -> u64 {
        match self {}
    }

    fn wanted(_: Fields) -> u64 {
        0
    }
}

/// The brackets that are open within a value, one bit each, the innermost lowest: set for braces.
#[derive(Debug, Default)]
struct Open {
    kinds: u64,
    count: u64,
    /// 1 when the bracket before closed one of the other kind.
    mismatch: u64,
}

impl Open {
    /// Opens or closes one. The levels that are open behind it, less one; far more when none is left, and when the bracket
    /// closed one of the other kind.
    ///
    /// One bit of the byte tells braces from square brackets, another one closing from opening. Both are shifted and
    /// added, never asked: what is nested how is beyond prediction, and a wrong guess costs more than all of this.
    #[inline(always)]
    const fn pass(&mut self, bracket: u8) -> u64 {
        let brace = bracket as u64 >> 5 & 1;
        let closes = bracket as u64 >> 2 & 1;
        self.mismatch = (self.kinds ^ brace) & closes;
        self.kinds = (self.kinds << 1 | brace) >> (2 * closes);
        self.count = (self.count + 1).wrapping_sub(2 * closes);
        self.count.wrapping_sub(1) | self.mismatch << 63
    }
}
