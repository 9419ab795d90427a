//! The options of a policy, with the spec's defaults, from the mapping below `policy:` (spec: contract §5).
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::gates::schema::Schema;
use super::{gates, taxonomy};

#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) fail_fast: bool,
    /// Those that are not off.
    pub(crate) gates: Vec<Listed>,
}

/// A gate of the list.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) gate: Gate,
    /// `enforce`, `warn` or `holdback`.
    pub(crate) mode: &'static str,
    /// Of 100 evaluations, how many are only warned.
    holdback: u64,
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
    ResponseId,
    CurrencyAllowed,
    AdvertiserBlock {
        fail_on_unknown_advertiser: bool,
    },
    AttributeBlock,
    AppBlock,
    DealMatch,
    FloorCompliance {
        tolerance_micros: f64,
        rates: Rates,
    },
    SeatMatch,
    CreativeIdentity,
    MediaMatch,
    SecureMarkup,
    DuplicateBid,
    CoppaLeak,
    Latency {
        max_ms: f64,
    },
    Pii {
        email: bool,
        ssn: bool,
        phone: bool,
    },
    Filesystem {
        destructive: bool,
        traversal: bool,
        sensitive: bool,
    },
    Content {
        empty_output: bool,
        /// Built in and extra.
        phrases: Vec<String>,
    },
    Schema(Schema),
    Expression {
        name: &'static str,
        source: String,
        reason: &'static str,
    },
}

/// "value of one unit in US dollars"
pub(crate) type Rates = BTreeMap<String, f64>;

#[derive(Clone, Debug)]
pub(crate) struct BidSanity {
    pub(crate) max_floor_multiple: f64,
    pub(crate) min_floor: f64,
    pub(crate) max_price: f64,
    pub(crate) max_price_cur: String,
    pub(crate) rates: Rates,
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
        let all = all_gates();
        let gates = mapping.get("gates").unwrap_or(&all);
        Self {
            fail_fast: flag(mapping, "fail_fast", true),
            gates: gates
                .as_array()
                .unwrap()
                .iter()
                .filter_map(Listed::from_json)
                .collect(),
        }
    }

    /// The policy for one agent and one tool: the first override that matches, alone, merged over the rest.
    pub(crate) fn for_call(mapping: &Value, agent_id: &str, tool: &str) -> Self {
        let overrides = mapping["overrides"].as_array().into_iter().flatten();
        let mut matching =
            overrides.filter(|it| matches(&it["agent_id"], agent_id) && matches(&it["tool"], tool));
        let mut merged = mapping.clone();
        if let Some(over) = matching.next() {
            for (key, value) in over.as_object().unwrap() {
                merged[key] = match key.as_str() {
                    "gates" => merged_gates(mapping, value),
                    _ => value.clone(),
                };
            }
        }
        Self::from_json(&merged)
    }

    /// The policy as it may judge one evaluation: which evaluations are held back is the engine's choice, but those
    /// held back for some gate are also held back for those that hold back more.
    pub(crate) fn draws(&self) -> Vec<Self> {
        let shares = self.gates.iter().map(|listed| listed.holdback);
        let drawn: BTreeSet<u64> = shares.filter(|share| *share < 100).chain([0]).collect();
        let draw = |drawn| {
            let mut policy = self.clone();
            for listed in &mut policy.gates {
                if listed.mode == "enforce" && drawn < listed.holdback {
                    listed.mode = "holdback";
                }
            }
            policy
        };
        drawn.into_iter().map(draw).collect()
    }
}

/// "exact or prefix `*`"; what is not said matches everything.
fn matches(pattern: &Value, text: &str) -> bool {
    pattern
        .as_str()
        .is_none_or(|pattern| match pattern.strip_suffix('*') {
            Some(prefix) => text.starts_with(prefix),
            None => text == pattern,
        })
}

/// "gates are found by name in the base and merged field by field; a gate that the base lacks is appended at the end".
fn merged_gates(base: &Value, over: &Value) -> Value {
    let mut gates = base.get("gates").cloned().unwrap_or_else(all_gates);
    let gates = gates.as_array_mut().unwrap();
    for gate in over.as_array().unwrap() {
        match gates.iter_mut().find(|base| base["name"] == gate["name"]) {
            None => gates.push(gate.clone()),
            Some(base) => {
                for (key, value) in gate.as_object().unwrap() {
                    base[key] = value.clone();
                }
            }
        }
    }
    json!(gates)
}

fn all_gates() -> Value {
    NAMES.iter().map(|name| json!({ "name": name })).collect()
}

