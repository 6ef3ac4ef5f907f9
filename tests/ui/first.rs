//! The first page that anybody sees.

use yardarm::demo::dialect::Sender;

use crate::browser::Browser;
use crate::world::Plan;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_root_leads_to_the_flags_of_the_default_environment() {
    let world = Plan::of(Sender::Github).start().await;
    let browser = Browser::open(&world).await;
    browser.go("/").await;
    browser.see("Banner").await;
    assert_eq!(browser.path().await, "/ui/e/production/n/shop/flags");
    browser.accessible().await;
    browser.end().await;
    world.end().await;
}
