use super::*;

fn commit(forge: &Forge, text: &str) -> String {
    let files = [("shop/features.yaml", Some(text.as_bytes()))];
    let commit = program::Commit { branch: "main", files: &files, message: "change", seconds: 1_700_000_000 };
    forge.repository().commit(&commit).unwrap()
}

/// What an unmodified Git client lists.
async fn tip(url: String) -> Result<String, String> {
    let listed = tokio::task::spawn_blocking(move || {
        program::command().args(["ls-remote", &url, "refs/heads/main"]).output().unwrap()
    })
    .await
    .unwrap();
    if listed.status.success() {
        Ok(String::from_utf8(listed.stdout).unwrap().split_whitespace().next().unwrap_or_default().to_owned())
    } else {
        Err(String::from_utf8(listed.stderr).unwrap())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn git_finds_the_repository_under_every_providers_url() {
    let root = tempfile::tempdir().unwrap();
    let forge = Forge::start(root.path(), Options::default()).unwrap();
    let id = commit(&forge, "a: 1\n");
    for sender in [Sender::Github, Sender::BitbucketDataCenter, Sender::Azure] {
        assert_eq!(tip(forge.url(sender)).await.as_deref(), Ok(id.as_str()), "{sender:?}");
    }
    assert!(tip(format!("{}/acme/other.git", forge.place().base)).await.is_err());
    assert_eq!(forge.strays(), ["/acme/other.git/info/refs"]);
    assert_eq!((forge.count(Kind::List), forge.count(Kind::Fetch)), (3, 0));
    forge.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_over_http_needs_the_credential() {
    let root = tempfile::tempdir().unwrap();
    let options = Options { credential: Some(("ada".to_owned(), "pw".to_owned())), ..Options::default() };
    let forge = Forge::start(&root.path().join("forge"), options).unwrap();
    let work = program::Repository::init(&root.path().join("work.git"), program::Format::Sha1).unwrap();
    let files = [("shop/features.yaml", Some(&b"a: 1\n"[..]))];
    let commit = program::Commit { branch: "main", files: &files, message: "change", seconds: 1_700_000_000 };
    let id = work.commit(&commit).unwrap();
    let with = forge.url(Sender::Gitea).replace("http://", "http://ada:pw@");
    let without = forge.url(Sender::Gitea);
    tokio::task::spawn_blocking(move || {
        assert!(work.push(&without, &["main"]).is_err());
        work.push(&with, &["main"]).unwrap();
    })
    .await
    .unwrap();
    assert_eq!(forge.repository().tip("main").unwrap(), Some(id));
    assert!(forge.seen().iter().any(|seen| seen.kind == Kind::Push && seen.user.as_deref() == Some("ada")));
    forge.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_hit_as_often_as_planned_and_end_with_recovery() {
    let root = tempfile::tempdir().unwrap();
    let forge = Forge::start(root.path(), Options::default()).unwrap();
    let old = commit(&forge, "a: 1\n");
    forge.freeze_replica().unwrap();
    let new = commit(&forge, "a: 2\n");
    let url = || forge.url(Sender::Github);

    forge.misbehave_times(Kind::List, Fault::Lag, 1);
    assert_eq!(tip(url()).await, Ok(old));
    assert_eq!(tip(url()).await, Ok(new.clone()));

    forge.misbehave(Kind::Advertise, Fault::Status(503));
    assert!(tip(url()).await.unwrap_err().contains("503"));
    forge.recover();
    forge.misbehave(Kind::Any, Fault::Refuse);
    assert!(tip(url()).await.unwrap_err().contains("terminal prompts disabled"));
    forge.recover();
    forge.misbehave(Kind::List, Fault::CutAfter(5));
    assert!(tip(url()).await.is_err());
    forge.recover();
    forge.misbehave(Kind::Any, Fault::Trickle { bytes: 20, pause: std::time::Duration::from_millis(1) });
    assert_eq!(tip(url()).await, Ok(new.clone()));
    forge.recover();
    forge.misbehave_times(Kind::Advertise, Fault::Redirect(forge.url(Sender::Azure)), 1);
    assert_eq!(tip(url()).await, Ok(new.clone()));
    forge.recover();

    forge.misbehave(Kind::Advertise, Fault::Stall);
    let mut changed = forge.subscribe();
    let before = forge.seen().len();
    let waiting = tokio::spawn(tip(url()));
    changed.wait_for(|_| forge.seen().len() > before).await.unwrap();
    assert!(!waiting.is_finished());
    forge.recover();
    let answer = tokio::time::timeout(std::time::Duration::from_secs(20), waiting).await.expect("it still stalls");
    assert_eq!(answer.unwrap(), Ok(new));
    forge.stop().await;
}
