#![doc = include_str!("../../docs/gates/filesystem.md")]

use std::sync::LazyLock;

use super::patterns::{Kinds, Patterns};
use super::strings::{Found, excerpt, judge_strings};
use super::{Gate, Judged, Sheet};
use crate::auction::Auction;
use crate::document::Section;
use crate::openrtb::{Text, Texts};
use crate::verdict::Reason;

/// The rule, compiled.
#[derive(Debug)]
pub(super) struct Filesystem {
    patterns: &'static Patterns,
    kinds: Kinds,
}

impl Filesystem {
    pub(super) fn compile(options: &mut Section) -> Self {
        let kinds = ["destructive", "traversal", "sensitive"];
        Self {
            patterns: &PATTERNS,
            kinds: Kinds::of(&kinds.map(|kind| options.flag(kind, true))),
        }
    }

    fn find(&self, texts: &Texts<'_>, text: Text) -> Option<Found> {
        let hit = self.patterns.first(texts.bytes(text), self.kinds)?;
        let reason = REASONS.get(hit.kind)?;
        Some((*reason, excerpt(texts, text, hit.end)))
    }
}

impl Gate for Filesystem {
    fn judge(&self, auction: &Auction<'_>, sheet: &mut Sheet<'_>) -> Judged {
        let texts = auction.response.texts();
        judge_strings(auction, sheet, |text| self.find(texts, text))
    }
}

const REASONS: [Reason; 3] = [
    Reason::DestructiveCommand,
    Reason::PathTraversal,
    Reason::SensitivePath,
];

#[expect(
    clippy::expect_used,
    reason = "the patterns are constants, and compiled by every test"
)]
static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let kinds = [DESTRUCTIVE, TRAVERSAL, SENSITIVE].map(|patterns| patterns.join("|"));
    Patterns::compile(&kinds.each_ref().map(String::as_str), 4 << 20)
        .expect("the patterns are sound")
});

const DESTRUCTIVE: &[&str] = &[
    concat!(
        r"\brm[ \t]+(?:-[a-z-]+[ \t]+)*(?:",
        // Both in one option, or one in one option and the other in a later one.
        r"-[a-z]*r[a-z]*f[a-z]*|-[a-z]*f[a-z]*r[a-z]*",
        r"|(?:-[a-z]*r[a-z]*|--recursive)[ \t]+(?:-[a-z-]+[ \t]+)*(?:-[a-z]*f[a-z]*|--force)",
        r"|(?:-[a-z]*f[a-z]*|--force)[ \t]+(?:-[a-z-]+[ \t]+)*(?:-[a-z]*r[a-z]*|--recursive)",
        r")(?:[^a-z-]|\z)"
    ),
    r"\bmkfs\b",
    r"\bof=/dev/",
    r":[ \t]*\([ \t]*\)[ \t]*\{[ \t]*:[ \t]*\|[ \t]*:[ \t]*&[ \t]*\}[ \t]*;[ \t]*:",
    r"\bformat[ \t]+c:",
    r"\b(?:del|erase|rmdir|rd)[ \t]+(?:/[a-z][ \t]+)*/s\b",
    r"\bshutil\.rmtree\b",
    r"\bchmod[ \t]+(?:-r|--recursive)[ \t]+0?777[ \t]+/",
    r">[ \t]*/dev/(?:sd|hd|vd|nvme)",
];

const TRAVERSAL: &[&str] = &[r"(?:\.|%2e|%252e){2}(?:/|\\|%2f|%5c|%252f|%255c)"];

const SENSITIVE: &[&str] = &[
    r"/etc/(?:passwd|shadow|gshadow|sudoers)\b",
    r"/proc/self\b",
    r"~/\.ssh\b",
    r"/\.aws/credentials\b",
    r"/\.kube/config\b",
    r"/\.ssh/",
    r"/var/run/secrets/",
    r##"(?:\A|file://|[ \t\r\n\x0c"'=(,;<>|&:`])/root/"##,
    r"\bc:[\\/]+windows[\\/]+system32\b",
];
