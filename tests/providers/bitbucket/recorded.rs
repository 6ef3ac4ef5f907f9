//! Answers of real servers, as others recorded them. They stand beside the specifications, and are not part of the
//! repository: where they are not, this checks nothing and says so.

use std::path::PathBuf;

use yardarm::provider::Provider;
use yardarm::provider::api::{self, Answer, Ask, Failure, Place, Request, State};

/// Answers each request with the recording whose part of the path is in its URL.
struct Recorded {
    folder: PathBuf,
    files: &'static [(&'static str, &'static str)],
}

impl Recorded {
    #[expect(clippy::print_stderr, reason = "a test that tests nothing has to say so")]
    fn of(name: &str, files: &'static [(&'static str, &'static str)]) -> Option<Self> {
        let beside = ["../shared/recordings", "../../shared/recordings"];
        let beside = beside.map(|beside| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(beside).join(name).join("api"));
        let folder = beside.into_iter().find(|folder| folder.is_dir());
        if folder.is_none() {
            eprintln!("not checked against recorded answers: there are none beside the checkout");
        }
        Some(Self { folder: folder?, files })
    }
}

impl Ask for Recorded {
    fn ask(&self, request: &Request) -> Result<Answer, Failure> {
        let found = self.files.iter().find(|(part, _)| request.url.contains(part));
        let (status, body) =
            found.map_or((404, Vec::new()), |(_, file)| (200, std::fs::read(self.folder.join(file)).unwrap()));
        Ok(Answer { status, headers: Vec::new(), body, at: jiff::Timestamp::UNIX_EPOCH })
    }
}

fn place(provider: Provider, root: &str, owner: &str, repository: &str) -> Place {
    Place { provider, root: root.to_owned(), owner: owner.to_owned(), repository: repository.to_owned() }
}

#[test]
fn of_bitbucket_cloud() {
    let files = &[
        ("/4982/statuses", "drone__statuses.json"),
        ("/4982/comments", "drone__prcomments.json"),
        ("/pullrequests/4982", "drone__pr.json"),
        ("/pullrequests?", "drone__prs.json"),
    ];
    let Some(recorded) = Recorded::of("bitbucket-cloud", files) else { return };
    let api = api::of(place(Provider::BitbucketCloud, "https://api.bitbucket.org/2.0", "atlassian", "atlaskit"));
    let read = api.read(&recorded, 4982).unwrap();
    assert_eq!((read.number, read.state, read.fork, read.base.as_str()), (4982, State::Open, true, "master"));
    assert_eq!((read.head_commit.as_deref(), read.author.as_str()), (Some("31c54529bd80"), "Lachlan Vass"));
    assert_eq!(read.checks, [], "of another commit");
    assert_eq!(read.updated.unwrap().to_string(), "2020-01-17T01:02:49.933253Z");
    assert_eq!(api.list(&recorded, None).unwrap().len(), 1);
    assert_eq!(api.comments(&recorded, 4982, "Lovely").unwrap()[0].id, "419169807");
}

#[test]
fn of_bitbucket_data_center() {
    let files = &[("/pull-requests/1/activities", "drone__pr_comments.json"), ("/pull-requests?", "drone__prs.json")];
    let Some(recorded) = Recorded::of("bitbucket-dc", files) else { return };
    let root = "http://example.com:7990/rest/api/latest";
    let api = api::of(place(Provider::BitbucketDataCenter, root, "PRJ", "my-repo"));
    let listed = api.list(&recorded, None).unwrap().remove(0);
    assert_eq!((listed.number, listed.version, listed.fork), (1, Some(0), false));
    assert_eq!((listed.head.as_deref(), listed.base.as_str()), (Some("feature/x"), "master"));
    assert_eq!(listed.created.unwrap().to_string(), "2018-07-05T05:01:10.981Z");
    assert_eq!(api.find(&recorded, "feature/x", "master").unwrap().len(), 1);
    let comments = api.comments(&recorded, 1, "this is").unwrap();
    let told: Vec<_> = comments.iter().map(|comment| (comment.id.as_str(), comment.version)).collect();
    assert_eq!(told, [("1", Some(0)), ("2", Some(0))], "the oldest first");
}
