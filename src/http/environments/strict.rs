//! JSON as a request that changes something has to have it: one value and nothing behind it, no field twice.
//!
//! A text that two readers may understand in two ways is not one to make a commit of.

use serde_json::{Map, Value};

use crate::http::error::Failure;
use crate::json;

/// The value of a body. An empty one is an empty object.
pub(super) fn read(body: &[u8]) -> Result<Map<String, Value>, Failure> {
    let text = std::str::from_utf8(body).map_err(|_| Failure::invalid("the body is no UTF-8"))?;
    if text.bytes().all(|b| b.is_ascii_whitespace()) {
        return Ok(Map::new());
    }
    match json::value(body) {
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
