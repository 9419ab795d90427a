//! The keywords: what each of them makes of a node.

use serde_json::Value;

use super::compile::{Compiler, Draft, kind};
use super::decimal::Divisor;
use super::node::{Combination, Constant, Dependent, KeySet, Types};
use super::pattern::Pattern;

/// Reads the value of a keyword, which stands at a pointer, into a node.
type Read = fn(&mut Compiler, &mut Draft, &Value, &str);

/// Every keyword that may stand in a schema.
#[rustfmt::skip]
pub(super) const KEYWORDS: &[(&str, Read)] = &[
    // Any value.
    ("type",                 types),
    ("enum",                 enumeration),
    ("const",                |_, draft, value, _| draft.node.constants.push(vec![constant(value)])),
    // Numbers.
    ("multipleOf",           multiple_of),
    ("minimum",              |compiler, draft, value, at| draft.node.number.get_or_insert_default().minimum = compiler.number(value, at)),
    ("maximum",              |compiler, draft, value, at| draft.node.number.get_or_insert_default().maximum = compiler.number(value, at)),
    ("exclusiveMinimum",     |compiler, draft, value, at| draft.node.number.get_or_insert_default().above = compiler.number(value, at)),
    ("exclusiveMaximum",     |compiler, draft, value, at| draft.node.number.get_or_insert_default().below = compiler.number(value, at)),
    // Strings.
    ("minLength",            |compiler, draft, value, at| min(compiler, &mut draft.node.text.get_or_insert_default().length.min, value, at)),
    ("maxLength",            |compiler, draft, value, at| max(compiler, &mut draft.node.text.get_or_insert_default().length.max, value, at)),
    ("pattern",              pattern),
    // Arrays.
    ("minItems",             |compiler, draft, value, at| min(compiler, &mut draft.node.array.get_or_insert_default().size.min, value, at)),
    ("maxItems",             |compiler, draft, value, at| max(compiler, &mut draft.node.array.get_or_insert_default().size.max, value, at)),
    ("uniqueItems",          unique_items),
    ("prefixItems",          |compiler, draft, value, at| draft.node.array.get_or_insert_default().first = compiler.schemas(value, at)),
    ("items",                |compiler, draft, value, at| draft.node.array.get_or_insert_default().others = Some(compiler.schema(value, at))),
    ("contains",             |compiler, draft, value, at| draft.node.array.get_or_insert_default().contains = Some(compiler.schema(value, at))),
    ("minContains",          |compiler, draft, value, at| draft.min_contains = compiler.count(value, at)),
    ("maxContains",          |compiler, draft, value, at| max(compiler, &mut draft.node.array.get_or_insert_default().contained.max, value, at)),
    // Objects.
    ("minProperties",        |compiler, draft, value, at| min(compiler, &mut draft.node.object.get_or_insert_default().size.min, value, at)),
    ("maxProperties",        |compiler, draft, value, at| max(compiler, &mut draft.node.object.get_or_insert_default().size.max, value, at)),
    ("required",             required),
    ("properties",           properties),
    ("patternProperties",    pattern_properties),
    ("additionalProperties", |compiler, draft, value, at| draft.node.object.get_or_insert_default().others = Some(compiler.schema(value, at))),
    ("propertyNames",        |compiler, draft, value, at| draft.node.object.get_or_insert_default().names = Some(compiler.schema(value, at))),
    ("dependentRequired",    dependent_required),
    ("dependentSchemas",     dependent_schemas),
    // Schemas together.
    ("allOf",                |compiler, draft, value, at| draft.node.all.extend(compiler.schemas(value, at))),
    ("anyOf",                |compiler, draft, value, at| draft.node.combinations.push(Combination::Any(compiler.schemas(value, at)))),
    ("oneOf",                |compiler, draft, value, at| draft.node.combinations.push(Combination::One(compiler.schemas(value, at)))),
    ("not",                  |compiler, draft, value, at| draft.node.combinations.push(Combination::Not(compiler.schema(value, at)))),
    ("if",                   |compiler, draft, value, at| draft.test = Some(compiler.schema(value, at))),
    ("then",                 |compiler, draft, value, at| draft.then = Some(compiler.schema(value, at))),
    ("else",                 |compiler, draft, value, at| draft.otherwise = Some(compiler.schema(value, at))),
    // Schemas elsewhere in the file.
    ("$ref",                 reference),
    ("$anchor",              anchor),
    ("$defs",                definitions),
    ("$schema",              dialect),
    // For readers.
    ("$id",                  identifier),
    ("$comment",             annotation),
    ("title",                annotation),
    ("description",          annotation),
    ("default",              annotation),
    ("examples",             annotation),
    ("deprecated",           annotation),
    ("readOnly",             annotation),
    ("writeOnly",            annotation),
    ("format",               annotation),
    ("contentEncoding",      annotation),
    ("contentMediaType",     annotation),
    ("contentSchema",        annotation),
];

