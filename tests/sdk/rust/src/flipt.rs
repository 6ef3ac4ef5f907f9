//! `flipt`: asks the server for each evaluation.

use std::collections::HashMap;

use flipt::api::FliptClient;
use flipt::error::UpstreamError;
use flipt::evaluation::models::{BatchEvaluationRequest, EvaluationRequest};
use flipt::models::{CommonParameters, ListParameters};
use flipt::{ClientTokenAuthentication, ConfigBuilder, NoneAuthentication, Url};
use serde_json::{Value, json};

use crate::talk::Talk;

const STAFF: &[(&str, &str)] = &[("email", "ada@acme.example")];

fn client(url: &str, token: Option<&str>) -> FliptClient {
    let url = Url::parse(url).unwrap();
    match token {
        Some(token) => {
            let auth = ClientTokenAuthentication::new(token.to_owned());
            FliptClient::new(ConfigBuilder::default().with_endpoint(url).with_auth_strategy(auth).build())
        }
        None => FliptClient::new(ConfigBuilder::<NoneAuthentication>::default().with_endpoint(url).build()),
    }
    .unwrap()
}

fn ask(flag: &str, context: &[(&str, &str)]) -> EvaluationRequest {
    let context: HashMap<_, _> = context.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    EvaluationRequest {
        namespace_key: "shop".to_owned(),
        flag_key: flag.to_owned(),
        entity_id: "ada".to_owned(),
        context,
        reference: None,
    }
}

fn failure<T>(result: Result<T, UpstreamError>) -> Value {
    result.map_or_else(|error| json!([error.code, error.message]), |_| json!("no error"))
}

async fn text(client: &FliptClient) -> Result<Value, UpstreamError> {
    let attachment = client.evaluation.variant(&ask("banner", &[])).await?.variant_attachment;
    Ok(serde_json::from_str::<Value>(&attachment).unwrap()["text"].clone())
}

pub async fn play(talk: &mut Talk) {
    let client_of = |token| client(&talk.url, token);
    let client = client_of(Some(&talk.token));

    let mut booleans = Vec::new();
    for context in [STAFF, &[]] {
        let answer = client.evaluation.boolean(&ask("checkout", context)).await.unwrap();
        booleans.push(json!([answer.enabled, format!("{:?}", answer.reason), answer.segment_keys, answer.flag_key]));
    }
    talk.check(
        "boolean",
        json!(booleans),
        json!([[true, "Match", ["staff"], "checkout"], [false, "Default", [], "checkout"]]),
    );

    let mut variants = Vec::new();
    for (flag, context) in [("banner", STAFF), ("banner", &[]), ("plain", STAFF), ("off", STAFF)] {
        let answer = client.evaluation.variant(&ask(flag, context)).await.unwrap();
        let reason = format!("{:?}", answer.reason);
        variants.push(json!([answer.r#match, reason, answer.variant_key, answer.variant_attachment]));
    }
    talk.check(
        "variant",
        json!(variants),
        json!([
            [true, "Match", "quiet", r#"{"level":3,"text":""}"#],
            [false, "Default", "news", r#"{"text":"first"}"#],
            [true, "Match", "a", "null"],
            [false, "FlagDisabled", "fallback", "null"],
        ]),
    );
    talk.quirk(
        "the attachment is text; of a variant without one it is the text `null`",
        variants[2][3].clone(),
        json!("null"),
    );

    let requests = vec![ask("checkout", STAFF), ask("banner", &[]), ask("nope", &[])];
    let batch = client.evaluation.batch(&BatchEvaluationRequest { requests, reference: None }).await.unwrap();
    let seen: Vec<_> = batch
        .responses
        .iter()
        .map(|response| {
            json!([
                response.boolean_response.as_ref().map(|it| it.enabled),
                response.variant_response.as_ref().map(|it| &it.variant_key),
                response.error_response.as_ref().map(|it| (
                    &it.flag_key,
                    &it.namespace_key,
                    format!("{:?}", it.reason)
                )),
            ])
        })
        .collect();
    talk.check(
        "batch",
        json!(seen),
        json!([[true, null, null], [null, "news", null], [null, null, ["nope", "shop", "NotFound"]]]),
    );

    let all = client.flags.list_flags("shop", None).await;
    let keys = |flags: &[flipt::flags::models::Flag]| flags.iter().map(|flag| flag.key.clone()).collect::<Vec<_>>();
    let page = ListParameters {
        common: CommonParameters { reference: None },
        limit: Some(1),
        offset: None,
        page_token: Some("2".to_owned()),
    };
    let page = client.flags.list_flags("shop", Some(&page)).await;
    talk.check(
        "list",
        json!([
            all.as_ref().map_or_else(|error| json!(error.message), |all| json!([keys(&all.flags), all.total_count])),
            page.as_ref()
                .map_or_else(|error| json!(error.message), |page| json!([keys(&page.flags), page.next_page_token])),
        ]),
        json!([[["adults", "banner", "checkout", "off", "plain", "release"], 6], [["checkout"], "3"]]),
    );

    talk.check(
        "key",
        failure(client.evaluation.variant(&ask("nope", &[])).await),
        json!([5, r#"flag "shop/nope" not found"#]),
    );
    talk.check(
        "type",
        json!([
            failure(client.evaluation.boolean(&ask("banner", &[])).await),
            failure(client.evaluation.variant(&ask("checkout", &[])).await),
        ]),
        json!([[3, "flag type VARIANT_FLAG_TYPE invalid"], [3, "flag type BOOLEAN_FLAG_TYPE invalid"]]),
    );
    talk.check(
        "token",
        json!([
            failure(client_of(Some("wrong")).evaluation.boolean(&ask("checkout", &[])).await),
            failure(client_of(None).evaluation.boolean(&ask("checkout", &[])).await),
            failure(client_of(Some("wrong")).flags.list_flags("shop", None).await),
        ]),
        json!(vec![json!([16, "request was not authenticated"]); 3]),
    );

    talk.after("pushed");
    talk.check("change", text(&client).await.unwrap(), json!("second"));

    talk.after("down");
    let lost = text(&client).await.unwrap_err();
    talk.check("outage", json!([lost.code, lost.message.starts_with("error sending request")]), json!([0, true]));

    talk.after("up");
    talk.check("recovery", text(&client).await.unwrap(), json!("third"));

    talk.after("later");
    talk.check("again", text(&client).await.unwrap(), json!("fourth"));
}
