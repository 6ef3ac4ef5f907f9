//! Wishes and what they come to, on files in memory.
#![allow(clippy::needless_pass_by_value, reason = "`json!` makes values, and the calls read better without borrows")]

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Look, Planned, plan};
use crate::flags::document::format_of;
use crate::flags::resource::view::{File, View};
use crate::flags::resource::{Kind, Namespace, Resource, payload, revision};
use crate::write::{Change, Conflict, Refusal, What};

/// A branch: its tip, and the commits before it.
#[derive(Clone, Default)]
struct World {
    files: BTreeMap<String, String>,
    past: BTreeMap<String, BTreeMap<String, String>>,
}

const TIP: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn view(files: &BTreeMap<String, String>) -> View {
    let file = |(path, text): (&String, &String)| {
        File::new(&path.as_str().into(), &"".into(), format_of(path).unwrap(), text.as_bytes())
    };
    View { files: files.iter().map(file).collect() }
}

impl Look for World {
    fn text(&self, path: &str) -> Result<Vec<u8>, Refusal> {
        Ok(self.files[path].clone().into_bytes())
    }

    fn at(&self, commit: &str) -> Result<Option<Arc<View>>, Refusal> {
        Ok(self.past.get(commit).map(|files| Arc::new(view(files))))
    }
}

impl World {
    fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        Self { files, past: BTreeMap::new() }
    }

    fn plan(&self, changes: &[Change]) -> Result<Planned, Refusal> {
        self.plan_seen(changes, None)
    }

    fn plan_seen(&self, changes: &[Change], seen: Option<&str>) -> Result<Planned, Refusal> {
        plan(&view(&self.files), &TIP.into(), changes, seen, self)
    }

    /// The branch after a change that has to be possible, and what is told of it.
    fn after(&self, changes: &[Change]) -> (Self, Planned) {
        let planned = self.plan(changes).unwrap_or_else(|refusal| panic!("{refusal}"));
        let mut world = self.clone();
        for (path, bytes) in &planned.files {
            match bytes {
                Some(bytes) => _ = world.files.insert(path.clone(), String::from_utf8(bytes.clone()).unwrap()),
                None => _ = world.files.remove(path).unwrap(),
            }
        }
        (world, planned)
    }

    /// What is refused, in words.
    fn refused(&self, changes: &[Change]) -> String {
        self.plan(changes).expect_err("it is planned").to_string()
    }

    fn conflict(&self, changes: &[Change], seen: &str) -> Conflict {
        match self.plan_seen(changes, Some(seen)) {
            Err(Refusal::Conflict(conflict)) => *conflict,
            other => panic!("{other:?}"),
        }
    }

    fn get(&self, namespace: &str, kind: Kind, key: &str) -> Option<Value> {
        view(&self.files).get(namespace, kind, key).map(|resource| payload::to_json(&resource))
    }
}

fn resource(payload: &Value) -> Resource {
    let key = payload["key"].as_str().unwrap();
    payload::resource(payload::kind(payload).unwrap(), key, payload).unwrap_or_else(|error| panic!("{error}"))
}

fn flag(key: &str, more: Value) -> Resource {
    let mut flag =
        json!({"@type": "flipt.core.Flag", "key": key, "name": key.to_uppercase(), "type": "BOOLEAN_FLAG_TYPE"});
    flag.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    resource(&flag)
}

fn of_segment(key: &str, segment: &str) -> Resource {
    flag(key, json!({"rollouts": [{"type": 1, "segment": {"segments": [segment], "value": true}}]}))
}

fn segment(key: &str) -> Resource {
    resource(&json!({"@type": "flipt.core.Segment", "key": key, "name": key}))
}

fn head(key: &str, name: &str) -> Namespace {
    Namespace { key: key.to_owned(), name: name.to_owned(), description: String::new() }
}

fn change(namespace: &str, what: What) -> Change {
    Change { namespace: namespace.to_owned(), what, revision: None }
}

fn delete(namespace: &str, kind: Kind, key: &str) -> Change {
    change(namespace, What::Delete { kind, key: key.to_owned() })
}

const SHOP: &str = "\
# The shop.
version: \"1.6\"
namespace: {key: shop, name: Shop}
flags:
  # Switches the banner.
  - key: banner
    name: Banner
    type: BOOLEAN_FLAG_TYPE
    enabled: true # since May
    rollouts:
      - segment: {key: staff, value: true}
segments:
  - key: staff
    name: Staff
    match_type: ALL_MATCH_TYPE
";

