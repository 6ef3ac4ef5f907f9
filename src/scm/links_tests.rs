use super::*;
use crate::clock::System;
use crate::config;
use crate::provider::Provider;
use crate::scm::Uncounted;

fn loaded(text: &str) -> Config {
    let no_files = |_: &std::path::Path| Err(std::io::Error::from(std::io::ErrorKind::NotFound));
    config::load(text, "config.yml", &std::collections::BTreeMap::new(), &no_files)
        .unwrap_or_else(|found| panic!("{found:?}"))
}

fn links(config: &Config) -> Links {
    Links::new(config, Arc::new(System), Arc::new(Uncounted))
}

const TWO: &str = "
storage: {flags: {remote: 'https://GitHub.com/Acme/Flags.git'}}
credentials: {token: {type: access_token, access_token: t}}
environments:
  one: {default: true, storage: flags, directory: one, scm: {credentials: token}}
  two: {storage: flags, directory: two, scm: {credentials: token, report: {comment: false}, draft: true, merge_method: squash}}
  three: {storage: flags, directory: three}
  four: {storage: flags, directory: four, scm: {}}
";

#[test]
fn environments_of_one_credential_share_a_link() {
    let config = loaded(TWO);
    let links = links(&config);
    let of = |name: &str| links.of(name).unwrap().unwrap();
    let (one, two) = (of("one"), of("two"));
    assert!(Arc::ptr_eq(&one.link, &two.link));
    let place = Place {
        provider: Provider::Github,
        root: "https://api.github.com".into(),
        owner: "Acme".into(),
        repository: "Flags".into(),
    };
    assert_eq!(one.place, place);
    assert_eq!((one.report.status, one.report.comment, one.draft), (true, true, false));
    assert_eq!((two.report.status, two.report.comment, two.draft), (true, false, true));
    assert_eq!((one.merge_method, two.merge_method), (None, Some(MergeMethod::Squash)));
    assert!(links.of("three").is_none());
    let missing = links.of("four").unwrap().unwrap_err();
    assert!(missing.contains("environments.four.scm.credentials"), "{missing}");
    assert_eq!(links.all().len(), 2);
    assert!(target(&config.storages["flags"], &config).is_ok());
}

#[test]
fn a_reload_keeps_the_links_that_stay() {
    let links = links(&loaded(TWO));
    let link = |links: &Links, name: &str| links.of(name).unwrap().unwrap().link.clone();
    let before = link(&links, "one");
    links.apply(&loaded(&TWO.replace("merge_method: squash", "merge_method: merge")));
    assert!(Arc::ptr_eq(&before, &link(&links, "one")));
    assert_eq!(links.of("two").unwrap().unwrap().merge_method, Some(MergeMethod::Merge));
    links.apply(&loaded(&TWO.replace("access_token: t}", "access_token: u}")));
    assert!(!Arc::ptr_eq(&before, &link(&links, "one")));
    links.apply(&loaded(&TWO.replace("scm: {credentials: token}", "scm: {}")));
    assert!(links.of("one").unwrap().is_err());
}

#[test]
fn the_file_can_say_what_the_remote_does_not() {
    let place_of = |remote: &str, scm: &str| {
        let text = format!(
            "storage: {{default: {{remote: '{remote}'}}}}\n\
             credentials: {{token: {{type: access_token, access_token: t}}}}\n\
             environments: {{e: {{scm: {{credentials: token, {scm}}}}}}}"
        );
        place(&loaded(&text).environments[0])
            .map(|place| format!("{} {} {}", place.root, place.owner, place.repository))
    };
    for (remote, scm, found) in [
        (
            "https://h.example/gl/Group/Sub/r.git",
            "type: gitlab, api_url: 'https://h.example/gl'",
            "https://h.example/gl/api/v4 Group/Sub r",
        ),
        (
            "git@h.example:Group/Sub/r.git",
            "type: gitlab, api_url: 'https://h.example:8443/gl'",
            "https://h.example:8443/gl/api/v4 Group/Sub r",
        ),
        ("https://mirror.example/x.git", "type: gitlab, project: a/b/c", "https://mirror.example/api/v4 a/b c"),
        ("https://mirror.example/x.git", "type: github, owner: O, repository: R", "https://mirror.example/api/v3 O R"),
        ("https://h.example:3000/ctx/O/R.git", "type: forgejo", "https://h.example:3000/ctx/api/v1 O R"),
        (
            "ssh://git@h.example:2222/O/R.git",
            "type: gitea, api_url: 'http://h.example:3000'",
            "http://h.example:3000/api/v1 O R",
        ),
        ("https://h.example/ctx/scm/PRJ/r.git", "repository: other", "https://h.example/ctx/rest/api/latest PRJ other"),
        ("ssh://git@h.example:7999/prj/r.git", "project: PRJ", "https://h.example/rest/api/latest PRJ r"),
        (
            "https://dev.azure.com/Org/My%20Proj/_git/My%20Repo",
            "type: azure",
            "https://dev.azure.com/Org My Proj My Repo",
        ),
        ("git@ssh.dev.azure.com:v3/Org/Proj/Repo", "type: azure", "https://dev.azure.com/Org Proj Repo"),
        ("https://tfs.example/tfs/Coll/Proj/_git/Repo", "type: azure", "https://tfs.example/tfs/Coll Proj Repo"),
        ("https://bob@bitbucket.org/Team/r.git", "type: bitbucket", "https://api.bitbucket.org/2.0 Team r"),
    ] {
        assert_eq!(place_of(remote, scm).as_deref(), Ok(found), "{remote} {scm}");
    }
    let missing = place_of("https://mirror.example/x.git", "type: github").unwrap_err();
    assert!(missing.contains("environments.e.scm.owner"), "{missing}");
}
