//! Files that people write in every style, and edits of every kind to each of them: what comes out declares what was
//! asked for, and how many lines it cost stands in a table that is kept, so that an edit that becomes larger is seen.
//!
//! `YARDARM_UPDATE=1 cargo test --test it edits` writes the table anew; with `YARDARM_DIFFS=path` the changed lines of
//! every edit are written there too.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;
use yardarm::flags::constraint::Subject;
use yardarm::flags::document::{self, Format};
use yardarm::flags::edit::{Edit, Edited, Error, apply};
use yardarm::flags::problem::Severity;
use yardarm::flags::resource::{
    self, Constraint, Distribution, Document, Flag, Kind, Resource, Rollout, RolloutTo, Rule, Segment, Segments,
    Variant,
};
use yardarm::flags::snapshot::{FlagKind, SegmentOperator};
use yardarm::yaml;

mod cases;
mod generated;
mod recorded;

use cases::Case;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/edits")
}

/// What a file declares.
fn declared(bytes: &[u8]) -> Vec<Document> {
    let text = yaml::decode(bytes).expect("a text");
    let nodes = yaml::parse(text, yaml::Limits::default()).expect("YAML");
    nodes.iter().filter(|node| !node.is_null()).map(|node| resource::read(node, Format::Yaml)).collect()
}

/// The errors that the format finds in a file.
fn errors(bytes: &[u8]) -> Vec<String> {
    let file = document::read(Format::Yaml, bytes);
    file.problems
        .iter()
        .filter(|it| it.severity == Severity::Error)
        .map(|it| format!("{}: {}", it.key_path, it.message))
        .collect()
}

/// The documents as they are to be after an edit: the last definition is replaced, or one is added to the last document
/// of the namespace; every definition is deleted.
fn edited(mut documents: Vec<Document>, namespace: &str, edit: &Edit) -> Vec<Document> {
    let mut own: Vec<&mut Document> = documents.iter_mut().filter(|it| it.namespace.key == namespace).collect();
    match edit {
        Edit::Put(Resource::Flag(flag)) => {
            let found = own.iter_mut().rev().find_map(|it| it.flags.iter_mut().rev().find(|old| old.key == flag.key));
            match found {
                Some(old) => *old = flag.clone(),
                None => own.last_mut().expect("a document").flags.push(flag.clone()),
            }
        }
        Edit::Put(Resource::Segment(segment)) => {
            let found =
                own.iter_mut().rev().find_map(|it| it.segments.iter_mut().rev().find(|old| old.key == segment.key));
            match found {
                Some(old) => *old = segment.clone(),
                None => own.last_mut().expect("a document").segments.push(segment.clone()),
            }
        }
        Edit::Delete { kind: Kind::Flag, key } => {
            own.iter_mut().for_each(|it| it.flags.retain(|flag| flag.key != *key))
        }
        Edit::Delete { kind: Kind::Segment, key } => {
            own.iter_mut().for_each(|it| it.segments.retain(|segment| segment.key != *key));
        }
        Edit::Namespace(head) => own.iter_mut().for_each(|it| {
            it.namespace.name = if head.name.is_empty() { head.key.clone() } else { head.name.clone() };
            it.namespace.description.clone_from(&head.description);
        }),
    }
    documents
}

/// The oldest version that knows what a document says.
fn needed(document: &Document) -> &'static str {
    let three = |flag: &Flag| flag.metadata.is_some() || flag.default_variant.is_some();
    if document.flags.iter().any(three) {
        "1.3"
    } else if document.flags.iter().any(|flag| flag.kind == FlagKind::Boolean) {
        "1.1"
    } else {
        "1.0"
    }
}

