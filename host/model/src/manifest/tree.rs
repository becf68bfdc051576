//! A manifest as a tree of values with their places, whether it was written as TOML or JSON.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Place, Problem, Problems, shown};
use crate::code::Code;
use crate::json::Gate;

/// Largest manifest, in bytes.
pub const MAX_MANIFEST_BYTES: usize = 1024 * 1024;

/// Levels of tables and lists, the same as the JSON gate's.
const MAX_DEPTH: usize = 64;

/// A value and where it begins.
pub(super) struct Node {
    pub(super) at: usize,
    pub(super) value: Value,
}

/// What a manifest can hold.
pub(super) enum Value {
    Null,
    Flag(bool),
    Whole(i128),
    Real(f64),
    Text(String),
    List(Vec<Node>),
    Table(Vec<Member>),
    /// A date or time, which only TOML has.
    Date,
}

/// A field of a table.
pub(super) struct Member {
    pub(super) key: String,
    pub(super) at: usize,
    pub(super) node: Node,
}

/// Turns byte offsets into lines.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(
            text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect(),
        )
    }

    pub(super) fn line(&self, at: usize) -> usize {
        self.0.partition_point(|newline| *newline < at) + 1
    }
}

/// A tree and how its places are named.
pub(super) struct Tree {
    pub(super) root: Vec<Member>,
    pub(super) lines: Option<Lines>,
}

/// Reads TOML.
pub(super) fn from_toml(text: &str) -> Result<Tree, Problems> {
    check_size(text.len())?;
    let lines = Lines::of(text);
    if let Some(at) = text.find('\0') {
        let place = Place { pointer: String::new(), line: Some(lines.line(at)) };
        let detail = "the manifest has the character NUL; is it a text file?";
        return Err(Problem::new(Code::ManifestInvalidSyntax, &place, detail).into());
    }
    let parsed = DeTable::parse(text).map_err(|error| {
        let line = error.span().map(|span| lines.line(span.start));
        let place = Place { pointer: String::new(), line };
        Problem::new(Code::ManifestInvalidSyntax, &place, format!("not TOML: {}", error.message()))
    })?;
    let too_deep = |at| {
        let place = Place { pointer: String::new(), line: Some(lines.line(at)) };
        let detail =
            format!("tables and lists are more than {MAX_DEPTH} levels deep; make them flatter");
        Problem::new(Code::ManifestInvalidSyntax, &place, detail)
    };
    let root = members(parsed.into_inner(), 1).map_err(too_deep)?;
    Ok(Tree { root, lines: Some(lines) })
}

/// Reads JSON, which passes the gate first.
pub(super) fn from_json(text: &[u8]) -> Result<Tree, Problems> {
    check_size(text.len())?;
    let refused = |detail: String, pointer: String| {
        let place = Place { pointer, line: None };
        Problem::new(Code::ManifestInvalidSyntax, &place, detail)
    };
    let json = Gate { max_bytes: MAX_MANIFEST_BYTES, ..Gate::default() }
        .check(text)
        .map_err(|refusal| refused(format!("not JSON: {refusal}"), refusal.pointer))?;
    let value: serde_json::Value = serde_json::from_str(json.as_str())
        .map_err(|error| refused(format!("not JSON: {error}"), String::new()))?;
    let value = node_of(value).value;
    let kind = value.kind();
    if let Value::Table(root) = value {
        return Ok(Tree { root, lines: None });
    }
    let detail = format!("a manifest is an object, this is {kind}");
    Err(Problem::new(Code::ManifestWrongType, &Place::default(), detail).into())
}

fn check_size(bytes: usize) -> Result<(), Problem> {
    if bytes <= MAX_MANIFEST_BYTES {
        return Ok(());
    }
    let detail = format!(
        "the manifest has {bytes} bytes and may have {MAX_MANIFEST_BYTES}; make it smaller"
    );
    Err(Problem::new(Code::ManifestTooLarge, &Place::default(), detail))
}

