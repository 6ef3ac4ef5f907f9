//! The same question as other programs ask it: a command, and code for the SDKs.
//!
//! What is shown can be copied and run as it is. Keys, entities and values are anybody's texts, so each is written as a
//! literal of the language that it goes into, and nothing of it is ever code. The calls are those of the packages that
//! stories are played with (`docs/sdks.md`). No token is written into one: it is read from the environment.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::flags::snapshot::FlagKind;

/// A question, and where it is asked.
#[derive(Debug, Clone)]
pub struct Call<'q> {
    /// Scheme, host and port of the server.
    pub base: &'q str,
    /// Name of the environment.
    pub environment: &'q str,
    /// Whether the server takes that one where none is named.
    pub is_default: bool,
    /// Key of the namespace.
    pub namespace: &'q str,
    /// Key of the flag.
    pub flag: &'q str,
    /// What it answers.
    pub kind: FlagKind,
    /// For whom.
    pub entity: &'q str,
    /// In which context, sorted.
    pub context: &'q [(&'q str, &'q str)],
    /// Whether the server wants to know who asks.
    pub has_token: bool,
}

/// A piece of code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Snippet {
    /// What it is called among its like: short, and fit for an id.
    pub name: &'static str,
    /// What it is for, as people call it.
    pub title: &'static str,
    /// The code.
    pub code: String,
}

/// All of them.
#[must_use]
pub fn all(call: &Call<'_>) -> Vec<Snippet> {
    let one = |name, title, code| Snippet { name, title, code };
    vec![
        one("curl", "curl", curl(call)),
        one("ofrep", "curl, OFREP", ofrep(call)),
        one("cli", "yardarm", cli(call)),
        one("node", "Node.js: @flipt-io/flipt", node(call)),
        one("python", "Python: flipt", python(call)),
        one("rust", "Rust: flipt", rust(call)),
        one("openfeature", "OpenFeature (Node.js): OFREP", openfeature(call)),
    ]
}

/// The name of the variable that a token is read from.
const TOKEN: &str = "YARDARM_TOKEN";

impl Call<'_> {
    const fn word(&self) -> &'static str {
        self.either("boolean", "variant")
    }

    /// What its answer is read from: of the one kind, of the other.
    const fn either(&self, boolean: &'static str, variant: &'static str) -> &'static str {
        match self.kind {
            FlagKind::Boolean => boolean,
            FlagKind::Variant => variant,
        }
    }

    fn context(&self) -> Map<String, Value> {
        self.context.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect()
    }

    /// The context as OFREP has it: whom it is for stands in it.
    fn targeted(&self) -> Map<String, Value> {
        let mut context = self.context();
        context.insert("targetingKey".to_owned(), self.entity.into());
        context
    }

    /// Its parts as JavaScript and Python write them.
    fn literals(&self) -> Literals {
        Literals {
            url: quoted(self.base),
            namespace: quoted(self.namespace),
            flag: quoted(self.flag),
            entity: quoted(self.entity),
            context: Value::Object(self.context()).to_string(),
        }
    }
}

/// The parts of a question as literals.
struct Literals {
    url: String,
    namespace: String,
    flag: String,
    entity: String,
    context: String,
}

/// As one word of a shell.
fn sh(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// As a string of JSON, of JavaScript and of Python.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn token_header(call: &Call<'_>) -> String {
    // In double quotes, so that the shell puts the token in.
    if call.has_token { format!(" \\\n  -H \"Authorization: Bearer ${TOKEN}\"") } else { String::new() }
}

fn curl(call: &Call<'_>) -> String {
    let body = json!({
        "environmentKey": call.environment, "namespaceKey": call.namespace, "flagKey": call.flag,
        "entityId": call.entity, "context": call.context(),
    });
    let address = sh(&format!("{}/evaluate/v1/{}", call.base, call.word()));
    format!("curl -s {address}{} \\\n  -d {}", token_header(call), sh(&body.to_string()))
}

fn ofrep(call: &Call<'_>) -> String {
    let key = percent_encoding::utf8_percent_encode(call.flag, percent_encoding::NON_ALPHANUMERIC).to_string();
    let key = key.replace("%2D", "-").replace("%5F", "_").replace("%2E", ".");
    format!(
        "curl -s {}{} \\\n  -H {} -H {} \\\n  -d {}",
        sh(&format!("{}/ofrep/v1/evaluate/flags/{key}", call.base)),
        token_header(call),
        sh(&format!("X-Flipt-Environment: {}", call.environment)),
        sh(&format!("X-Flipt-Namespace: {}", call.namespace)),
        sh(&json!({ "context": call.targeted() }).to_string()),
    )
}

