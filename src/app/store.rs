//! The store of a running daemon: opened before anything else, written to behind everything else.

use std::sync::Arc;

use tokio::select;
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::StartError;
use crate::config::Config;
use crate::ingest::Delivery;
use crate::limits;
use crate::store::{Opened, Remembered, Store};

/// Opens the store, and says how that went.
pub(super) async fn open_store(config: &Config) -> Result<(Store, Remembered), StartError> {
    let directory = config.state_directory.clone();
    let at = directory.clone();
    let opened = spawn_blocking(move || Store::open(&at)).await;
    let (store, remembered, opened) =
        opened.map_err(|error| StartError::State { directory: directory.clone(), why: error.to_string() })?;
    // Mirrors live there; without any the directory is a convenience.
    let needed = config.storages.values().any(|storage| storage.remote.is_some());
    match opened {
        Opened::Created | Opened::Existing => {}
        Opened::Rebuilt { to, why } => {
            let moved_to = to.map(|to| to.display().to_string());
            tracing::error!(why, moved_to, "the state store could not be trusted and was made anew; history is lost");
        }
        Opened::InUse if needed => return Err(StartError::InUse(directory)),
        Opened::Without { why } if needed => return Err(StartError::State { directory, why }),
        Opened::InUse | Opened::Without { .. } => {
            tracing::warn!(directory = %directory.display(), "nothing is kept across a restart: the directory cannot be used");
        }
    }
    Ok((store, remembered))
}

/// Carries records to the store, some at a time, until it is stopped; then the last ones.
pub(super) async fn write_behind(
    store: Store,
    mut records: mpsc::Receiver<Arc<Delivery>>,
    mut stop: watch::Receiver<bool>,
) {
    let mut ended = false;
    while !ended {
        select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => ended = true,
            record = records.recv() => match record {
                Some(record) => store.put_delivery(record),
                None => ended = true,
            },
            () = store.rung() => {}
        }
        if !ended {
            select! {
                _ = stop.wait_for(|stop| *stop) => ended = true,
                () = sleep(limits::STORE_PAUSE) => {}
            }
        }
        while let Ok(record) = records.try_recv() {
            store.put_delivery(record);
        }
        let writing = store.clone();
        if spawn_blocking(move || writing.flush()).await.is_err() {
            tracing::error!("bug: writing records panicked");
        }
    }
}
