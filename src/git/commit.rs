//! A commit made of values: blobs, trees, the commit, nothing of a work tree and no reference.

use jiff::Timestamp;

/// Who made a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Name, without line ends and angle brackets.
    pub name: String,
    /// Address, likewise.
    pub email: String,
}

/// A commit to be made. Equal values make equal ids, unless it is signed by a method that uses chance.
#[derive(Debug, Clone)]
pub struct NewCommit {
    /// Commits that it stands on, hex; the first is the one whose tree is changed. None: a first commit.
    pub parents: Vec<String>,
    /// What changes: path below the root of the repository, and the content or `None` if the file goes. A directory
    /// without a file goes with its last one.
    pub files: Vec<(String, Option<Vec<u8>>)>,
    /// Who wrote it.
    pub author: Identity,
    /// Who made it.
    pub committer: Identity,
    /// When; of author and committer, UTC, whole seconds.
    pub at: Timestamp,
    /// Message.
    pub message: String,
    /// Signs it, where commits are signed.
    pub signer: Option<std::sync::Arc<super::sign::Signer>>,
}

/// A commit that was made and is in the repository, on no branch yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Its id, hex.
    pub id: String,
    /// Id of its tree, hex: equal to that of its parent if nothing changes.
    pub tree: String,
    /// Path and blob id of every file that was written.
    pub blobs: Vec<(String, String)>,
}

/// A commit of the history, as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// Its id, hex.
    pub id: String,
    /// Ids of its parents, hex.
    pub parents: Vec<String>,
    /// Who wrote it.
    pub author: Identity,
    /// Who made it.
    pub committer: Identity,
    /// When it was written.
    pub authored: Timestamp,
    /// When it was made.
    pub committed: Timestamp,
    /// Whole message.
    pub message: String,
}
