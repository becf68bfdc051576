//! Reads what a step is given into the type its handler takes.

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess,
    Visitor,
};

use crate::bindings::stepcell::handler::types::Input;
use crate::error::Error;

/// The input as a value of the handler's type; a validation error that says what does not fit where it does not.
pub(crate) fn read<I: DeserializeOwned>(input: &Input) -> Result<I, Error> {
    let (what, answer) = match input {
        Input::Flow(json) => ("flow's input", serde_json::from_str(json)),
        Input::Element(json) => ("element", serde_json::from_str(json)),
        Input::Deps(deps) => ("dependencies' output", I::deserialize(Deps(deps))),
    };
    answer
        .map_err(|error| Error::validation(format!("the {what} does not fit the handler: {error}")))
}

/// An object whose keys are step names, read without copying it together first.
struct Deps<'a>(&'a [(String, String)]);

impl<'de> Deserializer<'de> for Deps<'de> {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_map(Entries { left: self.0.iter(), value: None })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

struct Entries<'de> {
    left: std::slice::Iter<'de, (String, String)>,
    value: Option<&'de (String, String)>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = serde_json::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Self::Error> {
        self.value = self.left.next();
        let Some((name, _)) = self.value else {
            return Ok(None);
        };
        let name: StrDeserializer<'de, Self::Error> = name.as_str().into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, Self::Error> {
        let (name, json) = self.value.take().expect("serde asks for a value after its key");
        let mut text = serde_json::Deserializer::from_str(json);
        let value = seed.deserialize(&mut text).and_then(|value| text.end().map(|()| value));
        value.map_err(|error| Self::Error::custom(format!("`{name}`: {error}")))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.len())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Joined {
        left: u32,
        right: Option<Vec<String>>,
    }

    fn deps(pairs: &[(&str, &str)]) -> Input {
        Input::Deps(
            pairs.iter().map(|(name, json)| ((*name).to_owned(), (*json).to_owned())).collect(),
        )
    }

    #[test]
    fn dependencies_become_the_fields_of_a_struct() {
        let both: Joined = read(&deps(&[("right", r#"["a"]"#), ("left", "7")])).unwrap();
        assert_eq!(both, Joined { left: 7, right: Some(vec!["a".to_owned()]) });
    }

    #[test]
    fn a_skipped_dependency_and_one_that_is_null_are_both_none() {
        let skipped: Joined = read(&deps(&[("left", "7")])).unwrap();
        let null: Joined = read(&deps(&[("left", "7"), ("right", "null")])).unwrap();
        assert_eq!(skipped, null);
    }

    #[test]
    fn dependencies_can_be_read_as_a_map_too() {
        let map: BTreeMap<String, serde_json::Value> =
            read(&deps(&[("a", "1"), ("b", "null")])).unwrap();
        assert_eq!(map.keys().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn what_does_not_fit_is_a_validation_error_that_names_the_dependency() {
        let error = read::<Joined>(&deps(&[("left", r#""seven""#)])).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Validation);
        assert!(error.message().contains("`left`: invalid type: string \"seven\""), "{error}");
    }

    #[test]
    fn an_element_is_read_as_it_is() {
        assert_eq!(read::<Option<u8>>(&Input::Element("null".to_owned())).unwrap(), None);
        assert_eq!(read::<f64>(&Input::Flow("1.5".to_owned())).unwrap(), 1.5);
    }
}
