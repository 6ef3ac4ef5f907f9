//! JSON as a request that changes something has to have it: one value and nothing behind it, no field twice.
//!
//! A text that two readers may understand in two ways is not one to make a commit of.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::http::error::Failure;

/// The value of a body. An empty one is an empty object.
pub(super) fn read(body: &[u8]) -> Result<Map<String, Value>, Failure> {
    let text = std::str::from_utf8(body).map_err(|_| Failure::invalid("the body is no UTF-8"))?;
    if text.bytes().all(|b| b.is_ascii_whitespace()) {
        return Ok(Map::new());
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = Once.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    match read {
        Ok(Value::Object(object)) => Ok(object),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(_) => Err(Failure::invalid("the body is to be a JSON object")),
        Err(error) if error.is_eof() => Err(Failure::invalid("unexpected EOF")),
        Err(error) if error.is_data() => Err(Failure::invalid(error.to_string())),
        Err(error) => {
            Err(Failure::invalid(format!("malformed JSON at line {} column {}", error.line(), error.column())))
        }
    }
}

/// Any value, in whose objects no name stands twice.
struct Once;

impl<'de> DeserializeSeed<'de> for Once {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Once {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
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

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number without an end"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(Name(name)) = entries.next_key()? {
            let value = entries.next_value_seed(Self)?;
            if object.contains_key(&name) {
                return Err(A::Error::custom(format_args!("the field \"{name}\" stands twice")));
            }
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

/// The name of a field.
struct Name(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_value_is_read_as_it_is() {
        let text = r#"{"a":[1,-2,2.5,true,null,"x\u00e9"],"b":{"c":18446744073709551615}}"#;
        let want = json!({ "a": [1, -2, 2.5, true, null, "xé"], "b": { "c": u64::MAX } });
        assert_eq!(Value::Object(read(text.as_bytes()).unwrap()), want);
        for nothing in ["", " \n", "null", "{}"] {
            assert_eq!(read(nothing.as_bytes()).unwrap(), Map::new(), "{nothing:?}");
        }
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        for (text, why) in [
            (r#"{"a":1,"a":1}"#, "the field \"a\" stands twice"),
            (r#"{"x":[{"a":{"b":1,"\u0062":2}}]}"#, "the field \"b\" stands twice"),
            ("{} {}", "malformed JSON at line 1 column 4"),
            ("[]", "the body is to be a JSON object"),
            ("{", "unexpected EOF"),
            (r#"{"a":1,}"#, "malformed JSON at line 1 column 8"),
            (r#"{"a":"\ud800"}"#, "malformed JSON"),
        ] {
            let failure = read(text.as_bytes()).unwrap_err();
            assert!(failure.message.contains(why), "{text}: {}", failure.message);
        }
        assert!(read(b"{\"a\":\"\xff\"}").is_err());
        let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert!(read(deep.as_bytes()).is_err());
    }
}
