//! What a real Flipt v2 made of files, and what an edit in place makes of them: the same content; and new files are the
//! same to the byte. Recorded in `fixtures/edits/rewrites`.

use super::*;

fn recorded() -> Vec<(String, Option<Vec<u8>>, Vec<u8>)> {
    let directory = corpus().join("rewrites");
    let mut found = Vec::new();
    let mut names: Vec<_> = std::fs::read_dir(&directory)
        .expect("the recordings")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    for after in names.iter().filter(|name| name.contains(".after.")) {
        let before = std::fs::read(directory.join(after.replace(".after.", ".before."))).ok();
        found.push((after.clone(), before, std::fs::read(directory.join(after)).expect("a file")));
    }
    found
}

/// The edits that lead from one content to another.
fn edits(before: &[Document], after: &Document) -> Vec<Edit> {
    let old = before.iter().rev().find(|it| it.namespace.key == after.namespace.key);
    let mut edits = Vec::new();
    if old.is_none_or(|old| old.namespace != after.namespace) {
        edits.push(Edit::Namespace(after.namespace.clone()));
    }
    let old = old.cloned().unwrap_or_default();
    for flag in after.flags.iter().filter(|flag| !old.flags.contains(flag)) {
        edits.push(Edit::Put(Resource::Flag(flag.clone())));
    }
    for segment in after.segments.iter().filter(|segment| !old.segments.contains(segment)) {
        edits.push(Edit::Put(Resource::Segment(segment.clone())));
    }
    for flag in old.flags.iter().filter(|flag| !after.flags.iter().any(|new| new.key == flag.key)) {
        edits.push(Edit::Delete { kind: Kind::Flag, key: flag.key.clone() });
    }
    for segment in old.segments.iter().filter(|segment| !after.segments.iter().any(|new| new.key == segment.key)) {
        edits.push(Edit::Delete { kind: Kind::Segment, key: segment.key.clone() });
    }
    edits
}

fn without_versions(mut documents: Vec<Document>) -> Vec<Document> {
    documents.iter_mut().for_each(|it| it.version.clear());
    documents
}

#[test]
fn the_same_edits_give_the_content_that_flipt_gave() {
    let (mut edited, mut new) = (0, 0);
    for (name, before, after) in recorded() {
        // There Flipt wrote what it cannot read itself: a list under version 1.5.
        if !errors(&after).is_empty() {
            assert!(name.starts_with("048") || name.starts_with("012"), "{name}: {:?}", errors(&after));
            continue;
        }
        let wanted = declared(&after);
        let Some(before) = before else {
            let [document] = wanted.as_slice() else { panic!("{name}: several documents") };
            // A name that is not there is read as the key; what Flipt was asked for had none.
            let mut edits = edits(&[], document);
            if let (Some(Edit::Namespace(head)), false) =
                (edits.first_mut(), after.windows(7).any(|it| it == b"  name:"))
            {
                head.name.clear();
            }
            let out = apply(None, &document.namespace.key, &edits).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(String::from_utf8_lossy(&out.bytes), String::from_utf8_lossy(&after), "{name}");
            new += 1;
            continue;
        };
        // Flipt puts into the first document of a namespace what the second then hides; here it goes where it counts.
        if name.starts_with("043") || name.starts_with("044") {
            continue;
        }
        if !errors(&before).is_empty() {
            let edit = edits(&declared(&before), &wanted[0]).remove(0);
            let refused = apply(Some(&before), &wanted[0].namespace.key, &[edit]);
            assert!(matches!(refused, Err(Error::Unreadable(_))), "{name}: {refused:?}");
            continue;
        }
        let mut bytes = before.clone();
        for document in &wanted {
            for edit in edits(&declared(&bytes), document) {
                let out = apply(Some(&bytes), &document.namespace.key, &[edit]);
                let out = out.unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(out.rewritten, [], "{name}");
                bytes = out.bytes;
            }
        }
        assert_eq!(without_versions(declared(&bytes)), without_versions(wanted), "{name}");
        assert_eq!(errors(&bytes), [] as [String; 0], "{name}");
        edited += 1;
    }
    assert!(edited > 30 && new >= 6, "{edited} edited, {new} new");
}

/// Everything that Flipt wrote in its own form comes out in the same form when it is written as a new file.
#[test]
fn a_new_file_is_what_flipt_writes_to_the_byte() {
    let mut same = 0;
    for (name, _, after) in recorded() {
        let text = String::from_utf8(after.clone()).expect("UTF-8");
        let documents = declared(&after);
        let [document] = documents.as_slice() else { continue };
        // What was written by an edit of a namespace has its other form, and `rank` and short forms stay.
        let own_form = text.contains("namespace:\n    key:");
        let kept = ["rank:", "\nnamespace: "].iter().any(|word| text.contains(word));
        if !own_form || kept || !errors(&after).is_empty() || document.version != "1.6" {
            continue;
        }
        let mut edits = vec![Edit::Namespace(document.namespace.clone())];
        edits.extend(document.flags.iter().cloned().map(|flag| Edit::Put(Resource::Flag(flag))));
        edits.extend(document.segments.iter().cloned().map(|segment| Edit::Put(Resource::Segment(segment))));
        let out = apply(None, &document.namespace.key, &edits).unwrap_or_else(|error| panic!("{name}: {error}"));
        let new = String::from_utf8(out.bytes).expect("UTF-8");
        let (minus, plus) = diff(&text, &new);
        // Flipt adds the operator to the flag that it was asked to write, and leaves it out of the others.
        let operator = |line: &String| line.trim() == "operator: OR_SEGMENT_OPERATOR";
        assert!(minus.is_empty() && plus.iter().all(operator), "{name}\n-{minus:#?}\n+{plus:#?}");
        same += 1;
    }
    assert!(same > 8, "{same}");
}
