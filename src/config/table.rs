//! Every key of the file. A new key is a line here; what is done with it stands where its section is built.

mod access;
mod git;
mod server;
mod unused;

use super::keys::{Key, Shape, Status};

/// A key of Flipt that Yardarm acts on.
const fn key(name: &'static str, shape: Shape, default: &'static str, doc: &'static str) -> Key {
    Key { name, shape, default, doc, status: Status::Flipt }
}

/// A key that only Yardarm has.
const fn own(name: &'static str, shape: Shape, default: &'static str, doc: &'static str) -> Key {
    Key { name, shape, default, doc, status: Status::Own }
}

/// A key of Flipt that changes nothing here.
const fn unused(name: &'static str, shape: Shape, why: &'static str) -> Key {
    Key { name, shape, default: "", doc: "", status: Status::Unused(why) }
}

/// The whole file.
pub(super) static FILE: &[Key] = &[
    key("version", Shape::Text, "2.0", "Version of the format; `2.0` is the only one."),
    key("storage", Shape::Map(git::STORAGE), "one storage `default` in memory", "Git repositories, by name."),
    key(
        "environments",
        Shape::Map(git::ENVIRONMENT),
        "one environment `default`",
        "What clients ask, by name: a directory of a storage.",
    ),
    key("credentials", Shape::Map(git::CREDENTIAL), "", "How to authenticate to Git servers and their APIs, by name."),
    key("server", Shape::Section(server::SERVER), "", "Listeners."),
    key("log", Shape::Section(server::LOG), "", "Logging."),
    own(
        "audit",
        Shape::Section(server::AUDIT),
        "",
        "The record of every write; `GET /api/v2/audit` has it in any case.",
    ),
    own("state", Shape::Section(server::STATE), "", "What Yardarm keeps on disk; all of it can be rebuilt from Git."),
    key("cors", Shape::Section(server::CORS), "", "Cross-origin requests of browsers."),
    key("authentication", Shape::Section(access::AUTHENTICATION), "", "Who may ask."),
    key("evaluation", Shape::Section(server::EVALUATION), "", "Details of answers."),
    key("templates", Shape::Section(server::TEMPLATES), "", "Texts of commits and proposals, in Go's template syntax."),
    unused("authorization", Shape::Section(unused::AUTHORIZATION), "policies are not evaluated yet"),
    unused("metrics", Shape::Section(unused::METRICS), "`/metrics` always serves Prometheus' format"),
    unused("tracing", Shape::Section(unused::TRACING), "traces are not exported"),
    key("ui", Shape::Section(server::UI), "", "The web interface, at `/ui/`."),
    unused("meta", Shape::Section(unused::META), "Yardarm neither looks for updates nor reports its use"),
    unused("diagnostics", Shape::Section(unused::DIAGNOSTICS), "there is no profiling endpoint"),
    key(
        "analytics",
        Shape::Section(server::ANALYTICS),
        "",
        "How often which flag was answered what; counted here, kept below `state.directory`.",
    ),
    unused("license", Shape::Section(unused::LICENSE), "every function is free"),
    unused(
        "secrets",
        Shape::Section(unused::SECRETS),
        "secrets come from `${env:NAME}`, `${file:/path}` and `${credential:NAME}`; no other provider is asked",
    ),
    unused("experimental", Shape::Any, "there is no experimental function"),
];
