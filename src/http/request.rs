//! The JSON of evaluation requests, as leniently as Flipt reads it and a little more.
//!
//! Both spellings of a field are taken (`flagKey` before `flag_key`), the last of several counts, `null` is absent,
//! unknown fields and text after the value are ignored, and an empty body is an empty request. Beyond Flipt, a value
//! of a context may be any JSON: clients send numbers and truth values as they are. It is kept as it was written.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::error::Failure;
use crate::flags::evaluate::Context;
use crate::limits;

/// One evaluation.
#[derive(Debug, Default)]
pub(super) struct Evaluation<'b> {
    pub(super) request_id: Cow<'b, str>,
    pub(super) environment: Cow<'b, str>,
    pub(super) namespace: Cow<'b, str>,
    pub(super) flag: Cow<'b, str>,
    pub(super) entity: Cow<'b, str>,
    pub(super) context: Context,
}

/// Several at once.
#[derive(Debug, Default)]
pub(super) struct Batch<'b> {
    pub(super) request_id: Cow<'b, str>,
    pub(super) items: Vec<Evaluation<'b>>,
}

/// An OFREP request: only a context.
#[derive(Debug, Default)]
pub(super) struct Ofrep {
    pub(super) context: Context,
}

/// The text of a body: bytes that are no UTF-8 and halves of a surrogate pair become U+FFFD.
pub(super) fn text(body: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(body);
    if text.contains("\\ud") || text.contains("\\uD") { Cow::Owned(mend_surrogates(&text)) } else { text }
}

/// Reads a request from the text of a body.
pub(super) fn parse<'b, T: Deserialize<'b> + Default>(text: &'b str) -> Result<T, Failure> {
    if text.bytes().all(|b| b.is_ascii_whitespace()) {
        return Ok(T::default());
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    match Option::<T>::deserialize(&mut reader) {
        Ok(request) => Ok(request.unwrap_or_default()),
        Err(error) if error.is_eof() => Err(Failure::invalid("unexpected EOF")),
        Err(error) if error.is_data() => {
            let message = error.to_string();
            // A limit of ours has words of its own; any other wrong type has Flipt's.
            let ours = message.starts_with(TOO_MANY_ITEMS) || message.starts_with(TOO_MANY_PROPERTIES);
            Err(Failure::invalid(if ours { message } else { "invalid values for key(s) in json body".to_owned() }))
        }
        Err(error) => {
            Err(Failure::invalid(format!("malformed JSON at line {} column {}", error.line(), error.column())))
        }
    }
}

/// A context as the text of a file has it, strictly: one JSON object and nothing behind it.
///
/// # Errors
/// In words, with line and column.
pub fn context(text: &str) -> Result<Context, String> {
    serde_json::from_str::<Properties>(text).map(|properties| properties.0).map_err(|error| error.to_string())
}

const TOO_MANY_ITEMS: &str = "too many requests in one batch";
const TOO_MANY_PROPERTIES: &str = "too many properties in one context";

/// Replaces escaped halves of surrogate pairs that stand alone, which Go reads as U+FFFD and serde refuses.
fn mend_surrogates(text: &str) -> String {
    let unit = |at: usize| {
        let escape = text.get(at..at + 6)?;
        u32::from_str_radix(escape.strip_prefix("\\u")?, 16).ok()
    };
    let mut mended = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let taken = match rest.find('\\') {
            None => rest.len(),
            Some(n) if n > 0 => n,
            Some(_) => match (unit(at), unit(at + 6)) {
                (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 12,
                (Some(0xD800..=0xDFFF), _) => {
                    mended.push_str("\\ufffd");
                    at += 6;
                    continue;
                }
                // Any other escape; its second character may itself be a backslash.
                _ => 1 + rest.chars().nth(1).map_or(0, char::len_utf8),
            },
        };
        mended.push_str(rest.get(..taken).unwrap_or_default());
        at += taken;
    }
    mended
}

/// A field with two spellings.
#[derive(Debug, Default)]
struct Twice<'b> {
    camel: Option<Text<'b>>,
    snake: Option<Text<'b>>,
}

impl<'b> Twice<'b> {
    fn get(self) -> Cow<'b, str> {
        self.camel.or(self.snake).map(|text| text.0).unwrap_or_default()
    }
}

/// A string, borrowed from the body where it has no escapes.
#[derive(Debug)]
struct Text<'b>(Cow<'b, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
            fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text)))
            }
        }
        deserializer.deserialize_str(Reader)
    }
}

