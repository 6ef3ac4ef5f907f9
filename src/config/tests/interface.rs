use super::*;

fn interface(text: &str) -> Interface {
    load_text(text).unwrap().interface
}

#[test]
fn the_interface_is_there_unless_it_is_switched_off() {
    assert_eq!(interface(""), Interface::default());
    assert_eq!(interface("ui: {}"), Interface::default());
    assert!(!interface("ui: {enabled: true}").disabled);
    assert!(interface("ui: {enabled: false}").disabled);
}

#[test]
fn theme_colour_and_label_are_taken() {
    let of = interface("ui: {default_theme: dark, topbar: {color: '#8a1C1c', label: ' Production '}}");
    assert_eq!(of.theme, Theme::Dark);
    assert_eq!(of.colour.map(Colour::digits).as_deref(), Some("8a1c1c"));
    assert_eq!(of.label.as_deref(), Some("Production"));
    assert_eq!(interface("ui: {topbar: {color: '', label: ''}}"), Interface::default());
    assert!(one_error("ui: {topbar: {color: red}}").contains("ui.topbar.color: a colour is `#` and six digits"));
    assert!(one_error("ui: {topbar: {color: '#fff; } *'}}").contains("ui.topbar.color"));
    assert!(one_error(&format!("ui: {{topbar: {{label: {}}}}}", "x".repeat(41))).contains("at most 40 letters"));
}

#[test]
fn a_session_has_an_end_and_a_cookie_of_its_listener() {
    let session = |text: &str| interface(&format!("authentication: {{session: {text}}}")).session;
    assert_eq!(session("{}"), Session::default());
    let of = session("{token_lifetime: 90m, secure: true, domain: flags.example.com}");
    assert_eq!(
        (of.lifetime, of.secure, of.domain.as_deref()),
        (Duration::from_secs(5_400), true, Some("flags.example.com"))
    );
    for (wrong, key) in [
        ("{token_lifetime: 1s}", "token_lifetime"),
        ("{token_lifetime: 9000h}", "token_lifetime"),
        ("{domain: 'https://x'}", "domain"),
        ("{domain: 'x; Path=/'}", "domain"),
    ] {
        assert!(
            one_error(&format!("authentication: {{session: {wrong}}}")).contains(&format!("session.{key}")),
            "{wrong}"
        );
    }
    let kept = warnings(&load_text("authentication: {session: {storage: {type: redis}, csrf: {key: k}}}").unwrap());
    assert_eq!(kept.len(), 2, "{kept:#?}");
}
