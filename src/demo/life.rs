//! What goes on in the demonstration while somebody looks at its pages: applications ask for their flags, and people
//! push, propose, approve and merge, one thing after the other, for as long as it is up.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Error;
use super::desk::{Book, New, Refused, Way};
use super::dialect::Person;
use super::outside::Outside;
use super::stage::{Stage, blocking};
use crate::git::program;
use crate::limits;

/// The environment that people look at, and the one before it.
pub(super) const PRODUCTION: &str = "production";
pub(super) const STAGING: &str = "staging";
/// The branch that both are on.
pub(super) const MAIN: &str = "main";

/// The flags of the shop: path below the directory of an environment, and the file.
pub(super) const FILES: [(&str, &str); 3] = [
    ("shop/features.yaml", include_str!("shop/shop.yaml")),
    ("payments/features.yaml", include_str!("shop/payments.yaml")),
    ("support/features.yaml", include_str!("shop/support.yaml")),
];

/// What the banner says, in turn.
const NEWS: [&str; 4] = [
    "Free delivery until Sunday",
    "Winter sale: up to 40 %",
    "Order today, unwrap tomorrow",
    "New: pay with the phone",
];

/// What is proposed, in turn: branch, title, why, file, and what of it becomes what.
const WISHES: [Wish; 4] = [
    Wish {
        key: "checkout-for-half",
        title: "Show the new checkout to half of everybody",
        body: "A quarter has had it for a week: two more orders in a hundred, and no complaint.",
        author: "grace",
        file: "shop/features.yaml",
        from: "threshold: {percentage: 25, value: true}",
        to: "threshold: {percentage: 50, value: true}",
    },
    Wish {
        key: "less-second-provider",
        title: "Send less to the second payment provider",
        body: "It is slow today.",
        author: "rosa",
        file: "payments/features.yaml",
        from: "- {variant: first, rollout: 80}\n          - {variant: second, rollout: 20}",
        to: "- {variant: first, rollout: 95}\n          - {variant: second, rollout: 5}",
    },
    Wish {
        key: "checkout-for-a-quarter",
        title: "Go back to a quarter with the new checkout",
        body: "The courier's page does not fit yet.",
        author: "grace",
        file: "shop/features.yaml",
        from: "threshold: {percentage: 50, value: true}",
        to: "threshold: {percentage: 25, value: true}",
    },
    Wish {
        key: "more-second-provider",
        title: "Share the load between the payment providers again",
        body: "It is as quick as it was.",
        author: "rosa",
        file: "payments/features.yaml",
        from: "- {variant: first, rollout: 95}\n          - {variant: second, rollout: 5}",
        to: "- {variant: first, rollout: 80}\n          - {variant: second, rollout: 20}",
    },
];

/// Proposals that are there from the beginning and wait for whoever looks.
const WAITING: [(Wish, bool); 2] = [
    (
        Wish {
            key: "machine-answers-all-day",
            title: "Let the machine answer all day",
            body: "It was right nine times of ten. Try it with everybody, and keep the chat with a person.",
            author: "rosa",
            file: "support/features.yaml",
            from: "key: answers-by-machine\n    name: A machine answers first\n    description: Where no person is awake\n    \
                   type: BOOLEAN_FLAG_TYPE\n    enabled: false",
            to: "key: answers-by-machine\n    name: A machine answers first\n    description: Where no person is awake\n    \
                 type: BOOLEAN_FLAG_TYPE\n    enabled: true",
        },
        false,
    ),
    (
        Wish {
            key: "wallet-for-everybody",
            title: "Pay with the phone, everybody",
            body: "Not before the contract is signed.",
            author: "grace",
            file: "payments/features.yaml",
            from: "threshold: {percentage: 10, value: true}",
            to: "threshold: {percentage: 100, value: true}",
        },
        true,
    ),
];