impl<'de> Deserialize<'de> for Evaluation<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Evaluation<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an evaluation request")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let (mut request_id, mut environment, mut namespace) =
                    (Twice::default(), Twice::default(), Twice::default());
                let (mut flag, mut entity) = (Twice::default(), Twice::default());
                let mut context = None;
                while let Some(Text(name)) = map.next_key()? {
                    match &*name {
                        "flagKey" => flag.camel = map.next_value()?,
                        "flag_key" => flag.snake = map.next_value()?,
                        "entityId" => entity.camel = map.next_value()?,
                        "entity_id" => entity.snake = map.next_value()?,
                        "namespaceKey" => namespace.camel = map.next_value()?,
                        "namespace_key" => namespace.snake = map.next_value()?,
                        "environmentKey" => environment.camel = map.next_value()?,
                        "environment_key" => environment.snake = map.next_value()?,
                        "requestId" => request_id.camel = map.next_value()?,
                        "request_id" => request_id.snake = map.next_value()?,
                        "context" => context = map.next_value::<Option<Properties>>()?,
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(Evaluation {
                    request_id: request_id.get(),
                    environment: environment.get(),
                    namespace: namespace.get(),
                    flag: flag.get(),
                    entity: entity.get(),
                    context: context.unwrap_or_default().0,
                })
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

impl<'de> Deserialize<'de> for Batch<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Batch<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a batch of evaluation requests")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut request_id = Twice::default();
                let mut items = None;
                while let Some(Text(name)) = map.next_key()? {
                    match &*name {
                        "requests" => items = map.next_value::<Option<Items>>()?,
                        "requestId" => request_id.camel = map.next_value()?,
                        "request_id" => request_id.snake = map.next_value()?,
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(Batch { request_id: request_id.get(), items: items.unwrap_or_default().0 })
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

impl<'de> Deserialize<'de> for Ofrep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Ofrep;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an OFREP request")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut context = None;
                while let Some(Text(name)) = map.next_key()? {
                    if name == "context" {
                        context = map.next_value::<Option<Properties>>()?;
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(Ofrep { context: context.unwrap_or_default().0 })
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// The items of a batch, bounded while they are read.
#[derive(Debug, Default)]
struct Items<'b>(Vec<Evaluation<'b>>);

impl<'de> Deserialize<'de> for Items<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Items<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of evaluation requests")
            }
            fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Self::Value, S::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element::<Option<Evaluation<'de>>>()? {
                    if items.len() == limits::BATCH_ITEMS {
                        return Err(serde::de::Error::custom(format_args!(
                            "{TOO_MANY_ITEMS}: {} are taken",
                            limits::BATCH_ITEMS
                        )));
                    }
                    items.push(item.unwrap_or_default());
                }
                Ok(Items(items))
            }
        }
        deserializer.deserialize_seq(Reader)
    }
}

/// A context, bounded while it is read.
#[derive(Debug, Default)]
struct Properties(Context);

impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Properties;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a context")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut context = Context::default();
                while let Some(Text(name)) = map.next_key()? {
                    let value = property(map.next_value::<&RawValue>()?).map_err(serde::de::Error::custom)?;
                    if context.len() == limits::CONTEXT_PROPERTIES {
                        return Err(serde::de::Error::custom(format_args!(
                            "{TOO_MANY_PROPERTIES}: {} are taken",
                            limits::CONTEXT_PROPERTIES
                        )));
                    }
                    context.insert(name.into_owned(), value);
                }
                Ok(Properties(context))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// The value of a property: the text of a string, nothing for `null`, and anything else as it was written.
