//! The options of a policy, with the spec's defaults, from the mapping below `policy:` (spec: contract §5).
use std::collections::BTreeMap;

use serde_json::Value;

use super::taxonomy;

#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) fail_fast: bool,
    pub(crate) gates: Vec<Gate>,
}

#[derive(Clone, Debug)]
pub(crate) enum Gate {
    TmaxGuard {
        buffer_ms: f64,
        fail_on_exhausted: bool,
    },
    ImpidMatch,
    AdomainVerify {
        require_adomain: bool,
        extra_placeholders: Vec<String>,
    },
    BidSanity(BidSanity),
    AudienceSafety(AudienceSafety),
    BcatCompliance {
        hierarchical: bool,
        fail_on_unknown_category: bool,
        fail_on_taxonomy_mismatch: bool,
    },
    Expression {
        name: &'static str,
        source: String,
        reason: &'static str,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct BidSanity {
    pub(crate) max_floor_multiple: f64,
    pub(crate) min_floor: f64,
    pub(crate) max_price: f64,
    pub(crate) max_price_cur: String,
    /// "value of one unit in US dollars"
    pub(crate) rates: BTreeMap<String, f64>,
}

#[derive(Clone, Debug)]
pub(crate) struct AudienceSafety {
    /// Unsafe ids by taxonomy table, `strict`'s tier included.
    pub(crate) unsafe_ids: BTreeMap<&'static str, Vec<String>>,
    pub(crate) strict: bool,
    pub(crate) bundle_keywords: Vec<String>,
}

impl Policy {
    /// Reads a valid mapping; what is missing has its default.
    pub(crate) fn from_json(mapping: &Value) -> Self {
        let all: Value = NAMES
            .iter()
            .map(|name| serde_json::json!({ "name": name }))
            .collect();
        let gates = mapping.get("gates").unwrap_or(&all);
        Self {
            fail_fast: flag(mapping, "fail_fast", true),
            gates: gates
                .as_array()
                .unwrap()
                .iter()
                .map(Gate::from_json)
                .collect(),
        }
    }
}

const NAMES: [&str; 6] = [
    "tmaxGuard",
    "impidMatch",
    "adomainVerify",
    "bidSanity",
    "audienceSafety",
    "bcatCompliance",
];

impl Gate {
    fn from_json(options: &Value) -> Self {
        if let Some(source) = options["expression"].as_str() {
            return Self::Expression {
                name: known(options["name"].as_str().unwrap()),
                source: source.to_owned(),
                reason: known(options["reason"].as_str().unwrap_or("expression_false")),
            };
        }
        match options["name"].as_str().unwrap() {
            "tmaxGuard" => Self::TmaxGuard {
                buffer_ms: number(options, "buffer_ms", 15.0),
                fail_on_exhausted: string(options, "on_exhausted", "skip") == "fail",
            },
            "impidMatch" => Self::ImpidMatch,
            "adomainVerify" => Self::AdomainVerify {
                require_adomain: flag(options, "require_adomain", true),
                extra_placeholders: strings(&options["extra_placeholders"]),
            },
            "bidSanity" => Self::BidSanity(BidSanity {
                max_floor_multiple: number(options, "max_floor_multiple", 50.0),
                min_floor: number(options, "min_floor", 0.10),
                max_price: number(options, "max_price", 5000.0),
                max_price_cur: string(options, "max_price_cur", "USD"),
                rates: rates(&options["rates"]),
            }),
            "audienceSafety" => Self::AudienceSafety(AudienceSafety {
                unsafe_ids: unsafe_ids(
                    &options["unsafe_categories"],
                    flag(options, "strict", false),
                ),
                strict: flag(options, "strict", false),
                bundle_keywords: strings(&options["bundle_keywords"]),
            }),
            "bcatCompliance" => Self::BcatCompliance {
                hierarchical: flag(options, "hierarchical", true),
                fail_on_unknown_category: string(options, "unknown_category", "allow") == "fail",
                fail_on_taxonomy_mismatch: string(options, "taxonomy_mismatch", "allow") == "fail",
            },
            unknown => panic!("no gate is called {unknown}"),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::TmaxGuard { .. } => "tmaxGuard",
            Self::ImpidMatch => "impidMatch",
            Self::AdomainVerify { .. } => "adomainVerify",
            Self::BidSanity(_) => "bidSanity",
            Self::AudienceSafety(_) => "audienceSafety",
            Self::BcatCompliance { .. } => "bcatCompliance",
            Self::Expression { name, .. } => name,
        }
    }
}

/// The names and reasons that auctions give to expression gates.
fn known(word: &str) -> &'static str {
    const KNOWN: [&str; 4] = [
        "expression",
        "priceCap",
        "expression_false",
        "adomain_placeholder",
    ];
    let known = KNOWN.into_iter().find(|known| *known == word);
    known.unwrap_or_else(|| panic!("add {word} to the words of expression gates"))
}

/// "Tier A is the default, `strict` adds tier B." A list applies to every taxonomy as given.
fn unsafe_ids(option: &Value, strict: bool) -> BTreeMap<&'static str, Vec<String>> {
    let mut by_table = BTreeMap::new();
    for table in taxonomy::TABLES {
        let mut ids = if option.is_null() {
            taxonomy::unsafe_tier(table, "A")
        } else {
            strings(if option.is_array() {
                option
            } else {
                &option[table]
            })
        };
        if strict {
            ids.extend(taxonomy::unsafe_tier(table, "B"));
        }
        by_table.insert(table, ids);
    }
    by_table
}

fn flag(options: &Value, key: &str, default: bool) -> bool {
    options
        .get(key)
        .map_or(default, |value| value.as_bool().unwrap())
}

fn number(options: &Value, key: &str, default: f64) -> f64 {
    options
        .get(key)
        .map_or(default, |value| value.as_f64().unwrap())
}

fn string(options: &Value, key: &str, default: &str) -> String {
    options
        .get(key)
        .map_or(default, |value| value.as_str().unwrap())
        .to_owned()
}

fn strings(list: &Value) -> Vec<String> {
    list.as_array()
        .into_iter()
        .flatten()
        .map(|value| value.as_str().unwrap().to_owned())
        .collect()
}

fn rates(mapping: &Value) -> BTreeMap<String, f64> {
    let entries = mapping.as_object().into_iter().flatten();
    entries
        .map(|(currency, rate)| (currency.clone(), rate.as_f64().unwrap()))
        .collect()
}