/// The fields of a TOML table in the author's order, or the offset where it is too deep.
fn members(table: DeTable<'_>, depth: usize) -> Result<Vec<Member>, usize> {
    let member = |(key, value): (Spanned<_>, _)| {
        let at = key.span().start;
        let key: std::borrow::Cow<'_, str> = key.into_inner();
        Ok(Member { key: key.into_owned(), at, node: node(value, depth)? })
    };
    let mut members: Vec<Member> = table.into_iter().map(member).collect::<Result<_, usize>>()?;
    members.sort_by_key(|member| member.at);
    Ok(members)
}

fn node(value: Spanned<DeValue<'_>>, depth: usize) -> Result<Node, usize> {
    let at = value.span().start;
    if depth > MAX_DEPTH {
        return Err(at);
    }
    let value = match value.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => {
            let negative = number.as_str().starts_with('-');
            let held = i128::from_str_radix(number.as_str(), number.radix());
            Value::Whole(held.unwrap_or(if negative { i128::MIN } else { i128::MAX }))
        }
        DeValue::Float(number) => Value::Real(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(flag) => Value::Flag(flag),
        DeValue::Datetime(_) => Value::Date,
        DeValue::Array(list) => Value::List(
            list.into_iter().map(|item| node(item, depth + 1)).collect::<Result<_, usize>>()?,
        ),
        DeValue::Table(table) => Value::Table(members(table, depth + 1)?),
    };
    Ok(Node { at, value })
}

pub(super) fn node_of(value: serde_json::Value) -> Node {
    let value = match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(flag) => Value::Flag(flag),
        serde_json::Value::String(text) => Value::Text(text),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Value::Whole(whole.into()),
            (None, Some(whole)) => Value::Whole(whole.into()),
            (None, None) => Value::Real(number.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::Array(list) => Value::List(list.into_iter().map(node_of).collect()),
        serde_json::Value::Object(table) => {
            let member = |(key, value)| Member { key, at: 0, node: node_of(value) };
            Value::Table(table.into_iter().map(member).collect())
        }
    };
    Node { at: 0, value }
}

impl Value {
    pub(super) fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// What it is, for a message.
    pub(super) fn kind(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Flag(flag) => format!("`{flag}`"),
            Self::Whole(number) => format!("the number `{number}`"),
            Self::Real(number) => format!("the number `{number}`"),
            Self::Text(text) => format!("the text `\"{}\"`", shown(text)),
            Self::List(_) => "a list".to_owned(),
            Self::Table(_) => "a table".to_owned(),
            Self::Date => "a date".to_owned(),
        }
    }

    /// As JSON with sorted keys; what JSON cannot say is named in the error.
    pub(super) fn to_json(&self) -> Result<serde_json::Value, String> {
        let cannot = |what: &str| format!("{what} cannot be written in JSON");
        Ok(match self {
            Self::Null => serde_json::Value::Null,
            Self::Flag(flag) => (*flag).into(),
            Self::Whole(number) => match (i64::try_from(*number), u64::try_from(*number)) {
                (Ok(number), _) => number.into(),
                (Err(_), Ok(number)) => number.into(),
                (Err(_), Err(_)) => return Err(cannot("a whole number of more than 64 bits")),
            },
            Self::Real(number) => serde_json::Number::from_f64(*number)
                .map(serde_json::Value::Number)
                .ok_or_else(|| cannot("a number that is not finite"))?,
            Self::Text(text) => text.as_str().into(),
            Self::List(list) => {
                list.iter().map(|node| node.value.to_json()).collect::<Result<Vec<_>, _>>()?.into()
            }
            Self::Table(members) => {
                let mut sorted: Vec<&Member> = members.iter().collect();
                sorted.sort_by(|a, b| a.key.cmp(&b.key));
                let member =
                    |member: &Member| Ok((member.key.clone(), member.node.value.to_json()?));
                let members = sorted.into_iter().map(member);
                serde_json::Value::Object(members.collect::<Result<_, String>>()?)
            }
            Self::Date => return Err(cannot("a date")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_for_every_offset() {
        let lines = Lines::of("ab\n\nc\n");
        assert_eq!([0, 2, 3, 4, 6].map(|at| lines.line(at)), [1, 1, 2, 3, 4]);
    }
}
