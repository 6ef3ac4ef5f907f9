//! What templates see: the fields that Flipt gives them, under its names.

use std::collections::BTreeMap;
use std::sync::Arc;

use gotmpl::Value;

/// Under this name a value that has fields holds what it prints as. No field can be called so.
pub(super) const SAID: &str = "";

/// What a template is rendered for.
#[derive(Clone)]
pub struct Context(pub(super) Value);

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

/// The environment that is changed: `.Environment`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Environment<'a> {
    /// `.Name`
    pub name: &'a str,
    /// `.Default`
    pub default: bool,
    /// `.Storage`
    pub storage: &'a str,
    /// `.Directory`
    pub directory: &'a str,
    /// `.SCM`
    pub scm: Option<Scm<'a>>,
}

/// The provider: `.SCM`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scm<'a> {
    /// `.Type`
    pub kind: &'a str,
    /// `.ApiURL`
    pub api_url: &'a str,
}

/// One change: an item of `.Changes`. It prints as `update flag default/checkout`.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// `.Verb`: `create`, `update`, `delete`.
    pub verb: &'a str,
    /// `flag`, `segment`, `namespace`; `.Resource.Type` is `flipt.core.Flag` and so on.
    pub kind: &'a str,
    /// `.Resource.Namespace`
    pub namespace: &'a str,
    /// `.Resource.Key`; of a namespace that is its own key.
    pub key: &'a str,
}

impl Change<'_> {
    /// As a line of a message: `flag default/checkout`, `namespace orders`.
    fn what(self) -> String {
        let Self { kind, namespace, key, .. } = self;
        if kind == "namespace" { format!("{kind} {namespace}") } else { format!("{kind} {namespace}/{key}") }
    }
}

impl std::fmt::Display for Change<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.verb, self.what())
    }
}

/// One end of a proposal: `.Base`, `.Branch`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place<'a> {
    /// `.Ref`
    pub reference: &'a str,
    /// `.Directory`
    pub directory: Option<&'a str>,
    /// `.Remote`
    pub remote: Option<&'a str>,
    /// `.Base`
    pub base: Option<&'a str>,
}

/// The context of `commit_message`.
#[must_use]
pub fn commit(environment: Environment<'_>, changes: &[Change<'_>]) -> Context {
    let scm = environment.scm.map_or(Value::Nil, |scm| {
        let said = format!("{{{} {}}}", scm.kind, scm.api_url);
        fields([("Type", text(scm.kind)), ("ApiURL", text(scm.api_url))], Some(&said))
    });
    let environment = fields(
        [
            ("Name", text(environment.name)),
            ("Default", Value::Bool(environment.default)),
            ("Storage", text(environment.storage)),
            ("Directory", text(environment.directory)),
            ("SCM", scm),
        ],
        None,
    );
    let changes = changes.iter().map(|change| {
        let (package, name) = match change.kind {
            "flag" => ("flipt.core", "Flag"),
            "segment" => ("flipt.core", "Segment"),
            other => ("", other),
        };
        let whole = if package.is_empty() { name.to_owned() } else { format!("{package}.{name}") };
        let kind = fields([("Package", text(package)), ("Name", text(name))], Some(&whole));
        let resource = fields(
            [("Type", kind), ("Namespace", text(change.namespace)), ("Key", text(change.key))],
            Some(&change.what()),
        );
        fields([("Verb", text(change.verb)), ("Resource", resource)], Some(&change.to_string()))
    });
    let changes = Value::List(changes.collect());
    Context(fields([("Environment", environment), ("Changes", changes)], None))
}

/// The context of `proposal_title` and `proposal_body`.
#[must_use]
pub fn proposal(base: Place<'_>, branch: Place<'_>) -> Context {
    let place = |place: Place<'_>| {
        let optional = |value: Option<&str>| value.map_or(Value::Nil, text);
        fields(
            [
                ("Ref", text(place.reference)),
                ("Directory", optional(place.directory)),
                ("Remote", optional(place.remote)),
                ("Base", optional(place.base)),
                ("Scm", Value::Nil),
            ],
            None,
        )
    };
    Context(fields([("Base", place(base)), ("Branch", place(branch))], None))
}

/// What a commit could be about, to try a template with.
#[must_use]
pub fn example_of_commit() -> Context {
    let environment = Environment {
        name: "production",
        default: true,
        storage: "flags",
        directory: "production",
        scm: Some(Scm { kind: "github", api_url: "https://api.github.com" }),
    };
    commit(environment, &[Change { verb: "update", kind: "flag", namespace: "default", key: "checkout" }])
}

/// What a proposal could be about, likewise.
#[must_use]
pub fn example_of_proposal() -> Context {
    let remote = Some("https://git.example/flags.git");
    let base = Place { reference: "main", directory: Some("production"), remote, base: None };
    proposal(base, Place { reference: "flipt/production/x", base: Some("production"), ..base })
}

fn text(text: &str) -> Value {
    Value::String(text.into())
}

fn fields<const N: usize>(fields: [(&str, Value); N], said: Option<&str>) -> Value {
    let fields = fields.into_iter().map(|(name, value)| (Arc::from(name), value));
    let said = said.map(|said| (Arc::from(SAID), text(said)));
    Value::Map(Arc::new(fields.chain(said).collect::<BTreeMap<Arc<str>, Value>>()))
}
