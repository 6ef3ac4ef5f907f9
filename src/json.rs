//! JSON that has one meaning: an object in which no member occurs twice, at any depth.

use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Reads one object; the whole text is its. Nesting is bounded by the reader (128 levels).
pub(crate) fn object(text: &[u8]) -> Option<Map<String, Value>> {
    match value(text).ok()? {
        Value::Object(members) => Some(members),
        _ => None,
    }
}

/// Reads one value of any kind; the whole text is its.
///
/// # Errors
/// What is wrong and where; a member that occurs twice is an error of data and is named.
pub(crate) fn value(text: &[u8]) -> Result<Value, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = Unique.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

struct Unique;

impl<'de> DeserializeSeed<'de> for Unique {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON in which no member occurs twice")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element_seed(Self)? {
            all.push(item);
        }
        Ok(all.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(Self)?;
            if all.contains_key(&name) {
                return Err(A::Error::custom(format_args!("the field \"{name}\" stands twice")));
            }
            all.insert(name, value);
        }
        Ok(all.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_object_with_one_meaning() {
        for good in ["{}", r#" {"a":1,"b":[{"a":null},{"a":-1.5}],"c":"é\n","d":true,"e":18446744073709551615} "#] {
            let read = object(good.as_bytes()).unwrap();
            assert_eq!(Value::Object(read), serde_json::from_str::<Value>(good).unwrap(), "{good}");
        }
        let deep = "{\"a\":".repeat(200) + "1" + &"}".repeat(200);
        for bad in [
            "",
            "[]",
            "\"a\"",
            "null",
            "{",
            "{} {}",
            "{}\0",
            "\u{feff}{}",
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":1}"#,
            r#"{"a":{"b":[{"c":1,"c":2}]}}"#,
            r#"{"a":1e400}"#,
            r#"{"a":01}"#,
            r#"{"a":NaN}"#,
            r#"{"a":"\ud800"}"#,
            "{'a':1}",
            r#"{"a":1,}"#,
            r#"{"a":1}//"#,
            deep.as_str(),
        ] {
            assert_eq!(object(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(object(b"{\"a\":\"\xff\"}"), None);
    }
}
