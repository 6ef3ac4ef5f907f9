//! Whether the blocks of a template are closed: the library takes a template that ends in the middle of one, and passes
//! over what follows an `{{end}}` too many.

/// Checks one template; the error says what is wrong.
pub(super) fn check(text: &str) -> Result<(), String> {
    let mut rest = text;
    // What is open, and whether its last `else` was seen.
    let mut open: Vec<(&str, bool)> = Vec::new();
    while let Some((_, after)) = rest.split_once("{{") {
        let (action, after) = action(after)?;
        rest = after;
        let Some(words) = action else { continue };
        let mut words = words.into_iter();
        match words.next() {
            None => return Err("an empty action `{{}}`".to_owned()),
            Some(word @ ("if" | "range" | "with" | "define" | "block")) => open.push((word, false)),
            Some("end") if open.pop().is_none() => return Err("`{{end}}` without a beginning".to_owned()),
            Some("else") => match open.last_mut() {
                Some((_, last)) if !*last => *last = !matches!(words.next(), Some("if" | "with")),
                Some(_) => return Err("a second `{{else}}`".to_owned()),
                None => return Err("`{{else}}` without `{{if}}`".to_owned()),
            },
            Some("break" | "continue") if !open.iter().any(|(word, _)| *word == "range") => {
                return Err("`{{break}}` and `{{continue}}` belong into a `{{range}}`".to_owned());
            }
            Some(_) => {}
        }
    }
    match open.pop() {
        Some((word, _)) => Err(format!("`{{{{{word}}}}}` without `{{{{end}}}}`")),
        None => Ok(()),
    }
}

/// The words of one action and what follows it; no words for a comment.
fn action(text: &str) -> Result<(Option<Vec<&str>>, &str), String> {
    const UNCLOSED: &str = "an action is not closed: `{{` without `}}`";
    let inner = text.strip_prefix('-').unwrap_or(text).trim_start();
    if let Some(comment) = inner.strip_prefix("/*") {
        let (_, after) = comment.split_once("*/").ok_or("a comment is not closed: `/*` without `*/`")?;
        let after = after.trim_start();
        let after = after.strip_prefix('-').unwrap_or(after);
        return after.strip_prefix("}}").map(|after| (None, after)).ok_or_else(|| UNCLOSED.to_owned());
    }
    let mut words = Vec::new();
    let mut rest = inner;
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix("}}").or_else(|| rest.strip_prefix("-}}")) {
            return Ok((Some(words), after));
        }
        let Some(first) = rest.chars().next() else { return Err(UNCLOSED.to_owned()) };
        if matches!(first, '"' | '`' | '\'') {
            rest = text_end(rest, first).ok_or("a text in quotes is not closed")?;
            words.push("\"\"");
        } else if first.is_alphanumeric() || matches!(first, '_' | '.' | '$' | '-' | '+') {
            let end = rest
                .char_indices()
                .skip(1)
                .find(|(_, c)| !(c.is_alphanumeric() || matches!(c, '_' | '.')))
                .map_or(rest.len(), |(i, _)| i);
            let (word, after) = rest.split_at_checked(end).ok_or(UNCLOSED)?;
            words.push(word);
            rest = after;
        } else if matches!(first, '(' | ')' | '|' | ',' | '=' | ':') {
            let mut characters = rest.chars();
            characters.next();
            rest = characters.as_str();
        } else {
            return Err(format!("`{first}` does not belong into an action"));
        }
    }
}

/// What follows a text in quotes.
fn text_end(text: &str, quote: char) -> Option<&str> {
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == quote && !escaped;
        escaped = quote != '`' && *c == '\\' && !escaped;
        ends
    });
    end.and_then(|(i, c)| text.get(i + c.len_utf8()..))
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn blocks_that_are_closed() {
        for text in [
            "",
            "plain",
            "{{- if .HasChanges -}} x {{- else }} y {{ end }}",
            "{{ range $i, $c := .Changes }}{{ printf \"%s }} %d\" $c.Path (len .Items) }}{{ continue }}{{ end }}",
            "{{/* a comment }} */}}",
            "{{ if .A }}{{ else if .B }}{{ else if .C }}{{ else }}{{ end }}",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn blocks_that_are_not() {
        for text in [
            "{{ nope",
            "{{}}",
            "{{ end }}",
            "a {{ end }} b",
            "{{ if .X }}",
            "{{ if .X }}{{ else }}{{ else }}{{ end }}",
            "{{ \"x }}",
            "{{ else }}",
            "{{/* x }}",
            "{{ .A ! }}",
            "{{ if true }}{{ break }}{{ end }}",
        ] {
            assert!(check(text).is_err(), "{text}");
        }
    }
}
