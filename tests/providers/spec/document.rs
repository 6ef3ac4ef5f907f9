//! A specification as it is read: `OpenAPI` 3 or Swagger 2, which operation a request is, and what is said of it.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use serde_json::{Map, Value};
use yardarm::provider::Provider;

use super::Body;
use super::gaps::Part;
use super::schema::Wrong;

/// The files of a provider.
pub(super) fn files(provider: Provider) -> &'static [&'static str] {
    match provider {
        Provider::Github => &["github-api.github.com.json.gz"],
        Provider::Gitlab => &["gitlab-v4-subset.yaml"],
        Provider::BitbucketCloud => &["bitbucket-cloud.swagger.v3.json.gz"],
        Provider::BitbucketDataCenter => &["bitbucket-dc-9.2.swagger.v3.json.gz"],
        Provider::Azure => &["azure-devops-git-7.1.json", "azure-devops-hooks-7.1.json"],
        Provider::Gitea => &["gitea-1.26.0-dev.swagger.json"],
        Provider::Forgejo => &["forgejo-17.0.0-dev.swagger.v1.json"],
    }
}

/// What a document's paths have before those below our root.
fn prefix(provider: Provider) -> &'static [&'static str] {
    match provider {
        Provider::Github | Provider::BitbucketCloud | Provider::Gitea | Provider::Forgejo => &[],
        Provider::Gitlab => &["api", "v4"],
        Provider::BitbucketDataCenter => &["api", "latest"],
        Provider::Azure => &["organization"],
    }
}

/// A path as its document has it. Bitbucket Data Center's other interfaces stand beside the root, and have names and
/// numbers of versions that mean the same.
pub(super) fn path(provider: Provider, below: &[String]) -> Vec<&str> {
    let below: Vec<&str> = below.iter().map(String::as_str).collect();
    match below.as_slice() {
        [of @ ("build-status" | "branch-utils"), _, rest @ ..] if provider == Provider::BitbucketDataCenter => {
            [*of, "latest"].into_iter().chain(rest.iter().copied()).collect()
        }
        _ => prefix(provider).iter().copied().chain(below.iter().copied()).collect(),
    }
}

/// One document.
pub(super) struct Document {
    whole: Value,
    /// Segments of each path, its template, and what stands there.
    paths: Vec<(Vec<String>, String)>,
    any_case: bool,
}

/// One operation of it.
pub(super) struct Operation<'d> {
    pub(super) document: &'d Document,
    /// Its path, with `{names}`.
    pub(super) template: String,
    /// Its method, in lower case.
    pub(super) method: String,
    described: &'d Value,
    parameters: Vec<&'d Value>,
}

impl Document {
    pub(super) fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let whole: Value = match path.extension().and_then(std::ffi::OsStr::to_str) {
            Some("gz") => {
                let mut text = Vec::new();
                flate2::read::GzDecoder::new(&*bytes).read_to_end(&mut text).unwrap();
                serde_json::from_slice(&text).unwrap()
            }
            Some("json") => serde_json::from_slice(&bytes).unwrap(),
            _ => serde_yaml::from_slice(&bytes).unwrap(),
        };
        let paths = whole["paths"].as_object().unwrap().keys();
        let segments = |path: &String| path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let paths = paths.map(|path| (segments(path), path.clone())).collect();
        // Azure writes `pullRequests` here and `pullrequests` there, and takes both.
        let any_case = whole["host"] == "dev.azure.com";
        Self { whole, paths, any_case }
    }

    /// The operation of a path: of several that fit, the one with the most that is written out.
    pub(super) fn find(&self, path: &[&str], method: &str) -> Option<Operation<'_>> {
        let method = method.to_lowercase();
        let fitting = self.paths.iter().filter(|(segments, _)| self.fits(segments, path));
        let fitting = fitting.filter_map(|(segments, template)| {
            let item = &self.whole["paths"][template];
            let operation = item.get(&method)?;
            let written_out: Vec<usize> = segments.iter().map(|segment| literal(segment).len()).collect();
            let mut parameters = Vec::new();
            for parameter in [item, operation].iter().filter_map(|of| of["parameters"].as_array()).flatten() {
                parameters.push(self.resolved(parameter));
            }
            let (template, method) = (template.clone(), method.clone());
            Some((written_out, Operation { document: self, template, method, described: operation, parameters }))
        });
        fitting.max_by(|(a, _), (b, _)| a.cmp(b)).map(|(_, operation)| operation)
    }

    fn fits(&self, segments: &[String], path: &[&str]) -> bool {
        // GitHub's names of refs may have slashes, encoded or not; it tells them by `x-multi-segment`.
        let rest = segments.last().is_some_and(|last| matches!(last.as_str(), "{ref}" | "{path}"));
        let length = if rest { path.len() >= segments.len() } else { path.len() == segments.len() };
        length
            && segments.iter().zip(path).all(|(segment, asked)| {
                if segment.contains('{') { fills(segment, asked) } else { self.same(segment, asked) }
            })
    }

    fn same(&self, one: &str, other: &str) -> bool {
        if self.any_case { one.eq_ignore_ascii_case(other) } else { one == other }
    }

    /// What a reference refers to; anything else as it is.
    pub(super) fn resolved<'d>(&'d self, value: &'d Value) -> &'d Value {
        match value["$ref"].as_str() {
            Some(at) => {
                let found = at.strip_prefix('#').and_then(|at| self.whole.pointer(at));
                self.resolved(found.unwrap_or_else(|| panic!("{at} leads nowhere")))
            }
            None => value,
        }
    }
}

