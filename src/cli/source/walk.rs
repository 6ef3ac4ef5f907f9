//! A walk over a directory of this machine. It sees what a commit of it would hold: no links, no other repositories. What
//! somebody may expect to be read and is not, is noted.

use std::fs;
use std::path::Path;

use super::{Error, File, Place, at_the_root, join, too_many};
use crate::flags::document::{self, Format};
use crate::limits;

/// The flag files that were found.
pub(super) struct Walk<'r> {
    root: &'r Path,
    pub(super) files: Vec<(File, Format)>,
    pub(super) notes: Vec<String>,
    looked_at: usize,
}

impl<'r> Walk<'r> {
    pub(super) fn over(root: &'r Path) -> Result<Self, Error> {
        let mut walk = Self { root, files: Vec::new(), notes: Vec::new(), looked_at: 0 };
        walk.directory(root, "", 0)?;
        Ok(walk)
    }

    fn directory(&mut self, at: &Path, below: &str, depth: usize) -> Result<(), Error> {
        let failed = |source| Error::Disk { path: at.to_owned(), source };
        if depth > limits::GIT_TREE_DEPTH {
            return Err(Error::TooMuch(format!("{} is deeper than {depth} directories", at.display())));
        }
        for entry in fs::read_dir(at).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            self.looked_at += 1;
            if self.looked_at > limits::GIT_ENTRIES || self.files.len() > limits::FLAG_FILES {
                return Err(too_many(&self.root.display().to_string()));
            }
            let kind = entry.file_type().map_err(failed)?;
            let name = entry.file_name();
            let full = entry.path();
            let Some(name) = name.to_str() else {
                let text = "is passed over: its name is no UTF-8";
                self.notes.push(format!("{} {text}", full.display()));
                continue;
            };
            let path = join(below, name);
            let shown = full.strip_prefix(".").unwrap_or(&full).display().to_string();
            if kind.is_dir() {
                if name == ".git" {
                    continue;
                }
                if full.join(".git").exists() {
                    self.notes.push(format!("{shown} is passed over: it is another repository"));
                    continue;
                }
                self.directory(&full, &path, depth + 1)?;
                continue;
            }
            let Some(format) = document::format_of(&path) else {
                if document::format_of(&format!("x/{path}")).is_some() {
                    self.notes.push(at_the_root(&shown));
                } else if kind.is_symlink() && full.is_dir() {
                    self.notes.push(format!("{shown} is passed over: symbolic links are not followed"));
                }
                continue;
            };
            if kind.is_file() {
                self.files.push((File { path: path.into(), shown, place: Place::Disk(full) }, format));
            } else {
                self.notes.push(format!("{shown} is passed over: it is no file of its own, but a link or a device"));
            }
        }
        Ok(())
    }
}