/// The lines that differ, by their longest common run.
fn diff(old: &str, new: &str) -> (Vec<String>, Vec<String>) {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split('\n').collect(), new.split('\n').collect());
    let first = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - first;
    let last = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[first..old.len() - last], &new[first..new.len() - last]);
    let mut longest = vec![vec![0_u32; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            longest[i][j] =
                if old[i] == new[j] { longest[i + 1][j + 1] + 1 } else { longest[i + 1][j].max(longest[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut minus, mut plus) = (0, 0, Vec::new(), Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            i += 1;
            j += 1;
        } else if j < new.len() && (i == old.len() || longest[i][j + 1] >= longest[i + 1][j]) {
            plus.push(new[j].to_owned());
            j += 1;
        } else {
            minus.push(old[i].to_owned());
            i += 1;
        }
    }
    (minus, plus)
}

fn comments(text: &str) -> BTreeMap<&str, usize> {
    let mut found = BTreeMap::new();
    for line in text.lines().map(str::trim).filter(|line| line.starts_with('#') && !line.contains("not a comment")) {
        *found.entry(line).or_default() += 1;
    }
    found
}

/// Does an edit and looks at everything that must hold whatever the style.
fn checked(file: &str, bytes: &[u8], case: &Case) -> Edited {
    let name = format!("{file}: {}", case.name);
    let old = declared(bytes);
    let edits = std::slice::from_ref(&case.edit);
    let out = apply(Some(bytes), &case.namespace, edits).unwrap_or_else(|error| panic!("{name}: {error}"));
    let text = String::from_utf8(out.bytes.clone()).expect("UTF-8");
    let mut wanted = edited(old.clone(), &case.namespace, &case.edit);
    let new = declared(&out.bytes);
    for ((new, wanted), old) in new.iter().zip(&mut wanted).zip(&old) {
        // The version may rise, to what is needed and no higher.
        if new.version != old.version {
            assert!(old.version.as_str() < needed(wanted) && new.version == needed(wanted), "{name}\n{text}");
            wanted.version.clone_from(&new.version);
        }
    }
    assert_eq!(new, wanted, "{name}\n{text}");
    assert_eq!(errors(&out.bytes), [] as [String; 0], "{name}\n{text}");
    let before = String::from_utf8_lossy(bytes);
    assert_eq!(text.starts_with('\u{feff}'), before.starts_with('\u{feff}'), "{name}: byte order mark");
    if out.rewritten.is_empty() {
        assert_eq!(text.ends_with('\n'), before.ends_with('\n'), "{name}: end of the last line");
        let (_, plus) = diff(&before, &text);
        let all_crlf = before.matches("\r\n").count() == before.matches('\n').count();
        assert!(!all_crlf || text.matches("\r\n").count() == text.matches('\n').count(), "{name}: {plus:?}");
        assert!(before.contains('\r') || !text.contains('\r'), "{name}: {plus:?}");
        if !case.takes_away {
            let left = comments(&text);
            for (comment, count) in comments(&before) {
                assert!(left.get(comment).is_some_and(|left| *left >= count), "{name}: lost {comment}\n{text}");
            }
        }
    }
    let again = apply(Some(&out.bytes), &case.namespace, edits).expect("an edit");
    assert!(again.bytes == out.bytes && again.rewritten.is_empty(), "{name}: twice is not once\n{text}");
    out
}

/// Whether the inverse edit brings the bytes back.
fn comes_back(bytes: &[u8], case: &Case, out: &Edited) -> bool {
    let old = declared(bytes);
    let own = || old.iter().rev().filter(|it| it.namespace.key == case.namespace);
    let inverse = match &case.edit {
        Edit::Put(Resource::Flag(flag)) => {
            own().find_map(|it| it.flags.iter().rev().find(|old| old.key == flag.key)).map_or_else(
                || Edit::Delete { kind: Kind::Flag, key: flag.key.clone() },
                |old| Edit::Put(Resource::Flag(old.clone())),
            )
        }
        Edit::Put(Resource::Segment(segment)) => {
            own().find_map(|it| it.segments.iter().rev().find(|old| old.key == segment.key)).map_or_else(
                || Edit::Delete { kind: Kind::Segment, key: segment.key.clone() },
                |old| Edit::Put(Resource::Segment(old.clone())),
            )
        }
        Edit::Delete { kind: Kind::Flag, key } => {
            let Some(old) = own().find_map(|it| it.flags.iter().rev().find(|old| old.key == *key)) else { return true };
            Edit::Put(Resource::Flag(old.clone()))
        }
        Edit::Delete { kind: Kind::Segment, key } => {
            let Some(old) = own().find_map(|it| it.segments.iter().rev().find(|old| old.key == *key)) else {
                return true;
            };
            Edit::Put(Resource::Segment(old.clone()))
        }
        Edit::Namespace(_) => match own().next() {
            Some(old) => Edit::Namespace(old.namespace.clone()),
            None => return true,
        },
    };
    apply(Some(&out.bytes), &case.namespace, &[inverse]).is_ok_and(|back| back.bytes == bytes)
}

fn files() -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(corpus())
        .expect("the corpus")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read(&path).expect("a file"))
        })
        .collect();
    files.sort();
    files
}

#[test]
fn every_edit_of_every_file_costs_what_the_table_says() {
    let mut table = String::new();
    let mut diffs = String::new();
    let (mut all, mut in_place, mut back) = (0_u32, 0_u32, 0_u32);
    let files = files();
    assert!(files.len() >= 60, "{} files", files.len());
    for (file, bytes) in &files {
        assert_eq!(errors(bytes), [] as [String; 0], "{file} is no flag file");
        for case in cases::of(&declared(bytes)) {
            let out = checked(file, bytes, &case);
            let (minus, plus) = diff(&String::from_utf8_lossy(bytes), &String::from_utf8_lossy(&out.bytes));
            let returns = comes_back(bytes, &case, &out);
            all += 1;
            in_place += u32::from(out.rewritten.is_empty());
            back += u32::from(returns);
            _ = write!(
                table,
                "{file} {}: -{} +{}{}",
                case.name,
                minus.len(),
                plus.len(),
                if returns { "" } else { " ~" }
            );
            for it in &out.rewritten {
                _ = write!(table, " | {}: {}", it.what, it.why);
            }
            table.push('\n');
            _ = writeln!(diffs, "=== {file} {}{}", case.name, if returns { "" } else { " ~" });
            minus.iter().for_each(|line| {
                _ = writeln!(diffs, "-{}", line.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'"))
            });
            plus.iter().for_each(|line| {
                _ = writeln!(diffs, "+{}", line.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'"))
            });
            out.rewritten.iter().for_each(|it| _ = writeln!(diffs, "! {}: {}", it.what, it.why));
        }
    }
    let head = format!(
        "# {} files, {all} edits: {in_place} in place, {back} come back to the same bytes by the inverse edit (~: not).\n",
        files.len()
    );
    table.insert_str(0, &head);
    if let Some(path) = std::env::var_os("YARDARM_DIFFS") {
        std::fs::write(path, diffs).expect("the diffs are written");
    }
    let path = corpus().join("table.txt");
    if std::env::var_os("YARDARM_UPDATE").is_some() {
        std::fs::write(&path, &table).expect("the table is written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let other = kept.lines().zip(table.lines()).find(|(kept, now)| kept != now);
    assert!(kept == table, "fixtures/edits/table.txt is stale: {other:?}; YARDARM_UPDATE=1 writes it anew");
}
