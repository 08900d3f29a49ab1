//! JSON whose objects keep their order, so that a file can be written again as it was read.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Number;

/// A JSON value; the members of an object stand in the order of the text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    pub(super) fn text(text: impl Into<String>) -> Json {
        Json::Text(text.into())
    }

    pub(super) fn object<const N: usize>(members: [(&str, Json); N]) -> Json {
        Json::Object(
            members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        )
    }

    /// A number of milliseconds, to the microsecond.
    pub(super) fn millis(time: std::time::Duration) -> Json {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Number::from_f64(micros as f64 / 1000.0).map_or(Json::Null, Json::Number)
    }

    /// Adds a member to an object.
    pub(super) fn push(&mut self, name: &str, value: Json) {
        if let Json::Object(members) = self {
            members.push((name.to_owned(), value));
        }
    }

    /// A member of an object; of several of one name the last one, as JSON readers commonly do.
    pub(super) fn get(&self, name: &str) -> Option<&Json> {
        match self {
            Json::Object(members) => members
                .iter()
                .rfind(|(key, _)| key == name)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn as_list(&self) -> Option<&[Json]> {
        match self {
            Json::List(list) => Some(list),
            _ => None,
        }
    }

    pub(super) fn as_i64(&self) -> Option<i64> {
        match self {
            // Some exporters write whole numbers as floats.
            Json::Number(number) => number
                .as_i64()
                .or_else(|| number.as_f64().map(|float| float as i64)),
            _ => None,
        }
    }

    /// Without any white space.
    pub(super) fn compact(&self) -> String {
        serde_json::to_string(self).expect("every key is text, and a String takes every byte")
    }

    /// Spread over lines, two spaces to a level.
    pub(super) fn pretty(&self) -> String {
        serde_json::to_string_pretty(self)
            .expect("every key is text, and a String takes every byte")
    }
}

impl From<usize> for Json {
    fn from(number: usize) -> Json {
        Json::Number((number as u64).into())
    }
}

impl From<i64> for Json {
    fn from(number: i64) -> Json {
        Json::Number(number.into())
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Json::Null => serializer.serialize_unit(),
            Json::Bool(bool) => serializer.serialize_bool(*bool),
            Json::Number(number) => number.serialize(serializer),
            Json::Text(text) => serializer.serialize_str(text),
            Json::List(list) => {
                let mut seq = serializer.serialize_seq(Some(list.len()))?;
                for item in list {
                    seq.serialize_element(item)?;
                }
                seq.end()
            }
            Json::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (name, value) in members {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(AnyJson)
    }
}

struct AnyJson;

impl<'de> Visitor<'de> for AnyJson {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, bool: bool) -> Result<Json, E> {
        Ok(Json::Bool(bool))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Json, E> {
        Ok(Number::from_f64(number).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::text(text))
    }

    fn visit_string<E>(self, text: String) -> Result<Json, E> {
        Ok(Json::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = seq.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(match members.as_slice() {
            // How serde_json gives a number where any crate of the graph asked for `arbitrary_precision`.
            [(name, Json::Text(digits))] if name == "$serde_json::private::Number" => {
                digits.parse().map_or(Json::Null, Json::Number)
            }
            _ => Json::Object(members),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_written_again_in_its_own_order() {
        let cases = [
            r#"{"z":1,"a":[true,null,-2,1.5,"é\u0001"],"m":{"b":{},"a":[]}}"#,
            r#""text""#,
            "18446744073709551615",
        ];
        for case in cases {
            let json: Json = serde_json::from_str(case).unwrap();
            assert_eq!(serde_json::to_string(&json).unwrap(), case);
        }
    }

    #[test]
    fn depth_is_bounded() {
        let deep = "[".repeat(100_000);
        assert!(serde_json::from_str::<Json>(&deep).is_err());
    }

    #[test]
    fn of_members_of_one_name_the_last_one_counts() {
        let json: Json = serde_json::from_str(r#"{"a":1,"a":2.0}"#).unwrap();
        assert_eq!(json.get("a").and_then(Json::as_i64), Some(2));
        assert_eq!(json.get("b"), None);
    }

    #[test]
    fn times_are_milliseconds_to_the_microsecond() {
        let time = std::time::Duration::from_nanos(1_234_567);
        assert_eq!(Json::millis(time).pretty(), "1.234");
    }
}
