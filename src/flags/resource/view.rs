//! Every namespace of an environment at one commit, declared: what management lists and edits start from.

use std::sync::Arc;

use super::Document;

/// One flag file of the environment.
#[derive(Debug, Clone)]
pub struct File {
    /// Path below the environment's directory.
    pub path: Arc<str>,
    /// Id of the blob, hex.
    pub blob: Arc<str>,
    /// Its documents, in order; of a file in error nothing can be shown, and this says why.
    pub documents: Result<Arc<[Document]>, Arc<str>>,
}

/// The declared state of an environment.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// In path order, which is load order.
    pub files: Vec<File>,
}
