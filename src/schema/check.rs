//! Running a schema over checked JSON.

use super::decimal::Decimal;
use super::equal;
use super::node::{
    ArrayRules, Combination, KeySet, NOTHING, Node, NodeId, NumberRules, ObjectRules, Size,
    TextRules, Types,
};
use super::{Breach, Issue, Schema};
use crate::limits::{SCHEMA_LEVELS_MAX, SCHEMA_STEPS_MAX};
use crate::openrtb::{Checked, Kind, Member, Next};

impl Schema {
    /// Writes what `payload` breaks, in the order of the payload. `payload` is JSON.
    pub(crate) fn check(&self, payload: &[u8], issues: &mut Vec<Issue>) {
        issues.clear();
        let mut check = Check {
            nodes: &self.nodes,
            json: Checked::new(payload),
            issues,
            steps: Steps(SCHEMA_STEPS_MAX),
            level: 0,
            probing: false,
        };
        let root = check.json.root();
        // Issues are written as they are found: nothing stops the check but the end of its steps.
        let _found = check.apply(self.root, root);
        issues.sort_unstable();
    }
}

/// Why a check does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// A rule is broken, and only whether the value is valid was asked.
    Broken,
    /// The steps are used up.
    Spent,
}

/// What is left of the work that one check may do. A step is a value seen by a schema, 64 bytes
/// passed over, or 16 bytes of a string or number that a rule is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Steps(pub(super) u32);

impl Steps {
    pub(super) fn take(&mut self, steps: usize) -> Result<(), Stop> {
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        self.0 = self.0.checked_sub(steps).ok_or(Stop::Spent)?;
        Ok(())
    }
}

/// One schema on its way through one payload.
struct Check<'c> {
    nodes: &'c [Node],
    json: Checked<'c>,
    issues: &'c mut Vec<Issue>,
    steps: Steps,
    /// Schemas within schemas at this place.
    level: u32,
    /// Whether the first broken rule ends the matter: `anyOf` and others ask only whether a value is valid.
    probing: bool,
}

impl<'c> Check<'c> {
    /// Runs a node on the value at `at`, and answers where that ends.
    fn apply(&mut self, id: NodeId, at: usize) -> Result<usize, Stop> {
        self.charge(1, at)?;
        if self.level == SCHEMA_LEVELS_MAX {
            return self.spent(at);
        }
        let Some(node) = self.nodes.get(id.0 as usize) else {
            return Ok(self.json.end(at));
        };
        if id == NOTHING {
            self.broken(at, Breach::Combination)?;
            return self.pass(at);
        }
        self.level += 1;
        let mut end = self.own_rules(node, at)?;
        for &schema in &node.all {
            end = Some(self.apply(schema, at)?);
        }
        for combination in &node.combinations {
            self.combination(combination, at)?;
        }
        self.level -= 1;
        end.map_or_else(|| self.pass(at), Ok)
    }

    /// What a node itself asks for. The end of the value, if that was come by.
    fn own_rules(&mut self, node: &'c Node, at: usize) -> Result<Option<usize>, Stop> {
        let kind = self.json.kind(at);
        if node.types != Types::default() && !node.types.overlaps(self.type_of(kind, at)) {
            self.broken(at, Breach::Type)?;
        }
        for list in &node.constants {
            let mut found = false;
            for constant in list {
                let other = Checked::new(&constant.0);
                found = found || self.is_equal(other, other.root(), at)?;
            }
            if !found {
                self.broken(at, Breach::Enum)?;
            }
        }
        match kind {
            Kind::Object => node.object.as_ref().map(|rules| self.object(rules, at)),
            Kind::Array => node.array.as_ref().map(|rules| self.array(rules, at)),
            Kind::Text => node.text.as_ref().map(|rules| self.text(rules, at)),
            Kind::Number => node.number.as_ref().map(|rules| self.number(rules, at)),
            Kind::Null | Kind::Boolean => None,
        }
        .transpose()
    }

    fn type_of(&self, kind: Kind, at: usize) -> Types {
        match kind {
            Kind::Null => Types::NULL,
            Kind::Boolean => Types::BOOLEAN,
            Kind::Text => Types::TEXT,
            Kind::Array => Types::ARRAY,
            Kind::Object => Types::OBJECT,
            Kind::Number if Decimal::read(self.json.word(at)).is_integer() => Types::INTEGER,
            Kind::Number => Types::FRACTION,
        }
    }

