//! Reads typed fields from a manifest's tables and remembers everything that is wrong with them.

use std::ops::RangeInclusive;

use super::problem::{Place, Problem, Problems, shown};
use super::tree::{Lines, Member, Node, Value};
use super::{SchemaRef, words};
use crate::code::Code;
use crate::duration::{Ms, parse_ms};
use crate::json::Json;
use crate::name::Name;
use crate::near::nearest;
use crate::size::{Bytes, parse_bytes};

/// Most characters of a text field.
const MAX_TEXT: usize = 1_024;
/// Most characters of a description.
const MAX_DESCRIPTION: usize = 2_000;

/// A table of the manifest and where it is.
#[derive(Clone)]
pub(super) struct Table<'n> {
    pub(super) members: &'n [Member],
    pub(super) place: Place,
}

/// A field of a table.
pub(super) struct Field<'n> {
    pub(super) name: &'n str,
    pub(super) node: &'n Node,
    pub(super) place: Place,
}

/// What reading has found so far.
pub(super) struct Reader {
    lines: Option<Lines>,
    pub(super) problems: Problems,
}

impl Reader {
    pub(super) fn new(lines: Option<Lines>) -> Self {
        Self { lines, problems: Problems::default() }
    }

    pub(super) fn problem(&mut self, code: Code, place: &Place, detail: impl Into<String>) {
        self.problems.push(Problem::new(code, place, detail));
    }

    fn place(&self, within: &Place, name: &str, at: usize) -> Place {
        let name = name.replace('~', "~0").replace('/', "~1");
        Place {
            pointer: format!("{}/{name}", within.pointer),
            line: self.lines.as_ref().map(|lines| lines.line(at)),
        }
    }

