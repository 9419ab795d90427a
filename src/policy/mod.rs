//! The compiled rules.
use crate::document::{Document, Effective, Problems, Section};

/// Compiled rules: immutable, shared by all workers, replaced whole.
#[derive(Debug)]
pub struct Policy {
    effective: Effective,
    version: String,
}

impl Policy {
    /// Compiles a policy document (the mapping below `policy:` of spec: contract §5).
    ///
    /// # Errors
    /// Every problem of the document, each with its place and path.
    pub fn from_yaml(text: &str, origin: &str) -> Result<Self, Problems> {
        Document::parse(text, origin)?.read(Self::compile)
    }

    /// Compiles the mapping, recording what is wrong in it.
    pub fn compile(section: &mut Section) -> Self {
        section.flag("fail_fast", true);
        section.integer("timeout_ms", 15, 1..=60_000);
        section.list("gates", &GATES.map(|name| ("name", name)), gate);
        let effective = section.effective();
        Self {
            version: effective.digest(),
            effective,
        }
    }

    /// The policy document with its defaults filled in.
    #[must_use]
    pub fn effective(&self) -> &Effective {
        &self.effective
    }

    /// Digest of the effective policy.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }
}

const GATES: [&str; 6] = [
    "tmaxGuard",
    "impidMatch",
    "adomainVerify",
    "bidSanity",
    "audienceSafety",
    "bcatCompliance",
];

fn gate(section: &mut Section) {
    match section
        .required_choice("name", &GATES.map(|name| (name, name)))
        .unwrap_or("")
    {
        "tmaxGuard" => {
            section.integer("buffer_ms", 15, 0..=60_000);
            section.choice("on_exhausted", &[("skip", 0), ("fail", 1)], 0);
        }
        "impidMatch" => {}
        "adomainVerify" => {
            section.flag("require_adomain", true);
            section.strings("extra_placeholders");
        }
        "bidSanity" => {
            section.positive("max_floor_multiple", 50.0);
            section.non_negative("min_floor", 0.10);
            section.positive("max_price", 5000.0);
            section.string("max_price_cur", "USD");
            section.rates("rates");
        }
        "audienceSafety" => {
            section.flag("strict", false);
            section.strings("bundle_keywords");
        }
        "bcatCompliance" => {
            section.flag("hierarchical", true);
            section.choice("unknown_category", &[("allow", 0), ("fail", 1)], 0);
            section.choice("taxonomy_mismatch", &[("allow", 0), ("fail", 1)], 0);
        }
        _ => section.skip_rest(),
    }
}
