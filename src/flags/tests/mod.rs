//! The core against recordings of a running server, and against hostile texts.

mod assemble;
mod declared;
mod documents;
mod golden;
mod hostile;
mod members;
mod merge;
mod operators;
mod parts;
mod payload;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::document::{self, SourceFile};
use super::problem::{HazardPolicy, Problem};
use super::snapshot::{self, Environment, Input};

fn fixtures(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(path)
}

fn text(path: &str) -> String {
    let path = fixtures(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The lines of a recording.
fn lines(path: &str) -> Vec<serde_json::Value> {
    text(path).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn input(path: &str, bytes: &[u8]) -> Input {
    let format = document::format_of(path).expect("a flag file");
    let file: Arc<SourceFile> = Arc::new(document::read(format, bytes));
    // Any name of the content will do as id of the blob.
    Input { path: path.into(), blob: (&*file.sha1).into(), file }
}

fn inputs(files: &[(&str, &str)]) -> Vec<Input> {
    files.iter().map(|(path, text)| input(path, text.as_bytes())).collect()
}

/// What a first start on these files serves.
fn start(files: &[(&str, &str)]) -> Environment {
    snapshot::assemble(&inputs(files), &Environment::default(), HazardPolicy::Warn)
}

fn problems(text: &str) -> Vec<Problem> {
    document::read(document::Format::Yaml, text.as_bytes()).problems
}

/// Every flag file below a directory, as a commit would have them.
fn tree(root: &str) -> Vec<Input> {
    fn walk(root: &Path, at: &Path, inputs: &mut Vec<Input>) {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, inputs);
                continue;
            }
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            if document::format_of(&name).is_some() {
                inputs.push(input(&name, &std::fs::read(&path).unwrap()));
            }
        }
    }
    let root = fixtures(root);
    let mut inputs = Vec::new();
    walk(&root, &root, &mut inputs);
    assert!(!inputs.is_empty(), "no flag file below {}", root.display());
    inputs
}
