//! What is declared as it would be, and the edits of files that lead there.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Refusal, invalid};
use crate::flags::edit::Edit;
use crate::flags::resource::view::{DEFAULT, File, View};
use crate::flags::resource::{Kind, Namespace, Resource};

/// A view, and what is to become of it.
pub(super) struct Draft<'v> {
    view: &'v View,
    /// Resources that are another now, or gone.
    resources: BTreeMap<(String, Kind, String), Option<Resource>>,
    /// Namespaces whose head is another now, or that are gone.
    heads: BTreeMap<String, Option<Namespace>>,
    /// By path.
    files: BTreeMap<Arc<str>, Sheet>,
}

/// What is to become of one file.
#[derive(Default)]
pub(super) struct Sheet {
    /// It is not there yet.
    pub(super) is_new: bool,
    /// It goes.
    pub(super) goes: bool,
    /// In order, each for the documents of a namespace.
    pub(super) steps: Vec<(String, Step)>,
}

/// One step of a file.
pub(super) enum Step {
    /// An edit.
    Edit(Box<Edit>),
    /// The documents of the namespace go.
    Remove,
}

impl Step {
    fn edit(edit: Edit) -> Self {
        Self::Edit(Box::new(edit))
    }
}

impl<'v> Draft<'v> {
    pub(super) fn new(view: &'v View) -> Self {
        Self { view, resources: BTreeMap::new(), heads: BTreeMap::new(), files: BTreeMap::new() }
    }

