//! Flag files as read, each once a blob.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, Weak, mpsc};
use std::thread;

use super::Repository;
use crate::flags::document::{self, Format, SourceFile};
use crate::flags::snapshot::Input;
use crate::git::{self, Entry};
use crate::limits;

/// Every file that some environment of the storage is made of at the moment, by blob. A file lives as long as an
/// environment holds it.
#[derive(Debug, Default)]
pub(super) struct Files {
    by_blob: HashMap<Key, Weak<SourceFile>>,
}

/// Blob id, and how it is read.
type Key = (Arc<str>, Format);

impl Files {
    /// The files of a commit, read from the repository only where the blob is new. `before` are those of an earlier
    /// commit: of a large file that is another now, only what changed is compiled.
    pub(super) fn inputs(
        &mut self,
        repository: &dyn Repository,
        entries: &[Entry],
        before: &[Input],
    ) -> Result<Vec<Input>, git::Error> {
        let mut inputs = Vec::with_capacity(entries.len());
        let mut new = Vec::new();
        let mut named = HashSet::new();
        for entry in entries {
            let Some(format) = document::format_of(&entry.path) else { continue };
            let key = (Arc::<str>::from(&*entry.blob), format);
            let known = self.by_blob.get(&key).and_then(Weak::upgrade);
            if known.is_none() && named.insert(key.clone()) {
                new.push((entry, format, key.clone()));
            }
            inputs.push((entry, key, known));
        }
        let read = read(repository, &new, before)?;
        for ((_, _, key), file) in new.into_iter().zip(&read) {
            self.by_blob.insert(key, Arc::downgrade(file));
        }
        let input = |(entry, key, known): (&Entry, Key, Option<Arc<SourceFile>>)| {
            let file = known.or_else(|| self.by_blob.get(&key).and_then(Weak::upgrade))?;
            Some(Input { path: entry.path.as_str().into(), blob: key.0, file })
        };
        Ok(inputs.into_iter().filter_map(input).collect())
    }

    /// What a blob was read as, if somebody holds it.
    pub(super) fn known(&self, blob: &Arc<str>, format: Format) -> Option<Arc<SourceFile>> {
        self.by_blob.get(&(blob.clone(), format)).and_then(Weak::upgrade)
    }

    /// Takes a file that somebody else has read, and holds.
    pub(super) fn add(&mut self, blob: &Arc<str>, format: Format, file: &Arc<SourceFile>) {
        self.by_blob.insert((blob.clone(), format), Arc::downgrade(file));
    }

    /// Forgets the files that no environment is made of any more.
    pub(super) fn forget_unused(&mut self) {
        self.by_blob.retain(|_, file| file.strong_count() > 0);
    }
}

/// Reads and parses blobs.
fn read(
    repository: &dyn Repository,
    new: &[(&Entry, Format, Key)],
    before: &[Input],
) -> Result<Vec<Arc<SourceFile>>, git::Error> {
    let formats: Vec<Format> = new.iter().map(|(_, format, _)| *format).collect();
    let before: HashMap<&str, &Input> = before.iter().map(|input| (&*input.path, input)).collect();
    let blob = |entry: &Entry| {
        let text = text_of(repository.blob(&entry.blob, limits::FLAG_FILE_BYTES), entry.size)?;
        Ok(match (text, before.get(&*entry.path)) {
            (Text::Bytes(bytes), Some(input)) => Text::After(input.file.clone(), bytes),
            (text, _) => text,
        })
    };
    parse_all(&formats, |place| new.get(place).map_or(Ok(Text::Bytes(Vec::new())), |(entry, ..)| blob(entry)))
}