/// A change that somebody wants.
#[derive(Debug, Clone, Copy)]
struct Wish {
    key: &'static str,
    title: &'static str,
    body: &'static str,
    author: &'static str,
    file: &'static str,
    from: &'static str,
    to: &'static str,
}

/// The first commit: both environments as they are when the curtain opens.
pub(super) fn files() -> Vec<(String, String)> {
    let of = |environment: &str, change: fn(&str) -> String| {
        FILES.map(|(path, text)| (format!("{environment}/{path}"), change(text)))
    };
    let production = of(PRODUCTION, str::to_owned);
    let staging = of(STAGING, |text| {
        text.replace("percentage: 25,", "percentage: 100,").replace("percentage: 10,", "percentage: 50,")
    });
    production.into_iter().chain(staging).collect()
}

/// Opens the proposals that are there from the beginning. Blocks.
pub(super) fn prepare(repository: &program::Repository, book: &Book) -> Result<(), Error> {
    for (wish, draft) in WAITING {
        let Some(number) = propose(repository, book, &wish, draft)? else { continue };
        let _ = book.check(number, "ci/flags", true, "14 flags, no problem");
        if !draft {
            let _ = book.review(number, "grace", true);
        }
    }
    Ok(())
}

/// Goes on until it is dropped. Whoever looks may do whatever they like with the shop: what finds things otherwise than it
/// expects leaves them as they are, and something else happens next.
pub(super) async fn go_on(stage: &Stage) {
    tokio::join!(ask(stage.outside.clone()), act(stage));
}

/// Applications, for customers of all kinds.
async fn ask(outside: Outside) {
    const FLAGS: [(&str, &str); 8] = [
        ("shop", "banner"),
        ("shop", "recommendation-model"),
        ("shop", "sticky-basket"),
        ("shop", "checkout-redesign"),
        ("shop", "search-suggestions"),
        ("payments", "payment-provider"),
        ("payments", "fraud-check"),
        ("support", "chat"),
    ];
    const COUNTRIES: [&str; 6] = ["de", "at", "pl", "us", "fr", "jp"];
    let mut tick = tokio::time::interval(limits::DEMO_QUESTION);
    for (n, country) in (0_usize..).zip(COUNTRIES.iter().cycle()) {
        tick.tick().await;
        let context =
            json!({ "country": country, "orders": (n % 13).to_string(), "amount": (n % 40 * 50).to_string() });
        // Some pages ask for more than others, and the customers come back.
        let requests: Vec<Value> = FLAGS
            .iter()
            .take(n % FLAGS.len() + 1)
            .map(|(namespace, flag)| {
                json!({
                    "environmentKey": PRODUCTION, "namespaceKey": namespace, "flagKey": flag,
                    "entityId": format!("customer-{}", n * 7 % 500), "context": context,
                })
            })
            .collect();
        // While the daemon is busy nobody shops.
        let _ = outside.post("/evaluate/v1/batch", &json!({ "requests": requests })).await;
    }
}

async fn act(stage: &Stage) {
    let rosa = Person { name: "Rosa Parks".to_owned(), email: "rosa@example.com".to_owned(), login: "rosa".to_owned() };
    for (news, wish) in NEWS.iter().cycle().skip(1).zip(WISHES.iter().cycle()) {
        tokio::time::sleep(limits::DEMO_PAUSE).await;
        let repository = stage.forge.repository().clone();
        let _ = blocking(move || say(&repository, news)).await;
        tokio::time::sleep(limits::DEMO_PAUSE).await;
        let (repository, book) = (stage.forge.repository().clone(), stage.book());
        let number = tokio::task::spawn_blocking(move || propose(&repository, &book, wish, false)).await;
        let Ok(Ok(Some(number))) = number else { continue };
        tokio::time::sleep(limits::DEMO_PAUSE).await;
        let _ = with(stage.book(), move |book| {
            book.check(number, "ci/flags", true, "14 flags, no problem")?;
            book.review(number, if wish.author == "rosa" { "grace" } else { "rosa" }, true)
        })
        .await;
        tokio::time::sleep(limits::DEMO_PAUSE).await;
        let rosa = rosa.clone();
        let way = Way { style: "merge", head_commit: None, delete_branch: true };
        let _ = with(stage.book(), move |book| book.merge(number, &rosa, "", &way)).await;
    }
}