fn shop() -> World {
    World::of(&[
        ("shop/features.yaml", SHOP),
        ("read/features.json", r#"{"namespace":"read","flags":[{"key":"j","name":"J"}]}"#),
        (
            "two/features.yaml",
            "namespace: two\nflags: [{key: a, name: A}]\n---\n# third\nnamespace: third\nflags: [{key: b, name: B}]\n",
        ),
    ])
}

fn banner(more: Value) -> Resource {
    let mut banner = shop().get("shop", Kind::Flag, "banner").unwrap();
    banner.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    resource(&banner)
}

#[test]
fn a_switch_changes_one_word() {
    let (after, planned) = shop().after(&[change("shop", What::Update(banner(json!({"enabled": false}))))]);
    assert_eq!(after.files["shop/features.yaml"], SHOP.replace("enabled: true", "enabled: false"));
    assert_eq!(planned.files.len(), 1);
    let [done] = planned.done.as_slice() else { panic!("{:?}", planned.done) };
    assert_eq!((done.verb, done.kind, &*done.namespace, &*done.key), ("update", "flag", "shop", "banner"));
    let [written] = planned.written.as_slice() else { panic!("{:?}", planned.written) };
    assert_eq!(written.revision.as_deref(), Some(&*revision(written.resource.as_ref().unwrap())));
    assert!(!written.merged && planned.rewritten.is_empty());
    // Nothing changes, nothing is done, and it is told all the same.
    let again = shop().plan(&[change("shop", What::Put(banner(json!({}))))]).unwrap();
    assert_eq!((again.files.len(), again.done.len(), again.written.len()), (0, 0, 1));
    assert_eq!(again.written[0].resource, Some(banner(json!({}))));
}

#[test]
fn what_is_there_is_not_created_and_what_is_not_there_not_changed() {
    let world = shop();
    assert_eq!(world.refused(&[change("shop", What::Create(banner(json!({}))))]), "flag shop/banner exists already");
    for what in [What::Update(flag("nope", json!({}))), What::Delete { kind: Kind::Flag, key: "nope".to_owned() }] {
        assert_eq!(world.refused(&[change("shop", what)]), "flag shop/nope not found");
    }
    let nowhere = change("nope", What::Put(flag("f", json!({}))));
    assert_eq!(world.refused(&[nowhere]), "namespace \"nope\" not found");
    assert_eq!(world.refused(&[change("nope", What::DeleteNamespace)]), "namespace \"nope\" not found");
    let update = change("nope", What::UpdateNamespace(head("nope", "Nope")));
    assert_eq!(world.refused(&[update]), "namespace \"nope\" not found");
    for key in ["shop", "default", "read"] {
        let create = change(key, What::CreateNamespace(head(key, "x")));
        assert_eq!(world.refused(&[create]), format!("namespace {key} exists already"));
    }
    assert_eq!(world.refused(&[delete("default", Kind::Flag, "f")]), "flag default/f not found");
    assert_eq!(world.refused(&[change("default", What::DeleteNamespace)]), "namespace \"default\" is protected");
    let odd = change("a b", What::CreateNamespace(head("a b", "x")));
    assert!(
        world.refused(&[odd]).starts_with("\"a b\" is no key"),
        "{}",
        world.refused(&[change("a b", What::CreateNamespace(head("a b", "x")))])
    );
}

#[test]
fn segments_are_known_where_they_are_named_and_stay_while_they_are() {
    let world = shop();
    let unknown = change("shop", What::Create(of_segment("new", "nope")));
    assert_eq!(world.refused(&[unknown]), "flag shop/new rollout 1 references unknown segment \"nope\"");
    let rules = resource(&json!({"@type": "flipt.core.Flag", "key": "v", "name": "V", "variants": [{"key": "a"}],
        "rules": [{"segments": ["staff"]}, {"segments": ["nope"], "distributions": [{"variant": "a", "rollout": 100}]}]}));
    assert_eq!(
        world.refused(&[change("shop", What::Put(rules))]),
        "flag shop/v rule 2 references unknown segment \"nope\""
    );
    let used = delete("shop", Kind::Segment, "staff");
    assert_eq!(world.refused(std::slice::from_ref(&used)), "segment \"staff\" is in use by flag \"banner\" rollout 1");
    // Together with the flag that names it, in whichever order.
    let both = [used, delete("shop", Kind::Flag, "banner")];
    assert_eq!(world.after(&both).1.files.len(), 1);
    let (after, _) = world.after(&[both[1].clone(), both[0].clone()]);
    assert_eq!(after.get("shop", Kind::Segment, "staff"), None);
    // What is broken already may be repaired bit by bit.
    let broken = World::of(&[(
        "a/features.yaml",
        "namespace: a\nflags: [{key: f, name: F, type: BOOLEAN_FLAG_TYPE, rollouts: [{segment: {key: gone, value: true}}]}]\n",
    )]);
    let (after, _) = broken.after(&[change("a", What::Create(flag("g", json!({}))))]);
    assert!(after.get("a", Kind::Flag, "g").is_some());
    broken.after(&[change("a", What::Create(segment("gone")))]);
}

#[test]
fn several_changes_build_on_each_other_and_touch_each_file_once() {
    let world = shop();
    let changes = [
        change("orders", What::CreateNamespace(head("orders", "Orders"))),
        change("orders", What::Create(segment("vip"))),
        change("orders", What::Create(of_segment("fast", "vip"))),
        change("orders", What::Update(flag("fast", json!({"enabled": true})))),
        change("shop", What::Put(banner(json!({"description": "new"})))),
        change("shop", What::UpdateNamespace(head("shop", "The shop"))),
        change("third", What::Create(flag("c", json!({})))),
        change("two", What::Create(flag("c", json!({})))),
        delete("third", Kind::Flag, "b"),
    ];
    let (after, planned) = world.after(&changes);
    let paths: Vec<&str> = planned.files.iter().map(|(path, _)| &**path).collect();
    assert_eq!(paths, ["orders/features.yaml", "shop/features.yaml", "two/features.yaml"]);
    assert_eq!(planned.written.len(), changes.len());
    let verbs: Vec<&str> = planned.done.iter().map(|done| done.verb).collect();
    assert_eq!(verbs, ["create", "create", "create", "update", "update", "update", "create", "create", "delete"]);
    assert_eq!(after.get("orders", Kind::Flag, "fast").unwrap()["enabled"], true);
    assert!(after.files["orders/features.yaml"].starts_with("version: \"1.6\"\nnamespace:\n"));
    let view = view(&after.files);
    assert_eq!(view.namespace("shop").unwrap().namespace.name, "The shop");
    assert_eq!(view.flags("third").len() + view.flags("two").len(), 3);
    assert!(after.files["shop/features.yaml"].contains("# Switches the banner."));
    // All of it or nothing.
    let mut bad = changes.to_vec();
    bad.push(delete("shop", Kind::Flag, "nope"));
    assert_eq!(world.refused(&bad), "flag shop/nope not found");
    let twice = [changes[1].clone(), changes[1].clone()];
    assert_eq!(world.refused(&[&changes[..1], &twice].concat()), "segment orders/vip exists already");
}

#[test]
fn default_begins_with_its_first_resource() {
    let (after, planned) = World::default().after(&[change("default", What::Put(flag("f", json!({}))))]);
    assert_eq!(planned.done.len(), 1);
    assert!(after.files["default/features.yaml"].contains("name: Default"), "{}", after.files["default/features.yaml"]);
    assert_eq!(after.get("default", Kind::Flag, "f").unwrap()["name"], "F");
    let (after, _) = World::default().after(&[change("default", What::UpdateNamespace(head("default", "All")))]);
    assert!(after.files["default/features.yaml"].contains("name: All"));
    let (_, planned) = World::default()
        .after(&[change("default", What::Create(segment("s"))), change("default", What::Create(of_segment("f", "s")))]);
    assert_eq!(planned.files.len(), 1);
}

#[test]
fn a_namespace_goes_with_its_files_and_leaves_the_others() {
    let (after, planned) = shop().after(&[change("shop", What::DeleteNamespace)]);
    assert!(!after.files.contains_key("shop/features.yaml") && after.files.len() == 2);
    assert_eq!((planned.done[0].verb, planned.done[0].kind), ("delete", "namespace"));
    // Of a file that others share only its documents go.
    let (after, _) = shop().after(&[change("two", What::DeleteNamespace)]);
    assert_eq!(after.files["two/features.yaml"], "---\n# third\nnamespace: third\nflags: [{key: b, name: B}]\n");
    let (after, _) = shop().after(&[change("third", What::DeleteNamespace)]);
    assert_eq!(after.files["two/features.yaml"], "namespace: two\nflags: [{key: a, name: A}]\n");
    let (after, _) = shop().after(&[change("third", What::DeleteNamespace), change("two", What::DeleteNamespace)]);
    assert!(!after.files.contains_key("two/features.yaml"), "{:?}", after.files);
    // Gone is gone, for what follows too.
    let gone = change("shop", What::DeleteNamespace);
    let put = change("shop", What::Put(flag("f", json!({}))));
    assert_eq!(shop().refused(&[gone.clone(), put]), "namespace \"shop\" not found");
    let anew = change("shop", What::CreateNamespace(head("shop", "x")));
    assert!(shop().refused(&[gone, anew]).contains("earlier change of the same request"));
}

#[test]
fn json_files_and_files_in_error_are_not_edited() {
    let world = shop();
    let json = "namespace \"read\" stands in a JSON file (read/features.json); JSON files are read and not written";
    for what in [What::Put(flag("f", json!({}))), What::DeleteNamespace, What::UpdateNamespace(head("read", "x"))] {
        assert_eq!(world.refused(&[change("read", what)]), json);
    }
    let mut world = shop();
    world
        .files
        .insert("more/features.json".to_owned(), r#"{"namespace":"shop","flags":[{"key":"j","name":"J"}]}"#.to_owned());
    let refused = world.refused(&[change("shop", What::Put(flag("j", json!({}))))]);
    assert_eq!(refused, "flag shop/j stands in a JSON file (more/features.json); JSON files are read and not written");
    assert!(world.refused(&[delete("shop", Kind::Flag, "j")]).contains("JSON"));
    assert!(world.refused(&[change("shop", What::DeleteNamespace)]).contains("JSON"));
    world.after(&[change("shop", What::Put(flag("other", json!({}))))]);
    let bad = World::of(&[("shop/features.yaml", "namespace: shop\nflags:\n- {key: a, enabeld: true, name: A}\n")]);
    let words = "shop/features.yaml has an error and cannot be edited until it is repaired: line 3: ";
    for what in [What::Put(flag("f", json!({}))), What::CreateNamespace(head("shop", "x"))] {
        assert!(
            bad.refused(&[change("shop", what.clone())]).starts_with(words),
            "{}",
            bad.refused(&[change("shop", what)])
        );
    }
    let used = World::of(&[("shop/features.yaml", "namespace: other\n")]);
    let refused = used.refused(&[change("shop", What::CreateNamespace(head("shop", "x")))]);
    assert!(refused.starts_with("the directory \"shop\" is in use by namespace \"other\""), "{refused}");
}

#[test]
fn mistakes_are_refused_when_they_are_new() {
    let over = json!({"rollouts": [{"type": 2, "threshold": {"percentage": 150, "value": true}}]});
    let refused = shop().refused(&[change("shop", What::Create(flag("f", over)))]);
    assert_eq!(refused, "rollouts[0].threshold.percentage: 150 is not between 0 and 100");
    let old = World::of(&[(
        "a/features.yaml",
        "namespace: a\nflags: [{key: f, name: F, type: BOOLEAN_FLAG_TYPE, enabled: true, rollouts: [{threshold: {percentage: 150, value: true}}]}]\n",
    )]);
    let mut off = old.get("a", Kind::Flag, "f").unwrap();
    off["enabled"] = json!(false);
    let (after, _) = old.after(&[change("a", What::Update(resource(&off)))]);
    assert!(after.files["a/features.yaml"].contains("enabled: false"));
}

/// The shop, and the same before somebody else has changed the banner.
fn moved(more: &Value) -> World {
    let before = shop();
    let (mut now, _) = before.after(&[change("shop", What::Update(banner(more.clone())))]);
    now.past.insert("b".repeat(40), before.files);
    now
}

#[test]
fn a_revision_that_still_holds_lets_the_change_through() {
    let world = moved(&json!({"description": "theirs"}));
    let update = [change("two", What::Create(flag("n", json!({}))))];
    let before = "b".repeat(40);
    let own = revision(&banner(json!({"description": "theirs"})));
    let zeros = "0".repeat(40);
    // Unrelated commits never conflict; so neither do the tip, its own revision, and what says nothing.
    assert!(world.plan_seen(&update, Some(&before)).is_ok());
    let mine = [change("shop", What::Update(banner(json!({"description": "mine"}))))];
    for seen in [TIP, &own, "", " ", "latest", &zeros, &TIP.to_uppercase()] {
        let planned = world.plan_seen(&mine, Some(seen)).unwrap();
        assert!(!planned.written[0].merged, "{seen}");
    }
    // A change's own revision goes before that of the request.
    let sure = Change { revision: Some(own), ..mine[0].clone() };
    assert!(world.plan_seen(&[sure], Some(&before)).is_ok());
    // What is new cannot overwrite anybody, whatever was seen.
    let copied = [change("shop", What::Create(flag("copy", json!({}))))];
    assert!(world.plan_seen(&copied, Some(&"e".repeat(40))).is_ok());
}

#[test]
fn two_people_who_change_different_fields_both_get_theirs() {
    let world = moved(&json!({"description": "theirs"}));
    let before = "b".repeat(40);
    let mine = [change("shop", What::Update(banner(json!({"enabled": false}))))];
    let planned = world.plan_seen(&mine, Some(&before)).unwrap();
    let written = &planned.written[0];
    assert!(written.merged);
    assert_eq!(written.resource, Some(banner(json!({"enabled": false, "description": "theirs"}))));
    let text = String::from_utf8(planned.files[0].1.clone().unwrap()).unwrap();
    assert!(text.contains("enabled: false # since May") && text.contains("theirs"), "{text}");
    // A second change of the same request stands on the first.
    let more =
        [mine[0].clone(), change("shop", What::Update(banner(json!({"enabled": false, "description": "more"}))))];
    assert!(world.plan_seen(&more, Some(&before)).is_ok());
}

#[test]
fn two_people_who_change_the_same_are_told() {
    let world = moved(&json!({"description": "theirs"}));
    let before = "b".repeat(40);
    let mine = [change("shop", What::Update(banner(json!({"description": "mine"}))))];
    let conflict = world.conflict(&mine, &before);
    assert_eq!(conflict.message, "flag shop/banner was changed by somebody else since then: description");
    assert_eq!((conflict.overlaps, conflict.base), (vec!["description".to_owned()], Some(banner(json!({})))));
    assert_eq!(conflict.theirs, Some(banner(json!({"description": "theirs"}))));
    assert_eq!(conflict.revision, Some(revision(&banner(json!({"description": "theirs"})))));
    assert_eq!(&*conflict.commit, TIP);
    // A revision that nobody knows is a conflict too, unless it makes no difference.
    let conflict = world.conflict(&mine, "abc123");
    assert_eq!((conflict.base, conflict.overlaps), (None, vec!["description".to_owned()]));
    let same = [change("shop", What::Put(banner(json!({"description": "theirs"}))))];
    assert!(world.plan_seen(&same, Some("abc123")).unwrap().files.is_empty());
    let deleted = world.conflict(&[delete("shop", Kind::Flag, "banner")], &before);
    assert!(deleted.message.ends_with("look at it before it is deleted"));
    assert_eq!(world.conflict(&[change("shop", What::DeleteNamespace)], &before).kind, None);
    assert!(world.plan_seen(&[change("two", What::DeleteNamespace)], Some(&before)).is_ok());
    // Deleted meanwhile.
    let (mut gone, _) = shop().after(&[delete("shop", Kind::Flag, "banner")]);
    gone.past.insert(before.clone(), shop().files);
    let conflict = gone.conflict(&mine, &before);
    assert_eq!(conflict.message, "flag shop/banner was deleted by somebody else since then");
    assert_eq!((conflict.theirs, conflict.revision), (None, None));
    assert_eq!(gone.refused(&mine), "flag shop/banner not found");
    // Heads of namespaces.
    let (mut named, _) = shop().after(&[change("shop", What::UpdateNamespace(head("shop", "Theirs")))]);
    named.past.insert(before.clone(), shop().files);
    let conflict = named.conflict(&[change("shop", What::UpdateNamespace(head("shop", "Mine")))], &before);
    assert_eq!(conflict.overlaps, ["name"]);
    let described = Namespace { description: "d".to_owned(), ..head("shop", "Shop") };
    let planned = named.plan_seen(&[change("shop", What::UpdateNamespace(described))], Some(&before)).unwrap();
    assert!(planned.written[0].merged);
    let text = String::from_utf8(planned.files[0].1.clone().unwrap()).unwrap();
    assert!(text.contains("Theirs") && text.contains("description: d"), "{text}");
}

#[test]
fn a_flag_goes_where_it_sees_its_segments() {
    let world = World::of(&[
        ("a/features.yaml", "namespace: s\nflags: [{key: f, name: F, type: BOOLEAN_FLAG_TYPE}]\n"),
        ("b/features.yaml", "namespace: s\nsegments: [{key: late, name: L, match_type: ALL_MATCH_TYPE}]\n"),
    ]);
    let (after, planned) = world.after(&[
        change("s", What::Create(segment("early"))),
        change("s", What::Create(of_segment("g", "late"))),
        change("s", What::Update(of_segment("f", "early"))),
    ]);
    assert_eq!(planned.files.len(), 2);
    assert!(after.files["a/features.yaml"].contains("early") && after.files["b/features.yaml"].contains("key: g"));
    let refused = world.refused(&[change("s", What::Update(of_segment("f", "late")))]);
    assert!(refused.contains("stands in a later document than the flag"), "{refused}");
}