    fn number(&mut self, rules: &NumberRules, at: usize) -> Result<usize, Stop> {
        let word = self.json.word(at);
        let number = Decimal::read(word);
        let compared = |bound: &Option<Box<[u8]>>| {
            (bound.as_ref()).map(|bound| number.compare(&Decimal::read(bound)))
        };
        let within = compared(&rules.minimum).is_none_or(|order| order.is_ge())
            && compared(&rules.maximum).is_none_or(|order| order.is_le())
            && compared(&rules.above).is_none_or(|order| order.is_gt())
            && compared(&rules.below).is_none_or(|order| order.is_lt())
            && rules.multiple_of.is_none_or(|of| number.is_multiple_of(of));
        if !within {
            self.broken(at, Breach::Range)?;
        }
        self.charge(word.len() / 16, at)?;
        Ok(at + word.len())
    }

    fn text(&mut self, rules: &TextRules, at: usize) -> Result<usize, Stop> {
        let text = self.json.text(at);
        self.charge(text.len() / 16, at)?;
        if !rules.length.is_any() && !rules.length.allows(text.chars().count() as u64) {
            self.broken(at, Breach::Size)?;
        }
        if let Some(pattern) = &rules.pattern
            && !pattern.matches(text)
        {
            self.broken(at, Breach::Pattern)?;
        }
        Ok(at + text.len() + 2)
    }

    fn array(&mut self, rules: &'c ArrayRules, at: usize) -> Result<usize, Stop> {
        let (mut count, mut contained, mut next) = (0, 0, at + 1);
        let mut first = rules.first.iter();
        while let Next::Item(element) = self.json.next(next) {
            count += 1;
            if let Some(schema) = rules.contains {
                contained += u64::from(self.holds(schema, element)?);
            }
            if rules.unique && self.stands_before(element, at)? {
                self.broken(at, Breach::Items)?;
            }
            next = match first.next().copied().or(rules.others) {
                Some(schema) => self.allowed(schema, element, Breach::Items)?,
                None => self.pass(element)?,
            };
        }
        self.size(rules.size, count, at)?;
        if rules.contains.is_some() && !rules.contained.allows(contained) {
            self.broken(at, Breach::Items)?;
        }
        Ok(self.json.close(next))
    }

    /// Whether one of the elements before `element` equals it.
    fn stands_before(&mut self, element: usize, array: usize) -> Result<bool, Stop> {
        let mut next = array + 1;
        while let Next::Item(other) = self.json.next(next)
            && other < element
        {
            if self.is_equal(self.json, other, element)? {
                return Ok(true);
            }
            next = self.pass(other)?;
        }
        Ok(false)
    }

    fn object(&mut self, rules: &'c ObjectRules, at: usize) -> Result<usize, Stop> {
        let (mut seen, mut count, mut next) = (KeySet::default(), 0, at + 1);
        while let Next::Item(key_at) = self.json.next(next) {
            count += 1;
            next = self.member(rules, self.json.member(key_at), &mut seen)?;
        }
        self.size(rules.size, count, at)?;
        if !seen.has_all(rules.required) {
            self.broken(at, Breach::Required)?;
        }
        for dependent in rules.dependents.iter().filter(|it| seen.has_all(it.key)) {
            if !seen.has_all(dependent.required) {
                self.broken(at, Breach::Required)?;
            }
            if let Some(schema) = dependent.schema {
                self.apply(schema, at)?;
            }
        }
        Ok(self.json.close(next))
    }

