//! The marker in a description and in a comment: by it a proposal is found again when nothing else is left.
