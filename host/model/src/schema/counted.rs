//! JSON values that count how often a schema looks at them, so that no schema takes forever.
//!
//! Past the budget every value looks empty: a check then ends quickly, and whoever asked sees that the budget is spent.

use std::borrow::Cow;
use std::cell::Cell;

use jsonschema::JsonType;
use jsonschema::json::{Array, Json, Node, NodeIdentity, Object, cmp, unique};
use serde_json::{Map, Number, Value};

/// Bytes of a string that cost one step.
const BYTES_PER_STEP: u64 = 32;

/// How many steps are left.
pub(super) struct Budget(Cell<u64>);

impl Budget {
    pub(super) fn new(steps: u64) -> Self {
        Self(Cell::new(steps))
    }

    pub(super) fn is_spent(&self) -> bool {
        self.0.get() == 0
    }

    /// False when nothing is left.
    fn spend(&self, steps: u64) -> bool {
        self.0.set(self.0.get().saturating_sub(steps));
        !self.is_spent()
    }
}

/// The representation: `serde_json` values that know their budget.
pub(super) struct Counted;

/// A value and the budget it is looked at with; none where the validator looks at its own text.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    value: &'a Value,
    budget: Option<&'a Budget>,
}

impl<'a> Seen<'a> {
    pub(super) fn new(value: &'a Value, budget: &'a Budget) -> Self {
        Self { value, budget: Some(budget) }
    }

    fn spend(&self, steps: u64) -> bool {
        self.budget.is_none_or(|budget| budget.spend(steps))
    }

    fn with(&self, value: &'a Value) -> Self {
        Self { value, budget: self.budget }
    }
}

impl Json for Counted {
    type Node<'a> = Seen<'a>;
    type PreparedKey = String;
    type StringBuffer = Value;

    fn prepare_key(key: &str) -> String {
        key.to_owned()
    }

    fn with_string_node<T>(buffer: &mut Value, string: &str, f: impl FnOnce(Seen<'_>) -> T) -> T {
        *buffer = Value::String(string.to_owned());
        f(Seen { value: buffer, budget: None })
    }
}

impl<'a> Node<'a, Counted> for Seen<'a> {
    type Object = Members<'a>;
    type Array = Elements<'a>;
    type Number = &'a Number;

    fn as_object(&self) -> Option<Members<'a>> {
        let members = self.value.as_object()?;
        self.spend(1).then_some(Members { of: *self, members })
    }

    fn as_array(&self) -> Option<Elements<'a>> {
        let elements = self.value.as_array()?;
        self.spend(1).then_some(Elements { of: *self, elements })
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        let text = self.value.as_str()?;
        let affordable = self.spend(1 + text.len() as u64 / BYTES_PER_STEP);
        Some(Cow::Borrowed(if affordable { text } else { "" }))
    }

    fn as_number(&self) -> Option<&'a Number> {
        self.value.as_number()
    }

    fn as_boolean(&self) -> Option<bool> {
        self.value.as_bool()
    }

    fn is_null(&self) -> bool {
        self.value.is_null()
    }

    fn json_type(&self) -> JsonType {
        self.spend(1);
        match self.value {
            Value::Null => JsonType::Null,
            Value::Bool(_) => JsonType::Boolean,
            Value::Number(_) => JsonType::Number,
            Value::String(_) => JsonType::String,
            Value::Array(_) => JsonType::Array,
            Value::Object(_) => JsonType::Object,
        }
    }

    fn equals_value(&self, expected: &Value) -> bool {
        self.spend(1) && cmp::equal(self.value, expected)
    }

    fn to_value(&self) -> Cow<'a, Value> {
        Cow::Borrowed(self.value)
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(NodeIdentity::new(std::ptr::from_ref(self.value).addr()))
    }
}

/// The members of an object.
pub(super) struct Members<'a> {
    of: Seen<'a>,
    members: &'a Map<String, Value>,
}

impl<'a> Object<'a, Counted> for Members<'a> {
    type Node = Seen<'a>;
    type MemberName = &'a str;
    type MembersIter = MembersIter<'a>;

    fn len(&self) -> usize {
        self.members.len()
    }

    fn get(&self, key: &String) -> Option<Seen<'a>> {
        let value = self.members.get(key)?;
        self.of.spend(1).then(|| self.of.with(value))
    }

    fn members(&self) -> MembersIter<'a> {
        MembersIter { of: self.of, members: self.members.iter() }
    }
}

/// Goes through the members of an object.
pub(super) struct MembersIter<'a> {
    of: Seen<'a>,
    members: serde_json::map::Iter<'a>,
}

impl<'a> Iterator for MembersIter<'a> {
    type Item = (&'a str, Seen<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value) = self.members.next()?;
        self.of.spend(1).then(|| (name.as_str(), self.of.with(value)))
    }
}

/// The elements of an array.
pub(super) struct Elements<'a> {
    of: Seen<'a>,
    elements: &'a [Value],
}

impl<'a> Array<'a, Counted> for Elements<'a> {
    type Node = Seen<'a>;
    type ElementsIter = ElementsIter<'a>;

    fn len(&self) -> usize {
        self.elements.len()
    }

    fn elements(&self) -> ElementsIter<'a> {
        ElementsIter { of: self.of, elements: self.elements.iter() }
    }

    fn is_unique(&self) -> bool {
        self.of.spend(self.elements.len() as u64) && unique::is_unique(self.elements)
    }
}

/// Goes through the elements of an array.
pub(super) struct ElementsIter<'a> {
    of: Seen<'a>,
    elements: std::slice::Iter<'a, Value>,
}

impl<'a> Iterator for ElementsIter<'a> {
    type Item = Seen<'a>;

    fn next(&mut self) -> Option<Seen<'a>> {
        let value = self.elements.next()?;
        self.of.spend(1).then(|| self.of.with(value))
    }
}