async fn with(book: Arc<Book>, act: impl FnOnce(&Book) -> Result<(), Refused> + Send + 'static) -> Result<(), Refused> {
    tokio::task::spawn_blocking(move || act(&book)).await.unwrap_or(Ok(()))
}

/// Changes what the banner says, whatever else is in the file by now. Blocks.
fn say(repository: &program::Repository, news: &str) -> Result<(), crate::git::Error> {
    let path = format!("{PRODUCTION}/shop/features.yaml");
    let text = repository.git(["show", &format!("{MAIN}:{path}")])?;
    let said = |line: &str| {
        let (before, rest) = line.split_once("attachment: {text: \"")?;
        let (now, after) = rest.split_once('"')?;
        (!now.is_empty()).then(|| format!("{before}attachment: {{text: \"{news}\"{after}"))
    };
    let changed: Vec<String> = text.lines().map(|line| said(line).unwrap_or_else(|| line.to_owned())).collect();
    commit(repository, MAIN, &path, &(changed.join("\n") + "\n"), &text, &format!("Say: {news}"))
}

/// Puts a wish on a branch of its own and proposes it; none where the file is not as it was any more. Blocks.
fn propose(repository: &program::Repository, book: &Book, wish: &Wish, draft: bool) -> Result<Option<u64>, Error> {
    let path = format!("{PRODUCTION}/{}", wish.file);
    let text = repository.git(["show", &format!("{MAIN}:{path}")])?;
    let changed = text.replacen(wish.from, wish.to, 1);
    let Some(tip) = repository.tip(MAIN)? else { return Ok(None) };
    if changed == text {
        return Ok(None);
    }
    let head = format!("flipt/{PRODUCTION}/{}", wish.key);
    if repository.tip(&head)?.is_none() {
        repository.set_branch(&head, &tip)?;
        commit(repository, &head, &path, &changed, &text, wish.title)?;
    }
    let new = New {
        title: wish.title.to_owned(),
        body: wish.body.to_owned(),
        author: wish.author.to_owned(),
        head,
        base: MAIN.to_owned(),
        draft,
    };
    Ok(book.open(new).ok())
}

fn commit(
    repository: &program::Repository,
    branch: &str,
    path: &str,
    text: &str,
    before: &str,
    message: &str,
) -> Result<(), crate::git::Error> {
    if text == before {
        return Ok(());
    }
    let files = [(path, Some(text.as_bytes()))];
    let seconds = jiff::Timestamp::now().as_second();
    repository.commit(&program::Commit { branch, files: &files, message, seconds }).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::document;

    #[test]
    fn the_flags_of_the_shop_have_no_problem_and_every_wish_changes_one() {
        for (path, text) in files() {
            let file = document::read(document::Format::Yaml, text.as_bytes());
            assert!(file.problems.is_empty(), "{path}: {:?}", file.problems);
        }
        let mut texts = FILES.map(|(path, text)| (path, text.to_owned()));
        for wish in WISHES.iter().chain(WAITING.iter().map(|(wish, _)| wish)) {
            let (_, text) = texts.iter_mut().find(|(path, _)| *path == wish.file).unwrap();
            let changed = text.replacen(wish.from, wish.to, 1);
            assert_ne!(*text, changed, "{}", wish.title);
            let file = document::read(document::Format::Yaml, changed.as_bytes());
            assert!(file.problems.is_empty(), "{}: {:?}", wish.title, file.problems);
            *text = changed;
        }
    }
}