impl<'d> Operation<'d> {
    /// What is said of the body of a request.
    pub(super) fn request(&self) -> Body<'d> {
        if let Some(body) = self.described.get("requestBody") {
            let body = self.document.resolved(body);
            let schema = schema_of(&body["content"]);
            return schema.map_or(Body::None, |schema| Body::Of(schema, body["required"] == true));
        }
        let body = self.parameters.iter().find(|parameter| parameter["in"] == "body");
        body.map_or(Body::None, |body| Body::Of(&body["schema"], body["required"] == true))
    }

    /// What is said of the body of an answer with this status; nothing if the status is not described.
    pub(super) fn response(&self, status: u16) -> Option<Body<'d>> {
        let responses = &self.described["responses"];
        let class = format!("{}XX", status / 100);
        let response = [status.to_string(), class, "default".to_owned()];
        let response = self.document.resolved(response.iter().find_map(|status| responses.get(status))?);
        let schema = response.get("schema").or_else(|| schema_of(response.get("content")?));
        Some(schema.map_or(Body::None, |schema| Body::Of(schema, true)))
    }

    /// What is wrong with the query and the headers.
    pub(super) fn query_wrong(&self, query: &[(String, String)], headers: &BTreeMap<String, String>) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        let named = |place: &'static str| self.parameters.iter().filter(move |p| p["in"] == place);
        for (name, value) in query {
            let part = || Part::Parameter(name.clone());
            match named("query").find(|parameter| is_named(parameter, name)) {
                None => wrong.push(Wrong::new(part(), format!("the parameter {name} is not described"))),
                Some(parameter) => {
                    let schema = parameter.get("schema").unwrap_or(parameter);
                    if let Some(why) = self.value_wrong(schema, value) {
                        wrong.push(Wrong::new(part(), format!("the parameter {name}={value}: {why}")));
                    }
                }
            }
        }
        for parameter in &self.parameters {
            let name = parameter["name"].as_str().unwrap_or_default();
            let there = match parameter["in"].as_str() {
                Some("query") => query.iter().any(|(known, _)| known == name),
                Some("header") => headers.contains_key(&name.to_lowercase()),
                _ => true,
            };
            if parameter["required"] == true && !there {
                wrong.push(Wrong::new(Part::Parameter(name.to_owned()), format!("the parameter {name} is missing")));
            }
        }
        wrong
    }

    fn value_wrong(&self, schema: &Value, value: &str) -> Option<String> {
        let schema = self.document.resolved(schema);
        if schema["type"] == "array" {
            return value.split(',').find_map(|value| self.value_wrong(&schema["items"], value));
        }
        let number = value.parse::<f64>().ok();
        let fits = match schema["type"].as_str() {
            Some("integer") => value.parse::<i64>().is_ok(),
            Some("number") => number.is_some(),
            Some("boolean") => matches!(value, "true" | "false"),
            _ => true,
        };
        if !fits {
            return Some(format!("no {}", schema["type"]));
        }
        let bound = |name: &str| schema[name].as_f64().zip(number);
        if bound("minimum").is_some_and(|(least, number)| number < least)
            || bound("maximum").is_some_and(|(most, number)| number > most)
        {
            return Some("out of bounds".to_owned());
        }
        let words = schema["enum"].as_array()?;
        let known = words.iter().any(|word| word.as_str().map_or_else(|| word.to_string(), str::to_owned) == value);
        (!known).then(|| format!("none of {}", Value::Array(words.clone())))
    }
}

/// The schema of the JSON among the media types of a body.
fn schema_of(content: &Value) -> Option<&Value> {
    let content = content.as_object()?;
    let json = content.iter().find(|(kind, _)| kind.contains("json"));
    json.or_else(|| content.iter().next())?.1.get("schema")
}

/// What of a segment is written out: `.` of `{index}.{diffType}`.
fn literal(segment: &str) -> String {
    segment.split('{').map(|part| part.split_once('}').map_or(part, |(_, rest)| rest)).collect()
}

/// Whether something can stand for a segment with names in it.
fn fills(segment: &str, asked: &str) -> bool {
    match literal(segment) {
        between if between.is_empty() => !asked.is_empty(),
        between => asked.split_once(&between).is_some_and(|(before, after)| !before.is_empty() && !after.is_empty()),
    }
}

/// Also `searchCriteria.status` by its own name, and `labels[]` by `labels`.
fn is_named(parameter: &Value, name: &str) -> bool {
    parameter["name"].as_str().is_some_and(|known| known == name || known.strip_suffix("[]") == Some(name))
}

/// The properties of a schema's objects.
pub(super) fn properties(schema: &Value) -> Option<&Map<String, Value>> {
    schema.get("properties")?.as_object()
}