/// Keywords that mean something which is not checked: leaving them out would make a schema more lenient than it reads.
pub(super) const NOT_SUPPORTED: &[(&str, &str)] = &[
    (
        "unevaluatedProperties",
        "name all keys in one schema and use `additionalProperties`",
    ),
    (
        "unevaluatedItems",
        "use `prefixItems` and `items` in one schema",
    ),
    ("$dynamicRef", "use `$ref`"),
    ("$dynamicAnchor", "use `$anchor`"),
    ("$recursiveRef", "use `$ref`"),
    ("$recursiveAnchor", "use `$anchor`"),
    ("$vocabulary", "it belongs in meta-schemas; remove it"),
    ("definitions", "write `$defs`"),
    (
        "dependencies",
        "write `dependentRequired` or `dependentSchemas`",
    ),
    ("additionalItems", "write `items` beside `prefixItems`"),
];

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

fn types(compiler: &mut Compiler, draft: &mut Draft, value: &Value, at: &str) {
    let names = match value.as_str() {
        Some(name) => vec![name],
        None => compiler.strings(value, at),
    };
    if value.as_array().is_some_and(Vec::is_empty) {
        compiler.flaw(at, "names no type; name at least one");
    }
    draft.node.types = Types::NONE;
    for name in names {
        match Types::named(name) {
            Some(named) => draft.node.types = draft.node.types.or(named),
            None => compiler.flaw(
                at,
                format!("names {name:?}; the types are null, boolean, integer, number, string, array and object"),
            ),
        }
    }
}

fn enumeration(compiler: &mut Compiler, draft: &mut Draft, value: &Value, at: &str) {
    match value.as_array() {
        Some(values) => draft
            .node
            .constants
            .push(values.iter().map(constant).collect()),
        None => compiler.flaw(at, format!("must be a list; found {}", kind(value))),
    }
}

fn constant(value: &Value) -> Constant {
    Constant(value.to_string().into_bytes().into())
}

fn multiple_of(compiler: &mut Compiler, draft: &mut Draft, value: &Value, at: &str) {
    let Some(written) = compiler.number(value, at) else {
        return;
    };
    let divisor = Divisor::new(&written);
    if divisor.is_none() {
        compiler.flaw(at, "must be above 0 and have at most 19 digits");
    }
    draft.node.number.get_or_insert_default().multiple_of = divisor;
}

fn min(compiler: &mut Compiler, min: &mut u64, value: &Value, at: &str) {
    *min = compiler.count(value, at).unwrap_or(*min);
}

fn max(compiler: &mut Compiler, max: &mut u64, value: &Value, at: &str) {
    *max = compiler.count(value, at).unwrap_or(*max);
}

fn pattern(compiler: &mut Compiler, draft: &mut Draft, value: &Value, at: &str) {
    match value.as_str() {
        Some(text) => {
            draft.node.text.get_or_insert_default().pattern = compiled(compiler, text, at);
        }
        None => compiler.flaw(at, format!("must be a string; found {}", kind(value))),
    }
}

fn compiled(compiler: &mut Compiler, pattern: &str, at: &str) -> Option<Pattern> {
    Pattern::compile(pattern)
        .map_err(|fault| compiler.flaw(at, fault.to_string()))
        .ok()
}

