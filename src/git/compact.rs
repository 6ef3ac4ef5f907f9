//! Each fetch leaves a pack, each commit of ours a handful of objects; here many small ones become one.
//!
//! Nothing is thrown away: every object of the packs that go is in the one that comes, so that a commit which is still
//! served, or waits for its push, survives whatever became of its branch. Packs are joined as in a geometric series: one that is larger than
//! twice all smaller ones together stays as it is, and so the cost follows what was fetched and not the repository.
//! Readers that have an old pack open keep it; others find the new one.

use std::io::{BufReader, BufWriter, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::TryLockError;
use std::sync::atomic::AtomicBool;

use gix::ObjectId;
use gix::hash::Kind;
use gix::progress::Discard;
use gix_pack::bundle::write;
use gix_pack::data::output;

use super::error::{chain, damaged};
use super::{Error, Mirror, place};
use crate::limits;

/// What a compaction did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compaction {
    /// Packs that went.
    pub packs: usize,
    /// Objects of the one that came.
    pub objects: u32,
}

impl Mirror {
    /// Joins packs when there are too many; to be called when there is time, after what was fetched is served.
    /// Fetches and readers go on meanwhile.
    ///
    /// # Errors
    /// [`Error::Local`], [`Error::Damaged`], [`Error::Stopped`]; no pack has gone then.
    pub fn compact(&self, stop: &AtomicBool) -> Result<Option<Compaction>, Error> {
        let _alone = match self.compacting.try_lock() {
            Ok(alone) => alone,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(None),
        };
        if !self.is_ours() {
            return Ok(None);
        }
        let indices = place::indices(&self.directory)?;
        let loose = if place::has_many_loose(&self.directory)? { place::loose(&self.directory)? } else { Vec::new() };
        if indices.len() <= limits::GIT_PACKS && loose.is_empty() {
            return Ok(None);
        }
        let Some(repository) = self.reader()? else { return Ok(None) };
        let small = if indices.len() > limits::GIT_PACKS { small(indices)? } else { Vec::new() };
        let joined = self.note(join(&repository, &small, loose.iter().map(|(id, _)| *id), stop))?;
        self.reopen()?;
        for index in &small {
            // The index first: a pack without one is swept up at the next start.
            for kind in ["idx", "rev", "pack"] {
                let path = index.with_extension(kind);
                if index.file_stem() != joined.data.file_stem() {
                    place::remove(&path)?;
                }
            }
        }
        self.reopen()?;
        for (_, path) in &loose {
            place::remove(path)?;
        }
        if let Some(keep) = joined.keep {
            place::remove(&keep)?;
        }
        Ok(Some(Compaction { packs: small.len(), objects: joined.objects }))
    }
}

/// Every pack but those that are larger than twice all smaller ones together.
fn small(indices: Vec<PathBuf>) -> Result<Vec<PathBuf>, Error> {
    let mut sized = Vec::with_capacity(indices.len());
    for index in indices {
        let pack = index.with_extension("pack");
        let size = pack.metadata().map_err(|error| place::local(&pack, &error))?.len();
        sized.push((size, index));
    }
    sized.sort();
    while let Some((largest, rest)) = sized.split_last() {
        let smaller: u64 = rest.iter().map(|(size, _)| size).sum();
        if rest.len() < limits::GIT_PACKS / 2 || largest.0 < smaller.saturating_mul(2) {
            break;
        }
        sized.pop();
    }
    Ok(sized.into_iter().map(|(_, index)| index).collect())
}

struct Joined {
    data: PathBuf,
    keep: Option<PathBuf>,
    objects: u32,
}

fn join(
    repository: &gix::Repository,
    indices: &[PathBuf],
    loose: impl Iterator<Item = ObjectId>,
    stop: &AtomicBool,
) -> Result<Joined, Error> {
    let odd = |error: gix::Error| damaged("packs cannot be joined", &error);
    let format = repository.object_hash();
    let mut ids = ids(indices, loose, format)?.into_iter().map(Ok);
    let mut objects = (*repository.objects).clone();
    objects.prevent_pack_unload();
    objects.ignore_replacements = true;
    let expansion = output::count::objects::ObjectExpansion::AsIs;
    let counted = output::count::objects_unthreaded(&objects, &mut ids, &Discard, stop, expansion);
    if stop.load(std::sync::atomic::Ordering::Relaxed) {
        return Err(Error::Stopped);
    }
    let (counts, _) = counted.map_err(odd)?;
    let number =
        u32::try_from(counts.len()).map_err(|_| Error::TooLarge("the mirror has too many objects".to_owned()))?;
    let options = output::entry::iter_from_counts::Options {
        thread_limit: Some(1),
        allow_thin_pack: false,
        ..output::entry::iter_from_counts::Options::default()
    };
    let entries = output::entry::iter_from_counts(counts, objects, Box::new(Discard), options).map_err(odd)?;
    let entries = entries.map(|chunk| chunk.map(|(_, entries)| entries));

    let directory = place::pack_directory(repository.git_dir());
    let local = |error: std::io::Error| place::local(&directory, &error);
    let mut file = tempfile::tempfile_in(&directory).map_err(local)?;
    let mut writer = BufWriter::new(&mut file);
    let version = gix_pack::data::Version::V2;
    for written in output::bytes::FromEntriesIter::new(entries, &mut writer, number, version, format) {
        written.map_err(odd)?;
        if stop.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(Error::Stopped);
        }
    }
    writer.flush().map_err(local)?;
    drop(writer);
    file.rewind().map_err(local)?;
    // Every object is resolved and its id computed on the way: what comes out is what the ids say.
    let outcome = gix_pack::Bundle::write_to_directory(
        &mut BufReader::new(file),
        Some(&directory),
        &mut Discard,
        stop,
        None::<gix::OdbHandle>,
        format,
        write::Options {
            thread_limit: Some(1),
            alloc_limit_bytes: Some(limits::GIT_OBJECT_BYTES),
            ..write::Options::default()
        },
    );
    let outcome = outcome.map_err(|error| Error::Local(format!("packs cannot be joined: {}", chain(&error))))?;
    let data = outcome.data_path.ok_or_else(|| Error::Local("the joined pack is nowhere".to_owned()))?;
    if outcome.index.num_objects != number {
        return Err(Error::Damaged(format!(
            "joined packs have {number} objects and not {}",
            outcome.index.num_objects
        )));
    }
    Ok(Joined { data, keep: outcome.keep_path, objects: number })
}

/// Every object of the packs and beside them, once.
fn ids(indices: &[PathBuf], loose: impl Iterator<Item = ObjectId>, format: Kind) -> Result<Vec<ObjectId>, Error> {
    let mut ids: Vec<ObjectId> = loose.filter(|id| id.kind() == format).collect();
    for path in indices {
        let index = open(path, format)?;
        ids.extend(index.iter().map(|entry| entry.oid));
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

fn open(path: &Path, format: Kind) -> Result<gix_pack::index::File, Error> {
    gix_pack::index::File::at(path, format).map_err(|error| damaged(&path.display().to_string(), &error))
}
