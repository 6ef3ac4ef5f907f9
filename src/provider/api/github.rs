//! Github.

use jiff::Timestamp;

use super::{Api, Ask, Comment, Edit, Failure, Merge, Merged, New, Offers, Place, Proposal, Status};

/// A repository there.
#[derive(Debug)]
pub(super) struct Github {
    place: Place,
}

impl Github {
    pub(super) const fn new(place: Place) -> Self {
        Self { place }
    }

    fn missing(&self) -> Failure {
        Failure::Unsupported(format!("not built yet for {}", self.place.provider.name()))
    }
}

impl Api for Github {
    fn offers(&self) -> Offers {
        Offers { reopen: true, draft: true, methods: &[] }
    }
    fn create(&self, _: &dyn Ask, _: &New) -> Result<Proposal, Failure> {
        Err(self.missing())
    }
    fn find(&self, _: &dyn Ask, _: &str, _: &str) -> Result<Vec<Proposal>, Failure> {
        Err(self.missing())
    }
    fn read(&self, _: &dyn Ask, _: u64) -> Result<Proposal, Failure> {
        Err(self.missing())
    }
    fn list(&self, _: &dyn Ask, _: Option<Timestamp>) -> Result<Vec<Proposal>, Failure> {
        Err(self.missing())
    }
    fn edit(&self, _: &dyn Ask, _: u64, _: &Edit) -> Result<(), Failure> {
        Err(self.missing())
    }
    fn set_draft(&self, _: &dyn Ask, _: u64, _: bool) -> Result<(), Failure> {
        Err(self.missing())
    }
    fn close(&self, _: &dyn Ask, _: u64) -> Result<(), Failure> {
        Err(self.missing())
    }
    fn reopen(&self, _: &dyn Ask, _: u64) -> Result<(), Failure> {
        Err(self.missing())
    }
    fn merge(&self, _: &dyn Ask, _: u64, _: &Merge) -> Result<Merged, Failure> {
        Err(self.missing())
    }
    fn comments(&self, _: &dyn Ask, _: u64, _: &str) -> Result<Vec<Comment>, Failure> {
        Err(self.missing())
    }
    fn comment(&self, _: &dyn Ask, _: u64, _: &str) -> Result<(), Failure> {
        Err(self.missing())
    }
    fn rewrite_comment(&self, _: &dyn Ask, _: u64, _: &Comment, _: &str) -> Result<(), Failure> {
        Err(self.missing())
    }
    fn delete_comment(&self, _: &dyn Ask, _: u64, _: &Comment) -> Result<(), Failure> {
        Err(self.missing())
    }
    fn set_status(&self, _: &dyn Ask, _: &str, _: &Status) -> Result<(), Failure> {
        Err(self.missing())
    }
}
