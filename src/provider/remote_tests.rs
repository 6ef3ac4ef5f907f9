use super::*;

/// URL, provider, host, path.
type Row = (&'static str, Option<Provider>, &'static str, &'static str);

const FORMS: &[Row] = &[
    ("https://github.com/Acme/Flags.git", Some(Provider::Github), "github.com", "acme/flags"),
    ("https://user:secret@github.com/acme/flags", Some(Provider::Github), "github.com", "acme/flags"),
    ("https://www.github.com/acme/flags/", Some(Provider::Github), "github.com", "acme/flags"),
    ("git@github.com:acme/flags.git", Some(Provider::Github), "github.com", "acme/flags"),
    ("github.com:acme/flags.git", Some(Provider::Github), "github.com", "acme/flags"),
    ("ssh://git@ssh.github.com:443/acme/flags.git", Some(Provider::Github), "github.com", "acme/flags"),
    ("git://github.com/acme/flags.git", Some(Provider::Github), "github.com", "acme/flags"),
    ("https://acme.ghe.com/acme/flags", Some(Provider::Github), "acme.ghe.com", "acme/flags"),
    ("https://ghe.example.com/acme/flags.git", None, "ghe.example.com", "acme/flags"),
    ("https://gitlab.com/Group/Sub/Flags.git", Some(Provider::Gitlab), "gitlab.com", "group/sub/flags"),
    ("ssh://git@altssh.gitlab.com:443/group/flags.git", Some(Provider::Gitlab), "gitlab.com", "group/flags"),
    ("https://example.com/gitlab/group/flags.git", None, "example.com", "gitlab/group/flags"),
    ("https://bob@bitbucket.org/acme/flags.git", Some(Provider::BitbucketCloud), "bitbucket.org", "acme/flags"),
    ("git@altssh.bitbucket.org:acme/flags.git", Some(Provider::BitbucketCloud), "bitbucket.org", "acme/flags"),
    ("https://git.example.com/scm/PRJ/flags.git", Some(Provider::BitbucketDataCenter), "git.example.com", "prj/flags"),
    (
        "https://git.example.com:8443/bitbucket/scm/~bob/flags.git",
        Some(Provider::BitbucketDataCenter),
        "git.example.com:8443",
        "bitbucket/~bob/flags",
    ),
    (
        "ssh://git@git.example.com:7999/prj/flags.git",
        Some(Provider::BitbucketDataCenter),
        "git.example.com",
        "prj/flags",
    ),
    (
        "https://git.example.com/projects/PRJ/repos/flags/browse",
        Some(Provider::BitbucketDataCenter),
        "git.example.com",
        "prj/flags",
    ),
    (
        "https://git.example.com/ctx/users/bob/repos/flags/browse",
        Some(Provider::BitbucketDataCenter),
        "git.example.com",
        "ctx/~bob/flags",
    ),
    (
        "https://dev.azure.com/org/My%20Project/_git/Flags",
        Some(Provider::Azure),
        "dev.azure.com",
        "org/my project/flags",
    ),
    ("https://org@dev.azure.com/org/project/_git/flags", Some(Provider::Azure), "dev.azure.com", "org/project/flags"),
    ("https://dev.azure.com/org/_git/flags", Some(Provider::Azure), "dev.azure.com", "org/flags/flags"),
    (
        "https://dev.azure.com/org/DefaultCollection/_git/flags/",
        Some(Provider::Azure),
        "dev.azure.com",
        "org/flags/flags",
    ),
    ("https://dev.azure.com/org/project/_git/_full/flags", Some(Provider::Azure), "dev.azure.com", "org/project/flags"),
    ("https://org.visualstudio.com/project/_git/flags", Some(Provider::Azure), "dev.azure.com", "org/project/flags"),
    ("https://org.visualstudio.com/_git/flags", Some(Provider::Azure), "dev.azure.com", "org/flags/flags"),
    (
        "https://org.visualstudio.com/DefaultCollection/project/_git/flags",
        Some(Provider::Azure),
        "dev.azure.com",
        "org/project/flags",
    ),
    ("git@ssh.dev.azure.com:v3/org/project/flags", Some(Provider::Azure), "dev.azure.com", "org/project/flags"),
    ("ssh://git@ssh.dev.azure.com/v3/org/project/flags", Some(Provider::Azure), "dev.azure.com", "org/project/flags"),
    ("org@vs-ssh.visualstudio.com:v3/org/project/flags", Some(Provider::Azure), "dev.azure.com", "org/project/flags"),
    (
        "ssh://org@vs-ssh.visualstudio.com:22/DefaultCollection/project/_ssh/flags",
        Some(Provider::Azure),
        "dev.azure.com",
        "org/project/flags",
    ),
    (
        "https://tfs.example.com/tfs/Coll/project/_git/flags",
        Some(Provider::Azure),
        "tfs.example.com",
        "tfs/coll/project/flags",
    ),
    ("https://tfs.example.com/tfs/Coll/_git/flags", Some(Provider::Azure), "tfs.example.com", "tfs/coll/flags/flags"),
    (
        "ssh://tfs.example.com:22/tfs/Coll/project/_git/flags",
        Some(Provider::Azure),
        "tfs.example.com",
        "tfs/coll/project/flags",
    ),
    ("https://tfs.example.com/Coll/project/_git/flags", Some(Provider::Azure), "tfs.example.com", "coll/project/flags"),
    ("https://codeberg.org/acme/flags.git", Some(Provider::Forgejo), "codeberg.org", "acme/flags"),
    ("http://127.0.0.1:13000/forge/flags.git", None, "127.0.0.1:13000", "forge/flags"),
    ("http://[::1]:3000/forge/flags", None, "::1:3000", "forge/flags"),
    ("https://GIT.example.com:443/a/b?x=1#y", None, "git.example.com", "a/b"),
    ("git@host:/srv/flags.git", None, "host", "srv/flags"),
];

#[test]
fn every_form_of_a_url_is_a_place() {
    for (url, provider, host, path) in FORMS {
        let place = parse(url).unwrap_or_else(|| panic!("{url} is a place"));
        assert_eq!((&place.provider, place.host.as_str(), place.path.as_str()), (provider, *host, *path), "{url}");
    }
}

/// URL, provider as the configuration says, context path, owner and repository at the API.
type Spelled = (&'static str, Provider, &'static str, &'static str, &'static str);

const NAMES: &[Spelled] = &[
    ("https://github.com/Acme/Flags.git", Provider::Github, "", "Acme", "Flags"),
    ("ssh://git@ssh.github.com:443/Acme/Flags", Provider::Github, "", "Acme", "Flags"),
    ("git@ghe.example.com:Acme/Flags.GIT", Provider::Github, "", "Acme", "Flags"),
    ("https://gitlab.com/Group/Sub/Flags.git", Provider::Gitlab, "", "Group/Sub", "Flags"),
    ("https://example.com/gitlab/Group/Sub/flags.git", Provider::Gitlab, "gitlab", "Group/Sub", "flags"),
    ("git@example.com:gitlab/flags.git", Provider::Gitlab, "gitlab", "gitlab", "flags"),
    ("ssh://git@example.com:2222/group/flags.git", Provider::Gitlab, "", "group", "flags"),
    ("https://git.example.com/scm/PRJ/Flags.git", Provider::BitbucketDataCenter, "", "PRJ", "Flags"),
    ("https://git.example.com:8443/bitbucket/scm/~bob/flags.git", Provider::BitbucketDataCenter, "", "~bob", "flags"),
    ("ssh://git@git.example.com:7999/~bob/flags.git", Provider::BitbucketDataCenter, "", "~bob", "flags"),
    ("git@bitbucket.org:Team/flags.git", Provider::BitbucketCloud, "", "Team", "flags"),
    ("https://dev.azure.com/Org/My%20Project/_git/My%20Flags", Provider::Azure, "", "My Project", "My Flags"),
    ("https://Org.visualstudio.com/_git/Flags", Provider::Azure, "", "Flags", "Flags"),
    ("https://org.visualstudio.com/DefaultCollection/Proj/_git/Flags", Provider::Azure, "", "Proj", "Flags"),
    ("git@ssh.dev.azure.com:v3/Org/My%20Project/Flags", Provider::Azure, "", "My Project", "Flags"),
    ("https://tfs.example.com/tfs/Coll/Proj/_git/Flags", Provider::Azure, "", "Proj", "Flags"),
    ("ssh://tfs.example.com:22/tfs/Coll/Proj/_ssh/Flags", Provider::Azure, "", "Proj", "Flags"),
    ("https://example.com/forge/Acme/Flags.git", Provider::Gitea, "forge", "Acme", "Flags"),
    ("http://127.0.0.1:3000/Acme/Flags", Provider::Forgejo, "", "Acme", "Flags"),
];

#[test]
fn names_at_the_api_keep_their_case() {
    for (url, provider, context, owner, name) in NAMES {
        let found = repository(url, *provider, context).unwrap_or_else(|| panic!("{url} names a repository"));
        assert_eq!((found.owner.as_str(), found.name.as_str()), (*owner, *name), "{url}");
    }
    for (url, provider) in [
        ("https://github.com/flags", Provider::Github),
        ("https://gitlab.com/flags.git", Provider::Gitlab),
        ("/srv/flags.git", Provider::Gitea),
        ("file:///srv/a/flags.git", Provider::Github),
    ] {
        assert_eq!(repository(url, provider, ""), None, "{url}");
    }
}

#[test]
fn what_is_no_place() {
    for url in [
        "",
        "/srv/flags.git",
        "./flags",
        "../flags.git",
        "flags",
        "file:///srv/flags.git",
        "C:\\flags",
        "c:/flags",
        "https://",
        "https:///acme/flags",
        "https://github.com",
        "https://github.com/",
        "ftp://github.com/acme/flags",
        "ext::sh -c touch",
        "https://a b/c",
        "git@gitlab.com:.git",
        "https://gitlab.com/.git/",
        "-oProxyCommand=x:y",
        "-host:acme/flags",
        "ssh://-oProxyCommand/acme/flags",
        "https://dev.azure.com/org/_git",
        ".visualstudio.com:",
        "https://.visualstudio.com/",
        "@vs-ssh.visualstudio.com:",
        "ssh://@vs-ssh.visualstudio.com/",
        "\u{0}",
        ":",
        "@:",
    ] {
        assert_eq!(parse(url), None, "{url:?}");
    }
}

fn named(urls: &[&str], full_name: Option<&str>) -> RepositoryName {
    RepositoryName { full_name: full_name.map(str::to_owned), urls: urls.iter().map(|url| (*url).to_owned()).collect() }
}

#[test]
fn one_agreement_is_enough() {
    let cases: &[(&str, Provider, &[&str], Option<&str>)] = &[
        ("git@github.com:Acme/Flags.git", Provider::Github, &["https://github.com/acme/flags"], None),
        ("https://github.com/acme/flags", Provider::Github, &["https://nonsense/x/y"], Some("acme/Flags")),
        (
            "http://gitea:3000/forge/flags.git",
            Provider::Gitea,
            &["https://git.example.com/forge/flags"],
            Some("forge/flags"),
        ),
        ("https://example.com/git/forge/flags.git", Provider::Gitea, &[], Some("forge/flags")),
        (
            "https://internal/gitlab/group/sub/flags.git",
            Provider::Gitlab,
            &["https://gitlab.example.com/gitlab/group/sub/flags"],
            Some("group/sub/flags"),
        ),
        ("https://example.com/ctx/scm/prj/flags.git", Provider::BitbucketDataCenter, &[], Some("PRJ/flags")),
        (
            "git@ssh.dev.azure.com:v3/org/My Project/flags",
            Provider::Azure,
            &["https://org.visualstudio.com/My%20Project/_git/flags"],
            None,
        ),
        ("https://dev.azure.com/org/project/_git/flags", Provider::Azure, &[], Some("project/flags")),
        ("https://tfs.example.com/tfs/Coll/project/_git/flags", Provider::Azure, &[], Some("Project/Flags")),
    ];
    for (remote, provider, urls, full_name) in cases {
        let place = parse(remote).unwrap();
        assert_eq!(place.is_named(*provider, &named(urls, *full_name)), Named::Same, "{remote}");
    }
}

#[test]
fn another_repository_is_another() {
    let cases: &[(&str, Provider, &[&str], Option<&str>)] = &[
        ("https://github.com/acme/flags", Provider::Github, &["https://github.com/acme/flags2"], None),
        ("https://github.com/acme/flags", Provider::Github, &["https://github.com/acme/flags2"], Some("acme/flags2")),
        ("https://github.com/acme/flags", Provider::Github, &[], Some("lags")),
        ("https://github.com/acme/flags", Provider::Github, &[], Some("flags")),
        ("https://gitlab.com/group/sub/flags", Provider::Gitlab, &["https://gitlab.com/sub/flags"], Some("sub/flags")),
        ("https://dev.azure.com/org/project/_git/flags", Provider::Azure, &[], Some("ect/flags")),
    ];
    for (remote, provider, urls, full_name) in cases {
        let place = parse(remote).unwrap();
        assert_eq!(place.is_named(*provider, &named(urls, *full_name)), Named::Other, "{remote}");
    }
    let place = parse("https://github.com/acme/flags").unwrap();
    assert_eq!(place.is_named(Provider::Github, &named(&[], None)), Named::Nothing);
    assert_eq!(place.is_named(Provider::Github, &named(&["/local", ""], None)), Named::Nothing);
}

#[test]
fn userinfo_is_not_shown() {
    assert_eq!(without_userinfo("https://u:p@host/a@b"), "https://host/a@b");
    assert_eq!(without_userinfo("https://host"), "https://host");
    assert_eq!(without_userinfo("git@host:a/b"), "git@host:a/b");
}