fn cli(call: &Call<'_>) -> String {
    let mut code = format!(
        "yardarm evaluate --explain --server {} \\\n  --environment={} --namespace={} \\\n  --entity={}",
        sh(call.base),
        sh(call.environment),
        sh(call.namespace),
        sh(call.entity),
    );
    for (key, value) in call.context {
        code.push_str(" -c ");
        code.push_str(&sh(&format!("{key}={value}")));
    }
    // A key that begins with a dash is no option.
    let dashes = if call.flag.starts_with('-') { "-- " } else { "" };
    code.push_str(" \\\n  ");
    code.push_str(dashes);
    code.push_str(&sh(call.flag));
    code
}

fn node(call: &Call<'_>) -> String {
    let token = if call.has_token {
        format!("\n  authenticationStrategy: new ClientTokenAuthentication(process.env.{TOKEN}),")
    } else {
        String::new()
    };
    let import = if call.has_token { "ClientTokenAuthentication, FliptClient" } else { "FliptClient" };
    let headers = if call.is_default {
        String::new()
    } else {
        format!("\n  headers: {{ 'X-Flipt-Environment': {} }},", quoted(call.environment))
    };
    let Literals { url, namespace, flag, entity, context } = call.literals();
    let method = call.word();
    let answer = call.either("answer.enabled", "answer.variantKey, answer.variantAttachment");
    format!(
        "import {{ {import} }} from '@flipt-io/flipt';\n\n\
         const client = new FliptClient({{\n  url: {url},{token}{headers}\n}});\n\
         const answer = await client.evaluation.{method}({{\n  namespaceKey: {namespace},\n  flagKey: {flag},\n  \
         entityId: {entity},\n  context: {context},\n}});\n\
         console.log({answer});\n",
    )
}

fn python(call: &Call<'_>) -> String {
    let (imports, token) = if call.has_token {
        (
            "import os\n\nfrom flipt import FliptClient\nfrom flipt.authentication import ClientTokenAuthentication\n",
            format!("\n    authentication=ClientTokenAuthentication(os.environ[\"{TOKEN}\"]),"),
        )
    } else {
        ("from flipt import FliptClient\n", String::new())
    };
    let headers = if call.is_default {
        String::new()
    } else {
        format!("\n    headers={{\"X-Flipt-Environment\": {}}},", quoted(call.environment))
    };
    let Literals { url, namespace, flag, entity, context } = call.literals();
    let method = call.word();
    let answer = call.either("answer.enabled", "answer.variant_key, answer.variant_attachment");
    format!(
        "{imports}from flipt.evaluation import EvaluationRequest\n\n\
         client = FliptClient(\n    url={url},{token}{headers}\n)\n\
         answer = client.evaluation.{method}(\n    EvaluationRequest(\n        namespace_key={namespace},\n        \
         flag_key={flag},\n        entity_id={entity},\n        context={context},\n    )\n)\n\
         print({answer})\n",
    )
}

/// The crate that the Rust SDK's headers are of; it is named in what is shown and not used here.
const HTTP: &str = "reqwest";

