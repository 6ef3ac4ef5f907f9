use super::*;

const ENVIRONMENT: Environment<'static> =
    Environment { name: "production", default: true, storage: "flags", directory: "prod", scm: None };

fn done(verb: &'static str, kind: &'static str, key: &str) -> Done {
    Done { verb, kind, namespace: "default".to_owned(), key: key.to_owned() }
}

fn one() -> Vec<Done> {
    vec![done("update", "flag", "checkout")]
}

fn texts(template: &str) -> Texts {
    Texts::of(&Templates { commit_message: Some(template.to_owned()), ..Templates::default() })
}

fn identity(name: &str, email: &str) -> Identity {
    Identity { name: name.to_owned(), email: email.to_owned() }
}

fn said(texts: &Texts, own: Option<&Own>, done: &[Done], asked: Option<&str>) -> Message {
    commit(texts, own, ENVIRONMENT, done, asked, &[])
}

#[test]
fn ours_is_that_of_flipt() {
    let ours = |done: &[Done]| said(&Texts::default(), None, done, None).text;
    assert_eq!(ours(&one()), "update flag default/checkout");
    assert_eq!(ours(&[done("create", "namespace", "default")]), "create namespace default");
    assert_eq!(
        ours(&[done("create", "flag", "a"), done("delete", "segment", "b")]),
        "updated multiple resources\n\n- create flag default/a\n- delete segment default/b"
    );
    assert!(!ours(&[]).is_empty());
}

#[test]
fn the_caller_comes_first_then_the_repository_then_the_server() {
    let server = texts("server {{ index .Changes 0 }}");
    let own = Own::read("flipt.yaml", b"version: '1.0'\ntemplates: {commit_message: 'repo {{ .Environment.Name }}'}");
    let text = |own, asked| said(&server, own, &one(), asked).text;
    assert_eq!(text(Some(&own), Some("  mine\n")), "  mine");
    assert_eq!(text(Some(&own), Some(" \n\t")), "repo production");
    assert_eq!(text(Some(&own), None), "repo production");
    assert_eq!(text(None, None), "server update flag default/checkout");
}

#[test]
fn a_template_that_fails_holds_nothing_up() {
    let server = texts("server {{ len .Changes }}");
    for (file, why) in [
        ("templates: {commit_message: '{{ .Nope }}'}", "cannot be filled in: there is no field `Nope` there"),
        ("templates: {commit_message: '{{ nope'}", "is no template"),
        ("templates: {commit_message: '{{ if false }}x{{ end }}'}", "comes to an empty message"),
        ("templates: [", "flipt.yaml is not used: line "),
        ("templates: no", "`templates` is no mapping"),
        ("- a", "flipt.yaml is not used: a mapping stands there"),
        ("exclude: [x]", "there is no key `exclude`"),
        ("templates: {commit: x}", "there is no key `templates.commit`"),
    ] {
        let message = said(&server, Some(&Own::read("flipt.yaml", file.as_bytes())), &one(), None);
        assert_eq!(message.text, "server 1", "{file}");
        assert!(message.warnings.len() == 1 && message.warnings[0].contains(why), "{file}: {:?}", message.warnings);
    }
    let message = said(&texts("{{ .Nope }}"), None, &one(), None);
    assert_eq!((message.text.as_str(), message.warnings.len()), ("update flag default/checkout", 1));
    // Every version that Flipt refuses, and none.
    for version in ["version: '1.0'", "version: 2.0", "version: 3.0.0", "version: {a: b}", "", "---\n"] {
        let message = said(&server, Some(&Own::read("flipt.yaml", version.as_bytes())), &one(), None);
        assert_eq!((message.text.as_str(), message.warnings), ("server 1", Vec::new()), "{version}");
    }
    for bytes in [&b"\xff\xfe"[..], &vec![b'#'; limits::OWN_TEMPLATES_BYTES + 1]] {
        assert_eq!(Own::read("flipt.yml", bytes).warnings.len(), 1);
    }
}

#[test]
fn messages_are_clean() {
    let clean = |text: &str| said(&Texts::default(), None, &one(), Some(text)).text;
    assert_eq!(clean("\r\n\r\na \r\nb\t\rc\r\n\r\n\r\n\r\nd\n\n"), "a\nb\nc\n\nd");
    assert_eq!(clean("a\u{0}\u{1b}[31mb"), "a[31mb");
    let long = clean(&"ü".repeat(1_000_000));
    assert_eq!(long.chars().count(), limits::COMMIT_MESSAGE_CHARACTERS + 1);
    assert!(clean(&"line\n".repeat(1_000_000)).chars().count() <= limits::COMMIT_MESSAGE_CHARACTERS + 1);
}

#[test]
fn whoever_wrote_along_is_named_once() {
    let named = |asked: &str, co_authors: &[Identity]| {
        commit(&Texts::default(), None, ENVIRONMENT, &one(), Some(asked), co_authors)
    };
    let (ada, bob) = (identity("Ada", "ada@x.example"), identity("Bob", "bob@x.example"));
    let both = [ada.clone(), bob.clone(), identity("Ada L.", "ADA@x.example")];
    assert_eq!(
        named("fix: it", &both).text,
        "fix: it\n\nCo-authored-by: Ada <ada@x.example>\nCo-authored-by: Bob <bob@x.example>"
    );
    let asked = "fix\n\nwhy\n\nSigned-off-by: Eve <eve@x.example>\nco-authored-by: Ada <Ada@x.example>";
    assert_eq!(named(asked, &both).text, format!("{asked}\nCo-authored-by: Bob <bob@x.example>"));
    for wrong in [identity("", "a@b"), identity("a", "b"), identity("a\nb", "a@b"), identity("a", "a@b>\nx <y")] {
        let message = named("x", &[wrong]);
        assert_eq!((message.text.as_str(), message.warnings.len()), ("x", 1));
    }
    let crowd: Vec<Identity> = (0..1_000).map(|n| identity("n", &format!("n{n}@x"))).collect();
    assert_eq!(named("x", &crowd).text.lines().count(), 2 + limits::CO_AUTHORS);
}