fn unique_items(compiler: &mut Compiler, draft: &mut Draft, value: &Value, at: &str) {
    match value.as_bool() {
        Some(unique) => draft.node.array.get_or_insert_default().unique = unique,
        None => compiler.flaw(at, format!("must be true or false; found {}", kind(value))),
    }
}

fn required(compiler: &mut Compiler, draft: &mut Draft, value: &Value, at: &str) {
    let keys = compiler.strings(value, at);
    let rules = draft.node.object.get_or_insert_default();
    for key in keys {
        let presence = compiler.presence(rules, key, at);
        rules.required.add(presence);
    }
}

fn properties(compiler: &mut Compiler, draft: &mut Draft, value: &Value, at: &str) {
    for (key, schema, at) in compiler.members(value, at) {
        let schema = compiler.schema(schema, &at);
        if let Some(named) = draft.node.object.get_or_insert_default().named(key) {
            named.value = Some(schema);
        }
    }
}

fn pattern_properties(compiler: &mut Compiler, draft: &mut Draft, value: &Value, at: &str) {
    for (pattern, schema, at) in compiler.members(value, at) {
        let schema = compiler.schema(schema, &at);
        let pattern = compiled(compiler, pattern, &at);
        let rules = draft.node.object.get_or_insert_default();
        rules
            .patterns
            .extend(pattern.map(|pattern| (pattern, schema)));
    }
}

fn dependent_required(compiler: &mut Compiler, draft: &mut Draft, value: &Value, at: &str) {
    for (key, keys, at) in compiler.members(value, at) {
        let keys = compiler.strings(keys, &at);
        let rules = draft.node.object.get_or_insert_default();
        let mut required = KeySet::default();
        for key in keys {
            required.add(compiler.presence(rules, key, &at));
        }
        let key = compiler.presence(rules, key, &at);
        rules.dependents.push(Dependent {
            key,
            required,
            schema: None,
        });
    }
}

fn dependent_schemas(compiler: &mut Compiler, draft: &mut Draft, value: &Value, at: &str) {
    for (key, schema, at) in compiler.members(value, at) {
        let schema = compiler.schema(schema, &at);
        let rules = draft.node.object.get_or_insert_default();
        let key = compiler.presence(rules, key, &at);
        rules.dependents.push(Dependent {
            key,
            required: KeySet::default(),
            schema: Some(schema),
        });
    }
}

fn reference(compiler: &mut Compiler, draft: &mut Draft, value: &Value, at: &str) {
    match value.as_str() {
        Some(target) => compiler.reference(draft.id, target, at),
        None => compiler.flaw(at, format!("must be a string; found {}", kind(value))),
    }
}

fn anchor(compiler: &mut Compiler, draft: &mut Draft, value: &Value, at: &str) {
    match value.as_str() {
        Some(name) => compiler.anchor(draft.id, name, at),
        None => compiler.flaw(at, format!("must be a string; found {}", kind(value))),
    }
}

fn definitions(compiler: &mut Compiler, _: &mut Draft, value: &Value, at: &str) {
    for (_, schema, at) in compiler.members(value, at) {
        compiler.schema(schema, &at);
    }
}

fn dialect(compiler: &mut Compiler, _: &mut Draft, value: &Value, at: &str) {
    if value.as_str().map(|text| text.trim_end_matches('#')) != Some(DIALECT) {
        compiler.flaw(at, format!("must be {DIALECT:?}: no other draft is known"));
    }
}

/// The name of the whole file says nothing; one further down would change what references mean.
fn identifier(compiler: &mut Compiler, _: &mut Draft, value: &Value, at: &str) {
    if at != "/$id" {
        compiler.flaw(
            at,
            "stands below the root, where it makes a file within the file; remove it",
        );
    } else if !value.is_string() {
        compiler.flaw(at, format!("must be a string; found {}", kind(value)));
    }
}

fn annotation(_: &mut Compiler, _: &mut Draft, _: &Value, _: &str) {}
