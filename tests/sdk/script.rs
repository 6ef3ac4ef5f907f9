//! The clients: one entry each, what it is called, how it is started and how a change reaches it.

/// What a client is installed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kit {
    Npm,
    Python,
    Rust,
}

/// How a change reaches the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    Request,
    Poll,
    Stream,
}

/// One client in one way of use.
#[derive(Debug)]
pub struct Script {
    pub kit: Kit,
    /// The package, as its registry has it.
    pub package: &'static str,
    /// What is said of it where a package is used in several ways.
    pub mode: &'static str,
    /// File and arguments, for the language's program.
    pub run: &'static [&'static str],
    pub arrival: Arrival,
}

/// The steps of every client, in the order of the page.
pub const STEPS: [&str; 11] =
    ["boolean", "variant", "batch", "list", "key", "type", "token", "change", "outage", "recovery", "again"];

const fn script(kit: Kit, package: &'static str, run: &'static [&'static str], arrival: Arrival) -> Script {
    Script { kit, package, mode: "", run, arrival }
}

impl Script {
    const fn mode(mut self, mode: &'static str) -> Self {
        self.mode = mode;
        self
    }

    pub fn title(&self) -> String {
        let registry = match self.kit {
            Kit::Npm => "npm",
            Kit::Python => "Python",
            Kit::Rust => "Rust",
        };
        let mode = if self.mode.is_empty() { String::new() } else { format!(", {}", self.mode) };
        format!("{registry} `{}`{mode}", self.package)
    }
}

pub static SCRIPTS: [Script; 12] = [
    script(Kit::Npm, "@flipt-io/flipt", &["flipt.mjs"], Arrival::Request),
    script(Kit::Npm, "@flipt-io/flipt-client-js", &["flipt-client-js.mjs"], Arrival::Poll),
    script(Kit::Npm, "@openfeature/flipt-provider", &["flipt-provider.mjs"], Arrival::Request),
    script(Kit::Npm, "@openfeature/ofrep-provider", &["ofrep-provider.mjs"], Arrival::Request),
    script(
        Kit::Npm,
        "@openfeature/ofrep-web-provider",
        &["--experimental-eventsource", "ofrep-web-provider.mjs"],
        Arrival::Stream,
    ),
    script(Kit::Python, "flipt", &["server.py"], Arrival::Request),
    script(Kit::Python, "flipt-client", &["engine.py", "polling"], Arrival::Poll).mode("polling"),
    script(Kit::Python, "flipt-client", &["engine.py", "streaming"], Arrival::Stream).mode("streaming"),
    script(Kit::Python, "openfeature-provider-ofrep", &["openfeature_provider.py", "ofrep"], Arrival::Request),
    script(Kit::Python, "openfeature-provider-flipt", &["openfeature_provider.py", "flipt"], Arrival::Request),
    script(Kit::Rust, "flipt", &["flipt"], Arrival::Request),
    script(Kit::Rust, "open-feature-ofrep", &["ofrep"], Arrival::Request),
];
