//! Every page of the interface, and the ways to it. Who adds a page adds it here, or a test says which one is missing: the
//! handlers that answer `GET` are read from the sources, and the templates that are a whole page from `ui/`.

use std::collections::BTreeSet;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::browser::Browser;
use crate::texts::{files, sources_of};

/// One page: who answers it (nobody in particular, if it is empty), by which template, and at which addresses it is looked at.
struct Page {
    handler: &'static str,
    template: &'static str,
    at: &'static [&'static str],
}

const fn page(handler: &'static str, template: &'static str, at: &'static [&'static str]) -> Page {
    Page { handler, template, at }
}

/// All of them. Names in braces are those of [`Places`].
const PAGES: &[Page] = &[
    page("flags.rs list", "flags/list.html", &["{n}/flags", "{n}/flags?q=nothing+like+that"]),
    page("segments.rs list", "segments/list.html", &["{n}/segments", "{n}/segments?used=unused"]),
    page("edit.rs page", "edit/flag.html", &["{n}/new-flag", "{n}/flags/{flag}", "{n}/flags/{flag}?at={commit}"]),
    page("edit.rs page", "edit/segment.html", &["{n}/new-segment", "{n}/segments/{segment}"]),
    page("edit.rs past::beside", "edit/beside.html", &["{n}/flags/{flag}/beside"]),
    page("edit.rs past::history", "edit/history.html", &["{n}/flags/{flag}/history", "{n}/segments/{segment}/history"]),
    page("copy.rs ask", "copy/ask.html", &["{n}/copy?flag={flag}", "{n}/copy?flag={flag}&into=elsewhere"]),
    page(
        "mod.rs playground::page",
        "playground/page.html",
        &[
            "{n}/playground",
            "{n}/playground?flag={flag}&entity=ada&context=plan%3Dpro",
            "{n}/playground?entity=ada&beside={environment}&beside_at={commit}",
        ],
    ),
    page(
        "analytics.rs page",
        "analytics/page.html",
        &["{n}/analytics", "{n}/analytics?span=hour&unused=1", "{n}/analytics?flag={flag}"],
    ),
    page("namespaces.rs list", "namespaces/list.html", &["{e}/namespaces"]),
    page("namespaces.rs begin", "namespaces/edit.html", &["{e}/new-namespace", "{e}/namespaces/{namespace}"]),
    page("branches/mod.rs list", "branches/list.html", &["{e}/branches"]),
    page("branches/mod.rs typed::new", "branches/new.html", &["{e}/new-branch"]),
    page("branches/mod.rs one::show", "branches/one.html", &["{e}/branches/{branch}"]),
    page("branches/mod.rs typed::propose", "branches/propose.html", &["{e}/branches/{branch}/propose"]),
    page("branches/mod.rs one::ask", "branches/delete.html", &["{e}/branches/{branch}/delete"]),
    page("proposals/mod.rs list", "proposals/list.html", &["/ui/proposals", "/ui/proposals?state=all&q=change"]),
    page("proposals/mod.rs one::show", "proposals/one.html", &["/ui/proposals/{proposal}"]),
    page("proposals/mod.rs typed::show", "proposals/edit.html", &["/ui/proposals/{proposal}/edit"]),
    page("proposals/mod.rs typed::show", "proposals/merge.html", &["/ui/proposals/{proposal}/merge"]),
    page("sync.rs page", "sync/page.html", &["/ui/sync"]),
    page("deliveries/mod.rs page", "deliveries/list.html", &["/ui/deliveries", "/ui/deliveries?show=trouble"]),
    page("mod.rs audit::page", "audit/page.html", &["/ui/audit", "/ui/audit?key=nothing-like-that"]),
    page("save/mod.rs review::gathered", "save/gathered.html", &["{e}/review"]),
    page("save/mod.rs saved::page", "save/saved.html", &["{e}/saved?commit={commit}&next=%2Fui%2F"]),
    page("mod.rs palette::find", "palette/page.html", &["/ui/palette?q=b&from={environment}/{namespace}"]),
    page("mod.rs session::page", "login.html", &["/ui/login"]),
    page("", "error.html", &["/ui/e/nowhere/n/nowhere/flags", "/ui/nothing"]),
];

/// What answers `GET` and is no page: it leads to one, or is asked for by one.
const NO_PAGES: [&str; 10] = [
    "branches/mod.rs acts::back",
    "edit.rs past::back",
    "mod.rs assets::serve",
    "mod.rs colour::style",
    "mod.rs flags::first",
    "mod.rs glass::banner",
    "mod.rs home",
    "mod.rs live::open",
    "proposals/mod.rs acts::back",
    "save/mod.rs proof::give",
];

/// Pages that only a form leads to: [`sent`].
const SENT: [&str; 2] = ["save/conflict.html", "save/review.html"];