impl Listed {
    /// None for a gate that is off.
    fn from_json(options: &Value) -> Option<Self> {
        let gate = Gate::from_json(options);
        let mode = match options["mode"].as_str() {
            None if gate.is_of_compliance() => "warn",
            None | Some("enforce") => "enforce",
            Some("warn") => "warn",
            Some("off") => return None,
            Some(unknown) => panic!("no mode is called {unknown}"),
        };
        Some(Self {
            gate,
            mode,
            holdback: options["holdback"].as_u64().unwrap_or(0),
        })
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
    /// "Exchange-compliance gates default to warn".
    const fn is_of_compliance(&self) -> bool {
        matches!(
            self,
            Self::ResponseId
                | Self::CurrencyAllowed
                | Self::AdvertiserBlock { .. }
                | Self::AttributeBlock
                | Self::AppBlock
                | Self::DealMatch
                | Self::FloorCompliance { .. }
                | Self::SeatMatch
                | Self::CreativeIdentity
                | Self::MediaMatch
                | Self::SecureMarkup
                | Self::DuplicateBid
                | Self::CoppaLeak
        )
    }

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
            _ => Self::of_compliance(options).unwrap_or_else(|| Self::general(options)),
        }
    }

    fn of_compliance(options: &Value) -> Option<Self> {
        let gate = match options["name"].as_str().unwrap() {
            "responseId" => Self::ResponseId,
            "currencyAllowed" => Self::CurrencyAllowed,
            "advertiserBlock" => Self::AdvertiserBlock {
                fail_on_unknown_advertiser: string(options, "unknown_advertiser", "allow")
                    == "fail",
            },
            "attributeBlock" => Self::AttributeBlock,
            "appBlock" => Self::AppBlock,
            "dealMatch" => Self::DealMatch,
            "floorCompliance" => Self::FloorCompliance {
                tolerance_micros: number(options, "tolerance_micros", 1.0),
                rates: rates(&options["rates"]),
            },
            "seatMatch" => Self::SeatMatch,
            "creativeIdentity" => Self::CreativeIdentity,
            "mediaMatch" => Self::MediaMatch,
            "secureMarkup" => Self::SecureMarkup,
            "duplicateBid" => Self::DuplicateBid,
            "coppaLeak" => Self::CoppaLeak,
            _ => return None,
        };
        Some(gate)
    }

    fn general(options: &Value) -> Self {
        match options["name"].as_str().unwrap() {
            "latency" => Self::Latency {
                max_ms: number(options, "max_ms", 100.0),
            },
            "pii" => Self::Pii {
                email: flag(options, "email", true),
                ssn: flag(options, "ssn", true),
                phone: flag(options, "phone", true),
            },
            "filesystem" => Self::Filesystem {
                destructive: flag(options, "destructive", true),
                traversal: flag(options, "traversal", true),
                sensitive: flag(options, "sensitive", true),
            },
            "content" => Self::Content {
                empty_output: flag(options, "empty_output", true),
                phrases: phrases(options),
            },
            "schema" => Self::Schema(Schema::read(options["file"].as_str())),
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
            Self::ResponseId => "responseId",
            Self::CurrencyAllowed => "currencyAllowed",
            Self::AdvertiserBlock { .. } => "advertiserBlock",
            Self::AttributeBlock => "attributeBlock",
            Self::AppBlock => "appBlock",
            Self::DealMatch => "dealMatch",
            Self::FloorCompliance { .. } => "floorCompliance",
            Self::SeatMatch => "seatMatch",
            Self::CreativeIdentity => "creativeIdentity",
            Self::MediaMatch => "mediaMatch",
            Self::SecureMarkup => "secureMarkup",
            Self::DuplicateBid => "duplicateBid",
            Self::CoppaLeak => "coppaLeak",
            Self::Latency { .. } => "latency",
            Self::Pii { .. } => "pii",
            Self::Filesystem { .. } => "filesystem",
            Self::Content { .. } => "content",
            Self::Schema(_) => "schema",
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

/// "Tier A is the default, `strict` adds tier B." A list applies to every taxonomy as given,
/// a mapping to those that it names.
fn unsafe_ids(option: &Value, strict: bool) -> BTreeMap<&'static str, Vec<String>> {
    let mut by_table = BTreeMap::new();
    for table in taxonomy::TABLES {
        let own = if option.is_object() {
            &option[table]
        } else {
            option
        };
        let mut ids = if own.is_null() {
            taxonomy::unsafe_tier(table, "A")
        } else {
            strings(own)
        };
        if strict {
            ids.extend(taxonomy::unsafe_tier(table, "B"));
        }
        by_table.insert(table, ids);
    }
    by_table
}

/// "The phrases are those of `data/refusals.tsv` and `extra_phrases`", which are "looked for also where `refusals` is
/// false".
fn phrases(options: &Value) -> Vec<String> {
    let mut phrases = strings(&options["extra_phrases"]);
    if flag(options, "refusals", true) {
        phrases.extend(gates::content::refusals());
    }
    phrases
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

fn rates(mapping: &Value) -> Rates {
    let entries = mapping.as_object().into_iter().flatten();
    entries
        .map(|(currency, rate)| (currency.clone(), rate.as_f64().unwrap()))
        .collect()
}