fn property(raw: &RawValue) -> Result<String, serde_json::Error> {
    match raw.get() {
        "null" => Ok(String::new()),
        text if text.starts_with('"') => match text.get(1..text.len() - 1) {
            Some(plain) if !plain.contains('\\') => Ok(plain.to_owned()),
            _ => serde_json::from_str(text),
        },
        other => Ok(other.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read = (String, String, Vec<(String, String)>);

    fn read(body: &str) -> Result<Read, String> {
        let text = text(body.as_bytes());
        let request: Evaluation<'_> = parse(&text).map_err(|f| f.message.into_owned())?;
        let mut context: Vec<_> = request.context.into_iter().collect();
        context.sort();
        Ok((request.flag.into_owned(), request.entity.into_owned(), context))
    }

    fn flag(body: &str) -> String {
        read(body).unwrap().0
    }

    #[test]
    fn either_spelling_the_last_one_and_camel_first() {
        assert_eq!(flag(r#"{"flag_key":"a"}"#), "a");
        assert_eq!(flag(r#"{"flagKey":"a","flag_key":"b"}"#), "a");
        assert_eq!(flag(r#"{"flag_key":"b","flagKey":"a"}"#), "a");
        assert_eq!(flag(r#"{"flagKey":"b","flagKey":"a"}"#), "a");
        assert_eq!(flag(r#"{"flagKey":null}"#), "");
    }

    #[test]
    fn nothing_is_an_empty_request() {
        for body in ["", " \n", "null", "{}", r#"{"context":null,"x":[{}]}"#, "{} trailing", "{}{"] {
            assert_eq!(read(body).unwrap(), (String::new(), String::new(), vec![]), "{body}");
        }
    }

    #[test]
    fn context_values_of_any_type_are_kept_as_written() {
        let context = r#"{"context":{"s":"x\u00e9","n":5,"f":1.50,"big":12345678901234567890123,"over":1e400,
            "t":true,"nil":null,"l":[1, "a"],"o":{"k":"v"},"e":""}}"#;
        let want = [
            ("big", "12345678901234567890123"),
            ("e", ""),
            ("f", "1.50"),
            ("l", r#"[1, "a"]"#),
            ("n", "5"),
            ("nil", ""),
            ("o", r#"{"k":"v"}"#),
            ("over", "1e400"),
            ("s", "xé"),
            ("t", "true"),
        ];
        let got = read(context).unwrap().2;
        assert_eq!(got, want.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }

    #[test]
    fn wrong_types_and_broken_text_have_their_message() {
        for body in ["[]", "5", "\"x\"", r#"{"flagKey":5}"#, r#"{"entityId":5}"#, r#"{"context":[]}"#] {
            assert_eq!(read(body).unwrap_err(), "invalid values for key(s) in json body", "{body}");
        }
        for body in ["{", r#"{"flagKey":"a"#, r#"{"context":"#] {
            assert_eq!(read(body).unwrap_err(), "unexpected EOF", "{body}");
        }
        for body in ["hello", "{'a':1}", r#"{"flagKey":"\x"}"#, "\u{feff}{}", r#"{"flagKey":"a",}"#] {
            assert!(read(body).unwrap_err().starts_with("malformed JSON at line 1"), "{body}");
        }
    }

    #[test]
    fn lone_surrogates_and_bad_bytes_become_the_replacement_character() {
        assert_eq!(read(r#"{"entityId":"\ud800"}"#).unwrap().1, "\u{fffd}");
        assert_eq!(read(r#"{"entityId":"\ud83d\ude80"}"#).unwrap().1, "🚀");
        assert_eq!(read(r#"{"entityId":"a\udc00\ud800\ud800b"}"#).unwrap().1, "a\u{fffd}\u{fffd}\u{fffd}b");
        assert_eq!(read(r#"{"entityId":"\\ud800"}"#).unwrap().1, r"\ud800");
        assert_eq!(text(b"\"\xff\""), "\"\u{fffd}\"");
        assert_eq!(mend_surrogates(r"\ud8"), r"\ud8");
    }

    #[test]
    fn depth_costs_nothing() {
        let deep = format!(r#"{{"flagKey":"a","x":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(flag(&deep), "a");
        let deep = format!(r#"{{"flagKey":"a","context":{{"k":{}{}}}}}"#, "[".repeat(50_000), "]".repeat(50_000));
        assert_eq!(read(&deep).unwrap().2.len(), 1);
    }

    #[test]
    fn bounds_are_kept_while_reading() {
        let many = format!(r#"{{"requests":[{}null]}}"#, "null,".repeat(limits::BATCH_ITEMS));
        assert!(parse::<Batch<'_>>(&many).unwrap_err().message.starts_with(TOO_MANY_ITEMS));
        let full = format!(r#"{{"requests":[{}null]}}"#, "null,".repeat(limits::BATCH_ITEMS - 1));
        assert_eq!(parse::<Batch<'_>>(&full).unwrap().items.len(), limits::BATCH_ITEMS);
        let properties: Vec<_> = (0..=limits::CONTEXT_PROPERTIES).map(|n| format!("\"{n}\":1")).collect();
        let wide = format!(r#"{{"context":{{{}}}}}"#, properties.join(","));
        assert!(parse::<Ofrep>(&wide).unwrap_err().message.starts_with(TOO_MANY_PROPERTIES));
    }
}
