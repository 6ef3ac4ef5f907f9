//! Whether a text is a template in Go's syntax: enough to refuse at the start what could only fail at the first
//! commit. Fields are not looked up; that is the renderer's part.

/// Words that stand alone in an action without being fields or variables.
const WORDS: [&str; 31] = [
    "if", "else", "end", "range", "with", "define", "template", "block", "break", "continue", "nil", "true", "false",
    "and", "or", "not", "len", "index", "slice", "print", "printf", "println", "html", "js", "urlquery", "call", "eq",
    "ne", "lt", "le", "gt",
];

/// Checks one template; the error says what is wrong.
pub(super) fn check(text: &str) -> Result<(), String> {
    let mut rest = text;
    let mut open: Vec<&str> = Vec::new();
    while let Some((_, after)) = rest.split_once("{{") {
        let (action, after) = action(after)?;
        rest = after;
        let Some(words) = action else { continue };
        match words.first().copied() {
            None => return Err("an empty action `{{}}`".to_owned()),
            Some(word @ ("if" | "range" | "with" | "define" | "block")) => open.push(word),
            Some("end") if open.pop().is_none() => return Err("`{{end}}` without a beginning".to_owned()),
            Some("else") if open.is_empty() => return Err("`{{else}}` without `{{if}}`".to_owned()),
            Some(_) => {}
        }
        if let Some(word) = words.iter().find(|word| is_name(word) && !WORDS.contains(word) && **word != "ge") {
            return Err(format!("there is no function `{word}`"));
        }
    }
    match open.pop() {
        Some(word) => Err(format!("`{{{{{word}}}}}` without `{{{{end}}}}`")),
        None => Ok(()),
    }
}

/// A bare name: neither field (`.X`), variable (`$x`), number nor text.
fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphabetic() || c == '_')
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
    fn templates_of_operators_pass() {
        for text in [
            "",
            "plain",
            "{{ .Base.Ref }}",
            "{{- if .HasChanges -}} x {{- else }} y {{ end }}",
            "{{ range $i, $c := .Changes }}{{ printf \"%s }} %d\" $c.Path (len .Items) }}{{ end }}",
            "{{/* a comment }} */}}",
            "{{ if and (eq .A `x`) (ge .B 1) }}{{ end }}",
            "{{ .A | html }}",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_rendered_is_refused() {
        for text in [
            "{{ nope",
            "{{ nope }}",
            "{{}}",
            "{{ end }}",
            "{{ if .X }}",
            "{{ \"x }}",
            "{{ else }}",
            "{{/* x }}",
            "{{ .A ! }}",
        ] {
            assert!(check(text).is_err(), "{text}");
        }
    }
}
