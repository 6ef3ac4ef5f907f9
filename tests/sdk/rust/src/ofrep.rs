//! `open-feature-ofrep`: OpenFeature over OFREP, a request for each evaluation, on the defaults of the server.

use open_feature::provider::{FeatureProvider, ResolutionDetails};
use open_feature::{EvaluationContext, EvaluationError};
use open_feature_ofrep::{OfrepOptions, OfrepProvider};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::talk::Talk;

async fn provider(url: &str, headers: &[(&'static str, &str)]) -> OfrepProvider {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, value.parse().unwrap());
    }
    OfrepProvider::new(OfrepOptions { base_url: url.to_owned(), headers: map, ..OfrepOptions::default() })
        .await
        .unwrap()
}

fn told<T: Into<Value>>(result: Result<ResolutionDetails<T>, EvaluationError>) -> Value {
    match result {
        Ok(details) => {
            json!([details.value.into(), details.variant, details.reason.map(|reason| format!("{reason:?}"))])
        }
        Err(error) => json!({ "code": error.code.to_string(), "message": error.message }),
    }
}

pub async fn play(talk: &mut Talk) {
    let (url, bearer) = (talk.url.clone(), format!("Bearer {}", talk.token));
    let client = provider(&url, &[("authorization", &bearer)]).await;
    let staff = EvaluationContext::default()
        .with_targeting_key("ada")
        .with_custom_field("email", "ada@acme.example")
        .with_custom_field("age", 40)
        .with_custom_field("score", 0.5)
        .with_custom_field("beta", true);
    let other = EvaluationContext::default().with_targeting_key("bob");
    let adult = |age: i64| other.clone().with_custom_field("age", age);
    let release = async || told(client.resolve_string_value("release", &other).await);

    talk.check(
        "boolean",
        json!([
            told(client.resolve_bool_value("checkout", &staff).await),
            told(client.resolve_bool_value("checkout", &other).await),
        ]),
        json!([[true, "true", "Static"], [false, "false", "Static"]]),
    );
    talk.quirk(
        "the reason is always `Static`, whatever the server says",
        told(client.resolve_bool_value("checkout", &staff).await)[2].clone(),
        json!("Static"),
    );
    talk.quirk(
        "sends numbers and booleans of the context as they are (Flipt refuses those, Yardarm takes them)",
        json!([
            told(client.resolve_bool_value("adults", &adult(40)).await)[0],
            told(client.resolve_bool_value("adults", &adult(7)).await)[0],
        ]),
        json!([true, false]),
    );

    let banner = client.resolve_string_value("banner", &staff).await;
    let metadata =
        banner.as_ref().map(|details| details.flag_metadata.as_ref().is_some_and(|it| !it.values.is_empty()));
    let has_metadata = metadata.unwrap_or(true);
    talk.check(
        "variant",
        json!([
            told(banner),
            told(client.resolve_string_value("banner", &other).await),
            told(client.resolve_string_value("off", &staff).await),
        ]),
        json!([["quiet", "quiet", "Static"], ["news", "news", "Static"], ["fallback", "fallback", "Static"]]),
    );
    talk.quirk("metadata is dropped: the attachment of a variant cannot be had", json!(has_metadata), json!(false));
    talk.lacks("batch");
    talk.lacks("list");

    talk.check(
        "key",
        told(client.resolve_string_value("nope", &staff).await),
        json!({"code": "FLAG_NOT_FOUND", "message": "Flag: nope not found"}),
    );
    talk.check(
        "type",
        json!([
            told(client.resolve_bool_value("banner", &staff).await),
            told(client.resolve_int_value("banner", &staff).await),
        ]),
        json!([
            {"code": "PARSE_ERROR", "message": "Invalid value bool"},
            {"code": "PARSE_ERROR", "message": "Invalid value i64"},
        ]),
    );
    let refused = json!({
        "code": "authentication/authorization error",
        "message": "authentication/authorization error",
    });
    talk.check(
        "token",
        json!([
            told(
                provider(&url, &[("authorization", "Bearer wrong")]).await.resolve_bool_value("checkout", &staff).await
            ),
            told(provider(&url, &[]).await.resolve_bool_value("checkout", &staff).await),
        ]),
        json!([refused, refused]),
    );

    talk.after("pushed");
    talk.check("change", release().await, json!(["second", "second", "Static"]));

    talk.after("down");
    let lost = client.resolve_bool_value("checkout", &staff).await.map(|it| it.value).unwrap_err();
    let said = lost.message.unwrap_or_default();
    talk.check(
        "outage",
        json!([lost.code.to_string().trim(), said.starts_with("error sending request")]),
        json!(["Failed to resolve bool value", true]),
    );

    talk.after("up");
    talk.check("recovery", release().await, json!(["third", "third", "Static"]));

    talk.after("later");
    talk.check("again", release().await, json!(["fourth", "fourth", "Static"]));
}