/// What there is in a world; what there is not is asked for all the same, and the page says so.
#[derive(Debug, Default)]
pub(crate) struct Places<'p> {
    pub(crate) environment: &'p str,
    pub(crate) namespace: &'p str,
    pub(crate) flag: &'p str,
    pub(crate) segment: &'p str,
    pub(crate) branch: &'p str,
    pub(crate) commit: &'p str,
    pub(crate) proposal: &'p str,
}

impl Places<'_> {
    fn address(&self, pattern: &str) -> String {
        let mut address = pattern.replace("{n}", "{e}/n/{namespace}").replace("{e}", "/ui/e/{environment}");
        for (name, key) in [
            ("{environment}", self.environment),
            ("{namespace}", self.namespace),
            ("{flag}", self.flag),
            ("{segment}", self.segment),
            ("{branch}", self.branch),
            ("{commit}", self.commit),
            ("{proposal}", self.proposal),
        ] {
            let key = if key.is_empty() { "nothing-like-that" } else { key };
            address = address.replace(name, &utf8_percent_encode(key, NON_ALPHANUMERIC).to_string());
        }
        address
    }

    /// The addresses of all pages that a link leads to.
    pub(crate) fn addresses(&self) -> Vec<String> {
        PAGES.iter().flat_map(|page| page.at).map(|pattern| self.address(pattern)).collect()
    }
}

/// Opens a page, and waits until nothing of it is being fetched any more.
pub(crate) async fn open(browser: &Browser, address: &str) {
    browser.go(address).await;
    browser.until("all of the page is there", "return !document.querySelector('.htmx-request')").await;
}

/// Sends changes to the page that reviews them, as a form of another page does.
pub(crate) async fn sent(browser: &Browser, environment: &str, changes: &Value) {
    browser.go(&format!("/ui/e/{environment}/review")).await;
    let script = format!(
        "const form = Object.assign(document.createElement('form'), {{ method: 'post' }}); \
         const put = (name, value) => {{ const input = document.createElement('input'); input.name = name; \
         input.value = value; form.append(input); }}; \
         put('proof', JSON.parse(document.body.getAttribute('hx-headers'))['X-Proof']); \
         put('changes', {}); put('next', '/ui/e/production/n/shop/flags'); document.body.append(form); form.submit();",
        Value::from(changes.to_string())
    );
    browser.script(&script).await;
}

/// A laptop's width, a tablet's, and a phone's.
pub(crate) const SIZES: [(u32, u32); 3] = [(1280, 900), (820, 1100), (390, 844)];

/// Where the page that is open goes beyond the edge of the window, at any of the widths; it is left at the first.
pub(crate) async fn too_wide(browser: &Browser) -> Vec<String> {
    let mut found = Vec::new();
    for (width, height) in SIZES.into_iter().rev() {
        browser.size(width, height).await;
        let wide = "const all = document.documentElement; if (all.scrollWidth <= innerWidth) return ''; \
                    const out = [...document.querySelectorAll('body *')].filter(one => \
                    one.getBoundingClientRect().right > innerWidth + 1); \
                    return `${all.scrollWidth}: ` + out.slice(0, 3).map(one => one.outerHTML.slice(0, 200)).join('\\n')";
        let wide = browser.script(wide).await;
        if wide != "" {
            found.push(format!("it goes beyond the edge at {width}: {wide}"));
        }
    }
    found
}

#[test]
fn no_page_is_forgotten() {
    let known = |of: &mut dyn Iterator<Item = &'static str>| of.map(str::to_owned).collect::<BTreeSet<_>>();
    let handlers: BTreeSet<String> = sources_of("src/http/ui")
        .into_iter()
        .flat_map(|(file, text)| {
            let handler = |rest: &str| format!("{file} {}", rest.split(')').next().unwrap());
            text.split("web::get().to(").skip(1).map(handler).collect::<Vec<_>>()
        })
        .collect();
    let listed = known(&mut PAGES.iter().map(|page| page.handler).filter(|one| !one.is_empty()).chain(NO_PAGES));
    assert_eq!(handlers, listed, "what answers GET in src/http/ui, and what is listed here");

    let templates = files("templates", "html");
    let extends = |text: &str| text.contains("{% extends");
    let parents: BTreeSet<&str> =
        templates.iter().filter_map(|(_, text)| text.split_once("{% extends \"")?.1.split('"').next()).collect();
    let whole: BTreeSet<String> = templates
        .iter()
        .filter(|(name, text)| extends(text) && !parents.contains(&**name))
        .map(|(name, _)| name.clone())
        .collect();
    let listed = known(&mut PAGES.iter().map(|page| page.template).chain(SENT));
    assert_eq!(whole, listed, "templates that are a page, and what is listed here");
}