    /// The state that the changes are made to.
    pub(super) const fn before(&self) -> &'v View {
        self.view
    }

    pub(super) const fn files(&self) -> &BTreeMap<Arc<str>, Sheet> {
        &self.files
    }

    pub(super) const fn resources(&self) -> &BTreeMap<(String, Kind, String), Option<Resource>> {
        &self.resources
    }

    pub(super) const fn heads(&self) -> &BTreeMap<String, Option<Namespace>> {
        &self.heads
    }

    /// The head of a namespace as it would be.
    pub(super) fn namespace(&self, key: &str) -> Option<Namespace> {
        match self.heads.get(key) {
            Some(head) => head.clone(),
            None => self.view.namespace(key).map(|listed| listed.namespace),
        }
    }

    /// A resource as it would be.
    pub(super) fn get(&self, namespace: &str, kind: Kind, key: &str) -> Option<Resource> {
        match self.resources.get(&(namespace.to_owned(), kind, key.to_owned())) {
            Some(resource) => resource.clone(),
            None => self.view.get(namespace, kind, key),
        }
    }

    /// Whether an earlier change was about a resource, or about its whole namespace.
    pub(super) fn touched(&self, namespace: &str, kind: Kind, key: &str) -> bool {
        self.resources.contains_key(&(namespace.to_owned(), kind, key.to_owned()))
    }

    /// Whether an earlier change was about a namespace or something in it.
    pub(super) fn touched_namespace(&self, namespace: &str) -> bool {
        self.heads.contains_key(namespace) || self.resources.keys().any(|(other, ..)| other == namespace)
    }

    /// Refuses a namespace that is not there or cannot be edited.
    pub(super) fn open(&self, namespace: &str) -> Result<(), Refusal> {
        let near = |file: &File| file.directory() == namespace;
        if let Some((file, why)) = self.view.broken().find(|(file, _)| near(file)) {
            return Err(broken(file, why));
        }
        if self.namespace(namespace).is_none() {
            return Err(Refusal::UnknownNamespace(namespace.to_owned()));
        }
        let created = self.heads.contains_key(namespace);
        if !created && self.view.namespace(namespace).is_some_and(|listed| listed.read_only) {
            let path = self.view.files_of(namespace).next().map_or("", |file| &file.path);
            return Err(json(&format!("namespace \"{namespace}\""), path));
        }
        Ok(())
    }

    fn step(&mut self, path: &Arc<str>, namespace: &str, step: Step) {
        self.files.entry(Arc::clone(path)).or_default().steps.push((namespace.to_owned(), step));
    }

    /// Puts a resource where it stands, or where one of its kind and namespace should.
    pub(super) fn put(&mut self, namespace: &str, resource: &Resource) -> Result<(), Refusal> {
        let (kind, key) = (resource.kind(), resource.key());
        let path = match self.view.home(namespace, kind, key) {
            Some(file) if !file.is_writable() => {
                return Err(json(&format!("{} {namespace}/{key}", kind.word()), &file.path));
            }
            Some(file) => Arc::clone(&file.path),
            None => self.target(namespace, kind)?,
        };
        self.step(&path, namespace, Step::edit(Edit::Put(resource.clone())));
        self.resources.insert((namespace.to_owned(), kind, key.to_owned()), Some(resource.clone()));
        Ok(())
    }

    /// The file for something new: of several the last for a flag and the first for a segment, because a flag sees the
    /// segments of its own document and of those before it.
    fn target(&mut self, namespace: &str, kind: Kind) -> Result<Arc<str>, Refusal> {
        let mut files = self.view.files_of(namespace).filter(|file| file.is_writable());
        let file = if kind == Kind::Flag { files.next_back() } else { files.next() };
        if let Some(file) = file {
            return Ok(Arc::clone(&file.path));
        }
        let path: Arc<str> = format!("{namespace}/features.yaml").into();
        if self.files.get(&path).is_some_and(|sheet| sheet.is_new) {
            return Ok(path);
        }
        // The one namespace that is there without a file.
        let head = Namespace { key: DEFAULT.to_owned(), name: "Default".to_owned(), description: String::new() };
        self.create_namespace(&head)?;
        Ok(path)
    }

    /// Takes every definition of a resource away.
    pub(super) fn delete(&mut self, namespace: &str, kind: Kind, key: &str) -> Result<(), Refusal> {
        let mut paths: Vec<Arc<str>> = Vec::new();
        for file in self.view.definitions(namespace, kind, key) {
            if !file.is_writable() {
                return Err(json(&format!("{} {namespace}/{key}", kind.word()), &file.path));
            }
            paths.push(Arc::clone(&file.path));
        }
        if paths.is_empty() {
            paths.push(self.target(namespace, kind)?);
        }
        for path in paths {
            self.step(&path, namespace, Step::edit(Edit::Delete { kind, key: key.to_owned() }));
        }
        self.resources.insert((namespace.to_owned(), kind, key.to_owned()), None);
        Ok(())
    }

    /// Begins the file of a namespace.
    pub(super) fn create_namespace(&mut self, head: &Namespace) -> Result<(), Refusal> {
        let key = &*head.key;
        if self.heads.get(key).is_some_and(Option::is_none) {
            return Err(invalid(format!("namespace \"{key}\" is deleted by an earlier change of the same request")));
        }
        if let Some(file) = self.view.files.iter().find(|file| file.directory() == key) {
            return Err(match (&file.documents, file.documents().first()) {
                (Err(why), _) => broken(file, why),
                (Ok(_), Some(document)) => invalid(format!(
                    "the directory \"{key}\" is in use by namespace \"{}\" ({}); choose another key",
                    document.namespace.key, file.path
                )),
                (Ok(_), None) => invalid(format!("{} is there already and says nothing; remove it first", file.path)),
            });
        }
        let path: Arc<str> = format!("{key}/features.yaml").into();
        self.files.insert(Arc::clone(&path), Sheet { is_new: true, ..Sheet::default() });
        self.step(&path, key, Step::edit(Edit::Namespace(head.clone())));
        self.heads.insert(key.to_owned(), Some(head.clone()));
        Ok(())
    }

    /// Changes the head of a namespace, where it is told from.
    pub(super) fn update_namespace(&mut self, head: &Namespace) -> Result<(), Refusal> {
        let key = &*head.key;
        let path: Arc<str> = match self.view.files_of(key).find(|file| file.is_writable()) {
            Some(file) => Arc::clone(&file.path),
            None if self.heads.contains_key(key) => format!("{key}/features.yaml").into(),
            None => return self.create_namespace(head),
        };
        self.step(&path, key, Step::edit(Edit::Namespace(head.clone())));
        self.heads.insert(key.to_owned(), Some(head.clone()));
        Ok(())
    }

    /// Takes the documents of a namespace away, and the files that have no others.
    pub(super) fn delete_namespace(&mut self, key: &str) -> Result<(), Refusal> {
        if self.view.namespace(key).is_none() {
            return Err(invalid(format!("namespace \"{key}\" is created by an earlier change of the same request")));
        }
        if let Some(file) = self.view.files_of(key).find(|file| !file.is_writable()) {
            return Err(json(&format!("a part of namespace \"{key}\""), &file.path));
        }
        self.heads.insert(key.to_owned(), None);
        for file in self.view.files_of(key) {
            let is_gone = |namespace: &str| self.heads.get(namespace).is_some_and(Option::is_none);
            let alone = file.documents().iter().all(|document| is_gone(&document.namespace.key));
            let sheet = self.files.entry(Arc::clone(&file.path)).or_default();
            sheet.steps.push((key.to_owned(), Step::Remove));
            sheet.goes |= alone;
        }
        let gone = self.resources.iter_mut().filter(|((namespace, ..), _)| namespace == key);
        gone.for_each(|(_, resource)| *resource = None);
        Ok(())
    }
}

/// A file that cannot be edited before somebody has repaired it.
fn broken(file: &File, why: &str) -> Refusal {
    invalid(format!("{} has an error and cannot be edited until it is repaired: {why}", file.path))
}

fn json(what: &str, path: &str) -> Refusal {
    invalid(format!("{what} stands in a JSON file ({path}); JSON files are read and not written"))
}
