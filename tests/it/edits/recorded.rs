//! Recorded rewrites.