/// The files of which these are the formats; `text` brings the text of each, in their order. Few are parsed here; many,
/// as at the first sync, on several threads, while the next ones are being read.
pub(crate) fn parse_all<E>(
    formats: &[Format],
    mut text: impl FnMut(usize) -> Result<Text, E>,
) -> Result<Vec<Arc<SourceFile>>, E> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(limits::FLAG_READERS);
    if threads == 1 || formats.len() < limits::FLAG_FILES_ALONE {
        let alone = formats.iter().enumerate().map(|(place, format)| Ok(Arc::new(text(place)?.parse(*format))));
        return alone.collect();
    }
    let mut files: Vec<Option<Arc<SourceFile>>> = vec![None; formats.len()];
    let (send, texts) = mpsc::sync_channel(threads);
    let texts = Arc::new(Mutex::new(texts));
    thread::scope(|scope| {
        // Only readers hold the receiving end: with the last of them it goes, and sending fails instead of waiting.
        let readers: Vec<_> =
            (0..threads).map(|_| Arc::clone(&texts)).map(|texts| scope.spawn(move || parse(&texts))).collect();
        drop(texts);
        let mut failed = None;
        for (place, format) in formats.iter().enumerate() {
            match text(place) {
                Ok(text) => {
                    // Nobody listens any more: every reader has panicked, which is told below.
                    if send.send((place, *format, text)).is_err() {
                        break;
                    }
                }
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        drop(send);
        for reader in readers {
            match reader.join() {
                Ok(parsed) => {
                    for (place, file) in parsed {
                        if let Some(slot) = files.get_mut(place) {
                            *slot = Some(file);
                        }
                    }
                }
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        failed.map_or(Ok(()), Err)
    })?;
    Ok(files.into_iter().flatten().collect())
}

/// A text that waits to be parsed, with its place.
type Waiting = (usize, Format, Text);

/// One reader: parses what comes until nothing comes any more.
fn parse(texts: &Mutex<mpsc::Receiver<Waiting>>) -> Vec<(usize, Arc<SourceFile>)> {
    let mut parsed = Vec::new();
    loop {
        // The lock is held while waiting for the next text, never while parsing it.
        let next = texts.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((place, format, text)) = next else { return parsed };
        parsed.push((place, Arc::new(text.parse(format))));
    }
}

/// The text of a file, or how large it is where it is too large to be looked at.
pub(crate) enum Text {
    Bytes(Vec<u8>),
    /// A new version of a file.
    After(Arc<SourceFile>, Vec<u8>),
    TooLarge(usize),
}

/// What a blob that was asked for up to the bound of a flag file is as a text.
pub(crate) fn text_of(blob: Result<Vec<u8>, git::Error>, size: Option<u64>) -> Result<Text, git::Error> {
    match blob {
        Ok(bytes) => Ok(Text::Bytes(bytes)),
        Err(git::Error::TooLarge(_)) => {
            Ok(Text::TooLarge(size.and_then(|size| usize::try_from(size).ok()).unwrap_or(usize::MAX)))
        }
        Err(error) => Err(error),
    }
}

impl Text {
    fn parse(self, format: Format) -> SourceFile {
        match self {
            Self::Bytes(bytes) => document::read(format, &bytes),
            Self::After(before, bytes) => document::read_after(Some(&before), format, &bytes),
            Self::TooLarge(size) => document::too_large(format, size),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::*;
    use crate::git::{FetchRequest, Fetched};

    /// Blobs as data; each says how often it was read.
    #[derive(Default)]
    struct Blobs {
        texts: BTreeMap<String, Vec<u8>>,
        read: AtomicUsize,
    }

    impl Repository for Blobs {
        fn fetch(&self, _: &FetchRequest, _: &Arc<AtomicBool>) -> Result<Fetched, git::Error> {
            Err(git::Error::Stopped)
        }
        fn heads(&self) -> Result<BTreeMap<String, String>, git::Error> {
            Ok(BTreeMap::new())
        }
        fn tree_id(&self, _: &str, _: &str) -> Result<Option<String>, git::Error> {
            Ok(None)
        }
        fn entries(&self, _: &str, _: &str, _: &dyn Fn(&str) -> bool) -> Result<Vec<Entry>, git::Error> {
            Ok(Vec::new())
        }
        fn blob(&self, id: &str, _: usize) -> Result<Vec<u8>, git::Error> {
            self.read.fetch_add(1, Ordering::Relaxed);
            self.texts.get(id).cloned().ok_or_else(|| git::Error::Damaged(format!("blob {id} is missing")))
        }
        fn compact(&self, _: &AtomicBool) -> Result<(), git::Error> {
            Ok(())
        }
        fn keep(&self, _: &str, _: Option<&str>) -> Result<(), git::Error> {
            Ok(())
        }
    }

    fn entry(n: usize, blob: &str) -> Entry {
        Entry { path: format!("ns-{n:03}/features.yaml"), blob: blob.to_owned(), size: None }
    }

    #[test]
    fn many_files_are_read_once_and_stand_where_they_belong() {
        let mut blobs = Blobs::default();
        for n in 0..40 {
            blobs.texts.insert(format!("{n}"), format!("version: \"1.6\"\nnamespace: ns-{n:03}\n").into_bytes());
        }
        let mut entries: Vec<Entry> = (0..40).map(|n| entry(n, &n.to_string())).collect();
        // A copy of another file, and one that is no flag file.
        entries.push(entry(40, "7"));
        entries.push(Entry { path: "README.md".to_owned(), blob: "readme".to_owned(), size: None });

        let mut files = Files::default();
        let inputs = files.inputs(&blobs, &entries, &[]).unwrap();
        assert_eq!(inputs.len(), 41);
        for (input, entry) in inputs.iter().zip(&entries) {
            assert_eq!((&*input.path, &*input.blob), (&*entry.path, &*entry.blob));
            let alone = document::read(Format::Yaml, &blobs.texts[&entry.blob]);
            assert_eq!(input.file.sha1, alone.sha1);
        }
        assert_eq!(blobs.read.load(Ordering::Relaxed), 40);
        // While they are in use nothing is read again; afterwards everything is.
        files.inputs(&blobs, &entries, &[]).unwrap();
        assert_eq!(blobs.read.load(Ordering::Relaxed), 40);
        drop(inputs);
        files.forget_unused();
        files.inputs(&blobs, &entries, &[]).unwrap();
        assert_eq!(blobs.read.load(Ordering::Relaxed), 80);
    }

    #[test]
    fn a_blob_that_is_missing_ends_the_reading_of_many() {
        let mut blobs = Blobs::default();
        let entries: Vec<Entry> = (0..40).map(|n| entry(n, &n.to_string())).collect();
        for n in (0..40).filter(|n| *n != 25) {
            blobs.texts.insert(n.to_string(), b"version: \"1.6\"\n".to_vec());
        }
        let failed = Files::default().inputs(&blobs, &entries, &[]).unwrap_err();
        assert!(failed.to_string().contains("blob 25"), "{failed}");
    }
}