    /// Answers where the member's value ends.
    fn member(
        &mut self,
        rules: &'c ObjectRules,
        Member {
            key,
            key_at,
            value_at,
        }: Member<'c>,
        seen: &mut KeySet,
    ) -> Result<usize, Stop> {
        self.charge(key.len() / 64, value_at)?;
        let named = rules.key(key);
        seen.add(named.map(|named| named.presence).unwrap_or_default());
        if let Some(names) = rules.names
            && !self.holds(names, key_at)?
        {
            self.broken(value_at, Breach::UnknownKey)?;
        }
        let mut end = None;
        if let Some(schema) = named.and_then(|named| named.value) {
            end = Some(self.allowed(schema, value_at, Breach::UnknownKey)?);
        }
        for (pattern, schema) in &rules.patterns {
            self.charge(key.len() / 16, value_at)?;
            if pattern.matches(key) {
                end = Some(self.allowed(*schema, value_at, Breach::UnknownKey)?);
            }
        }
        match (end, rules.others) {
            (Some(end), _) => Ok(end),
            (None, Some(schema)) => self.allowed(schema, value_at, Breach::UnknownKey),
            (None, None) => self.pass(value_at),
        }
    }

    /// Runs the schema of a member or element. Where that is `false`, the value itself should not be there.
    fn allowed(&mut self, schema: NodeId, at: usize, breach: Breach) -> Result<usize, Stop> {
        if schema != NOTHING {
            return self.apply(schema, at);
        }
        self.broken(at, breach)?;
        self.pass(at)
    }

    fn combination(&mut self, combination: &Combination, at: usize) -> Result<(), Stop> {
        let valid = match combination {
            Combination::Any(schemas) => self.holding(schemas, at, 1)? == 1,
            Combination::One(schemas) => self.holding(schemas, at, 2)? == 1,
            Combination::Not(schema) => !self.holds(*schema, at)?,
            Combination::If {
                test,
                then,
                otherwise,
            } => {
                let branch = if self.holds(*test, at)? {
                    then
                } else {
                    otherwise
                };
                if let Some(schema) = branch {
                    self.apply(*schema, at)?;
                }
                true
            }
        };
        if valid {
            return Ok(());
        }
        self.broken(at, Breach::Combination)
    }

    /// How many of the schemas hold for a value; counting ends at `enough`.
    fn holding(&mut self, schemas: &[NodeId], at: usize, enough: u32) -> Result<u32, Stop> {
        let mut holding = 0;
        for &schema in schemas {
            holding += u32::from(self.holds(schema, at)?);
            if holding == enough {
                break;
            }
        }
        Ok(holding)
    }

    /// Whether a schema holds for a value; which rules it breaks is not told.
    fn holds(&mut self, schema: NodeId, at: usize) -> Result<bool, Stop> {
        let (probing, level) = (self.probing, self.level);
        self.probing = true;
        let applied = self.apply(schema, at);
        (self.probing, self.level) = (probing, level);
        match applied {
            Ok(_) => Ok(true),
            Err(Stop::Broken) => Ok(false),
            Err(Stop::Spent) => Err(Stop::Spent),
        }
    }

    fn size(&mut self, size: Size, count: u64, at: usize) -> Result<(), Stop> {
        if size.allows(count) {
            return Ok(());
        }
        self.broken(at, Breach::Size)
    }

    fn is_equal(&mut self, other: Checked<'_>, other_at: usize, at: usize) -> Result<bool, Stop> {
        let equal = equal::are_equal(other, other_at, self.json, at, &mut self.steps);
        match equal {
            Ok(equal) => Ok(equal),
            Err(_) => self.spent(at),
        }
    }

    /// Passes over a value that no rule is about.
    fn pass(&mut self, at: usize) -> Result<usize, Stop> {
        let end = self.json.end(at);
        self.charge(1 + (end - at) / 64, at)?;
        Ok(end)
    }

    fn charge(&mut self, steps: usize, at: usize) -> Result<(), Stop> {
        match self.steps.take(steps) {
            Ok(()) => Ok(()),
            Err(_) => self.spent(at),
        }
    }

    /// The value at `at` breaks a rule.
    fn broken(&mut self, at: usize, breach: Breach) -> Result<(), Stop> {
        if self.probing {
            return Err(Stop::Broken);
        }
        self.write(at, breach);
        Ok(())
    }

    /// The check ends at `at`, whatever stands behind.
    #[cold]
    fn spent<T>(&mut self, at: usize) -> Result<T, Stop> {
        self.write(at, Breach::Budget);
        Err(Stop::Spent)
    }

    #[cold]
    fn write(&mut self, at: usize, breach: Breach) {
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        self.issues.push(Issue { at, breach });
    }
}