fn rust(call: &Call<'_>) -> String {
    let pair = |(key, value): &(&str, &str)| format!("\n            ({key:?}.to_owned(), {value:?}.to_owned()),");
    let pairs: Vec<String> = call.context.iter().map(pair).collect();
    let pairs = pairs.concat();
    let context =
        if pairs.is_empty() { "HashMap::new()".to_owned() } else { format!("HashMap::from([{pairs}\n        ])") };
    let (strategy, uses, token) = if call.has_token {
        (
            "",
            "ClientTokenAuthentication",
            format!("\n    .with_auth_strategy(ClientTokenAuthentication::new(env::var(\"{TOKEN}\")?))"),
        )
    } else {
        ("::<NoneAuthentication>", "NoneAuthentication", String::new())
    };
    let headers = if call.is_default {
        String::new()
    } else {
        format!(
            "\n    .with_headers(HeaderMap::from_iter([(\n        HeaderName::from_static(\"x-flipt-environment\"),\n        \
             HeaderValue::from_str({:?})?,\n    )]))",
            call.environment
        )
    };
    let more = if call.is_default {
        String::new()
    } else {
        format!("use {HTTP}::header::{{HeaderMap, HeaderName, HeaderValue}};\n")
    };
    format!(
        "use std::collections::HashMap;\n{}\nuse flipt::api::FliptClient;\nuse flipt::evaluation::models::EvaluationRequest;\n\
         use flipt::{{ConfigBuilder, {uses}, Url}};\n{more}\n\
         let config = ConfigBuilder{strategy}::default()\n    .with_endpoint(Url::parse({:?})?){token}{headers}\n    \
         .build();\n\
         let client = FliptClient::new(config)?;\n\
         let answer = client\n    .evaluation\n    .{}(&EvaluationRequest {{\n        namespace_key: {:?}.to_owned(),\n        \
         flag_key: {:?}.to_owned(),\n        entity_id: {:?}.to_owned(),\n        context: {context},\n        reference: None,\n    }})\n    \
         .await?;\n\
         println!(\"{{}}\", {});\n",
        if call.has_token { "use std::env;\n" } else { "" },
        call.base,
        call.word(),
        call.namespace,
        call.flag,
        call.entity,
        call.either("answer.enabled", "answer.variant_key"),
    )
}

fn openfeature(call: &Call<'_>) -> String {
    let token = if call.has_token {
        format!("\n    ['Authorization', `Bearer ${{process.env.{TOKEN}}}`],")
    } else {
        String::new()
    };
    let (method, otherwise) = match call.kind {
        FlagKind::Boolean => ("getBooleanValue", "false"),
        FlagKind::Variant => ("getStringValue", "''"),
    };
    format!(
        "import {{ OFREPProvider }} from '@openfeature/ofrep-provider';\n\
         import {{ OpenFeature }} from '@openfeature/server-sdk';\n\n\
         await OpenFeature.setProviderAndWait(new OFREPProvider({{\n  baseUrl: {},\n  headers: [{token}\n    \
         ['X-Flipt-Environment', {}],\n    ['X-Flipt-Namespace', {}],\n  ],\n}}));\n\
         const client = OpenFeature.getClient();\n\
         console.log(await client.{method}({}, {otherwise}, {}));\n",
        quoted(call.base),
        quoted(call.environment),
        quoted(call.namespace),
        quoted(call.flag),
        Value::Object(call.targeted()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "it's \"`$(rm -rf /)` \\ #{x} ${y}\n</script>";

    fn call<'q>(context: &'q [(&'q str, &'q str)]) -> Call<'q> {
        Call {
            base: "http://127.0.0.1:8080",
            environment: "production",
            is_default: false,
            namespace: "shop",
            flag: "banner",
            kind: FlagKind::Variant,
            entity: "ada",
            context,
            has_token: false,
        }
    }

    #[test]
    fn a_command_can_be_copied() {
        assert_eq!(
            curl(&call(&[("country", "de")])),
            "curl -s http://127.0.0.1:8080/evaluate/v1/variant \\\n  -d \
             '{\"context\":{\"country\":\"de\"},\"entityId\":\"ada\",\"environmentKey\":\"production\",\"flagKey\":\"banner\",\"namespaceKey\":\"shop\"}'"
        );
        assert_eq!(
            cli(&Call { flag: "-f", ..call(&[("country", "de at")]) }),
            "yardarm evaluate --explain --server http://127.0.0.1:8080 \\\n  --environment=production --namespace=shop \
             \\\n  --entity=ada -c 'country=de at' \\\n  -- -f"
        );
        let told = all(&Call { has_token: true, ..call(&[]) });
        for snippet in told {
            assert_eq!(snippet.code.contains(TOKEN), snippet.name != "cli", "{}", snippet.code);
        }
    }

    #[test]
    fn no_text_is_ever_code() {
        let context = [(HOSTILE, HOSTILE)];
        for snippet in all(&Call { flag: HOSTILE, entity: HOSTILE, namespace: HOSTILE, ..call(&context) }) {
            let code = &snippet.code;
            match snippet.name {
                // Outside of the single quotes of the shell nothing of it is left.
                "curl" | "ofrep" | "cli" => {
                    let outside: String = code.replace(r"'\''", "").split('\'').step_by(2).collect();
                    assert!(!outside.contains(['$', '`', '(']), "{code}");
                }
                _ => assert!(code.contains("it's \\\"`$(rm -rf /)` \\\\ #{x} ${y}\\n</script>"), "{code}"),
            }
        }
    }
}
