//! Who looks after a broken glass: once a second while there is one, and after each fetch. Whether the provider is
//! back it tries by itself, too.

use std::sync::{Arc, Weak};

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use crate::limits;
use crate::sync::share::Share;
use crate::write::writers::{Inner, Job};

/// Looks after what waits in a storage for as long as it is there. Must be called within a runtime.
pub(in crate::write) fn watch(inner: &Arc<Inner>, share: &Arc<Share>) {
    let name = share.storage().clone();
    let (glass, mut changes) = (inner.core.glass.clone(), inner.core.glass.changes());
    let mut fetches = share.fetches();
    let inner = Arc::downgrade(inner);
    tokio::spawn(async move {
        let (mut is_back, mut tried) = (false, Instant::now());
        loop {
            let is_broken = glass.is_broken(&name);
            if is_broken {
                // Polling may be minutes away.
                is_back |= tried.elapsed() >= limits::GLASS_TRY;
                tend(&inner, &name, is_back).await;
            }
            if is_back || !is_broken {
                tried = Instant::now();
            }
            is_back = false;
            tokio::select! {
                there_is_one = fetches.changed() => match there_is_one {
                    Ok(()) => is_back = true,
                    Err(_) => return,
                },
                _ = changes.changed(), if !is_broken => {}
                () = sleep(limits::GLASS_LOOK), if is_broken => {}
            }
        }
    });
}

/// One look, by the writer of the storage: between two of its writes.
async fn tend(inner: &Weak<Inner>, name: &Arc<str>, is_back: bool) {
    let Some(inner) = inner.upgrade() else { return };
    let (done, ended) = oneshot::channel();
    let task = move |storage: Result<&crate::write::writer::Storage, _>| {
        // Before the storage is open there is nothing to look at.
        if let Ok(storage) = storage {
            storage.tend(is_back);
        }
        // Whoever waits may be gone.
        let _: Result<(), ()> = done.send(());
    };
    if inner.enqueue(name, Job::Task(Box::new(task))).is_ok() {
        drop(ended.await);
    }
}