    /// The field, when the table has it.
    pub(super) fn field<'n>(&self, table: &Table<'n>, name: &str) -> Option<Field<'n>> {
        let member = table.members.iter().find(|member| member.key == name)?;
        let place = self.place(&table.place, name, member.at);
        Some(Field { name: &member.key, node: &member.node, place })
    }

    fn wrong_type(&mut self, field: &Field<'_>, wanted: &str) {
        let detail =
            format!("`{}` takes {wanted}, this is {}", field.name, field.node.value.kind());
        self.problem(Code::ManifestWrongType, &field.place, detail);
    }

    fn out_of_range(&mut self, field: &Field<'_>, given: &str, range: &str) {
        let detail = format!("`{}`: {given} is out of range; choose a value {range}", field.name);
        self.problem(Code::ManifestOutOfRange, &field.place, detail);
    }

    /// Refuses fields that this table does not have.
    pub(super) fn only(&mut self, table: &Table<'_>, known: &[&'static str]) {
        for member in table.members.iter().filter(|member| !known.contains(&member.key.as_str())) {
            let place = self.place(&table.place, &shown(&member.key), member.at);
            let name = shown(&member.key);
            if words::LATER.contains(&member.key.as_str()) {
                let detail = format!(
                    "`{name}` is not supported yet; remove it, or do its work in a handler"
                );
                self.problem(Code::ManifestNotSupported, &place, detail);
                continue;
            }
            let meant = words::SYNONYMS.iter().find(|(word, _)| *word == member.key);
            let meant = meant.map(|(_, field)| *field).filter(|field| known.contains(field));
            let meant = meant.or_else(|| nearest(&member.key, known.iter().copied()));
            let mut detail = format!("unknown field `{name}`");
            if meant.is_none() {
                detail.push_str(&format!("; here belong {}", listed(known)));
            }
            let problem = Problem::new(Code::ManifestUnknownField, &place, detail);
            self.problems.push(problem.suggesting(meant));
        }
    }

    /// A required field is not there.
    pub(super) fn missing(&mut self, table: &Table<'_>, name: &str, example: &str) {
        let detail = format!("`{name}` is missing; add it, for example `{example}`");
        self.problem(Code::ManifestMissingField, &table.place, detail);
    }

    /// The table's own tables: a list of them, as `[[name]]` makes.
    pub(super) fn tables<'n>(&mut self, table: &Table<'n>, name: &str) -> Vec<Table<'n>> {
        let wanted = format!("a list of tables; begin each with `[[{name}]]`");
        let entries = self.entries(table, name, &wanted);
        entries.iter().filter_map(|entry| self.as_table(entry)).collect()
    }

    /// The entries of a list.
    pub(super) fn entries<'n>(
        &mut self,
        table: &Table<'n>,
        name: &str,
        wanted: &str,
    ) -> Vec<Field<'n>> {
        let Some(field) = self.field(table, name) else { return Vec::new() };
        let Value::List(items) = &field.node.value else {
            self.wrong_type(&field, wanted);
            return Vec::new();
        };
        let entry = |(index, node): (usize, &'n Node)| {
            let place = self.place(&field.place, &index.to_string(), node.at);
            Field { name: field.name, node, place }
        };
        items.iter().enumerate().map(entry).collect()
    }

    /// A table inside the table.
    pub(super) fn table<'n>(&mut self, table: &Table<'n>, name: &str) -> Option<Table<'n>> {
        let field = self.field(table, name)?;
        self.as_table(&field)
    }

    pub(super) fn as_table<'n>(&mut self, field: &Field<'n>) -> Option<Table<'n>> {
        let Value::Table(members) = &field.node.value else {
            self.wrong_type(field, "a table");
            return None;
        };
        Some(Table { members, place: field.place.clone() })
    }

    /// A text of one line.
    pub(super) fn text(&mut self, table: &Table<'_>, name: &str) -> Option<String> {
        let field = self.field(table, name)?;
        self.checked_text(&field, MAX_TEXT, &[])
    }

    /// A text of any number of lines.
    pub(super) fn prose(&mut self, table: &Table<'_>, name: &str) -> Option<String> {
        let field = self.field(table, name)?;
        self.checked_text(&field, MAX_DESCRIPTION, &['\n', '\r', '\t'])
    }

    fn checked_text(&mut self, field: &Field<'_>, most: usize, allowed: &[char]) -> Option<String> {
        let Value::Text(text) = &field.node.value else {
            self.wrong_type(field, "a text in `\"`");
            return None;
        };
        let control = text.chars().find(|c| c.is_control() && !allowed.contains(c));
        let detail = match control {
            Some(c) => format!(
                "`{}` has the control character `{}`; remove it",
                field.name,
                c.escape_unicode()
            ),
            None if text.chars().nth(most).is_some() => {
                format!("`{}` has more than {most} characters; shorten it", field.name)
            }
            None => return Some(text.clone()),
        };
        self.problem(Code::ManifestBadText, &field.place, detail);
        None
    }

    /// The name of a flow, step or handler.
    pub(super) fn name(&mut self, table: &Table<'_>, name: &str) -> Option<Name> {
        let field = self.field(table, name)?;
        let Value::Text(text) = &field.node.value else {
            self.wrong_type(&field, "a name in `\"`");
            return None;
        };
        match text.parse() {
            Ok(parsed) => Some(parsed),
            Err(crate::name::BadName::Characters(_)) => {
                let detail = format!(
                    "`{}` is not a name: start with a letter or `_`, go on with letters, digits, `_` or `-`",
                    shown(text)
                );
                self.problem(Code::ManifestBadName, &field.place, detail);
                None
            }
            Err(bad) => {
                self.problem(Code::ManifestBadName, &field.place, bad.to_string());
                None
            }
        }
    }

    /// One of these words; `listed` names them all.
    pub(super) fn word<T: Copy>(
        &mut self,
        table: &Table<'_>,
        name: &str,
        words: &[(&str, T)],
        listed: &str,
    ) -> Option<T> {
        let text = self.text(table, name)?;
        if let Some((_, meant)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*meant);
        }
        let place = self.field(table, name).map(|field| field.place).unwrap_or_default();
        let detail = format!("`{name}` takes {listed}");
        let problem = Problem::new(Code::ManifestWrongType, &place, detail);
        self.problems.push(problem.suggesting(nearest(&text, words.iter().map(|(word, _)| *word))));
        None
    }

    pub(super) fn flag(&mut self, table: &Table<'_>, name: &str) -> Option<bool> {
        let field = self.field(table, name)?;
        let Value::Flag(flag) = &field.node.value else {
            self.wrong_type(&field, "`true` or `false`");
            return None;
        };
        Some(*flag)
    }

    pub(super) fn whole(
        &mut self,
        table: &Table<'_>,
        name: &str,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        let field = self.field(table, name)?;
        let Value::Whole(number) = &field.node.value else {
            self.wrong_type(&field, "a whole number");
            return None;
        };
        let held = u64::try_from(*number).ok().filter(|number| range.contains(number));
        if held.is_none() {
            let words = format!("from {} to {}", range.start(), range.end());
            self.out_of_range(&field, &format!("`{number}`"), &words);
        }
        held
    }

    pub(super) fn real(
        &mut self,
        table: &Table<'_>,
        name: &str,
        range: RangeInclusive<f64>,
    ) -> Option<f64> {
        let field = self.field(table, name)?;
        let number = match &field.node.value {
            Value::Real(number) => *number,
            #[expect(clippy::cast_precision_loss, reason = "the range that follows is far smaller")]
            Value::Whole(number) => *number as f64,
            Value::Null
            | Value::Flag(_)
            | Value::Text(_)
            | Value::List(_)
            | Value::Table(_)
            | Value::Date => {
                self.wrong_type(&field, "a number");
                return None;
            }
        };
        if !range.contains(&number) {
            let words = format!("from {} to {}", range.start(), range.end());
            self.out_of_range(&field, &format!("`{number}`"), &words);
            return None;
        }
        Some(number)
    }

    /// Milliseconds of a duration.
    pub(super) fn duration(
        &mut self,
        table: &Table<'_>,
        name: &str,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        let field = self.field(table, name)?;
        let Value::Text(text) = &field.node.value else {
            self.wrong_type(&field, "a duration in `\"` with its unit, like `\"5s\"`");
            return None;
        };
        match parse_ms(text) {
            Ok(ms) if range.contains(&ms) => Some(ms),
            Ok(ms) => {
                let words = format!("from `{}` to `{}`", Ms(*range.start()), Ms(*range.end()));
                self.out_of_range(&field, &format!("`{}`", Ms(ms)), &words);
                None
            }
            Err(bad) => {
                self.problem(
                    Code::ManifestWrongType,
                    &field.place,
                    format!("`{}`: {bad}", field.name),
                );
                None
            }
        }
    }

    /// Bytes of a size.
    pub(super) fn size(
        &mut self,
        table: &Table<'_>,
        name: &str,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        let field = self.field(table, name)?;
        let Value::Text(text) = &field.node.value else {
            self.wrong_type(&field, "a size in `\"` with its unit, like `\"64MiB\"`");
            return None;
        };
        match parse_bytes(text) {
            Ok(bytes) if range.contains(&bytes) => Some(bytes),
            Ok(bytes) => {
                let words =
                    format!("from `{}` to `{}`", Bytes(*range.start()), Bytes(*range.end()));
                self.out_of_range(&field, &format!("`{}`", Bytes(bytes)), &words);
                None
            }
            Err(bad) => {
                self.problem(
                    Code::ManifestWrongType,
                    &field.place,
                    format!("`{}`: {bad}", field.name),
                );
                None
            }
        }
    }

    /// The texts of a list and where each is.
    pub(super) fn texts(&mut self, table: &Table<'_>, name: &str) -> Vec<(String, Place)> {
        let Some(field) = self.field(table, name) else { return Vec::new() };
        let Value::List(items) = &field.node.value else {
            self.wrong_type(&field, &format!("a list, like `{name} = [\"fetch\"]`"));
            return Vec::new();
        };
        let mut texts = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let place = self.place(&field.place, &index.to_string(), item.at);
            if let Some(text) = item.value.as_text() {
                texts.push((text.to_owned(), place));
            } else {
                let detail = format!("`{name}` takes texts in `\"`, this is {}", item.value.kind());
                self.problem(Code::ManifestWrongType, &place, detail);
            }
        }
        texts
    }

    /// Any value, as JSON with sorted keys.
    pub(super) fn value(&mut self, table: &Table<'_>, name: &str) -> Option<Json> {
        let field = self.field(table, name)?;
        match field.node.value.to_json() {
            Ok(value) => Some(Json::trusted(value.to_string())),
            Err(detail) => {
                let detail = format!("`{name}`: {detail}");
                self.problem(Code::ManifestWrongType, &field.place, detail);
                None
            }
        }
    }

    /// A JSON Schema: inline, or the path of a file.
    pub(super) fn schema(&mut self, table: &Table<'_>, name: &str) -> Option<SchemaRef> {
        let field = self.field(table, name)?;
        match &field.node.value {
            Value::Text(_) => self.checked_text(&field, MAX_TEXT, &[]).map(SchemaRef::File),
            Value::Table(_) | Value::Flag(_) => match field.node.value.to_json() {
                Ok(schema) => Some(SchemaRef::Inline(Json::trusted(schema.to_string()))),
                Err(detail) => {
                    let detail = format!("`{}`: {detail}", field.name);
                    self.problem(Code::ManifestBadSchema, &field.place, detail);
                    None
                }
            },
            Value::Null | Value::Whole(_) | Value::Real(_) | Value::List(_) | Value::Date => {
                self.wrong_type(&field, "a JSON Schema or the path of one");
                None
            }
        }
    }
}

fn listed(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
