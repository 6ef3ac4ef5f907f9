//! Go's `text/template`, as Flipt's `templates` and `flipt.yaml` have it: a text and a [`Context`] in, a text out.
//!
//! A library parses and runs it. Around that stand three things. What a template names (functions, other templates) is
//! looked up when it is parsed, so that a configuration that loads can only fail on fields. Values print as Flipt's do
//! ([`context`]): a change is `update flag default/checkout`, though it has fields. And everything is bounded, because
//! a template may come out of a repository: its length, the templates it calls, what a loop and a text may grow to.

mod blocks;
pub mod context;

use std::collections::BTreeMap;
use std::fmt;

use gotmpl::parse::{CommandNode, Expr, ListNode, Node, Parser, PipeNode, Pos};
use gotmpl::{MissingKey, Value};

use self::context::{Context, SAID};
use crate::limits;

/// Functions of the language.
const FUNCTIONS: [&str; 19] = [
    "and", "or", "not", "len", "index", "slice", "print", "printf", "println", "html", "js", "urlquery", "call", "eq",
    "ne", "lt", "le", "gt", "ge",
];
/// Those that make a text of their arguments.
const PRINTERS: [&str; 6] = ["print", "printf", "println", "html", "js", "urlquery"];
/// Ours, put behind every action: the text of a value.
const SAY: &str = "\u{0}say";
/// Ours, put before every argument of [`PRINTERS`]: a value that prints as it should and is not too long.
const TEXT: &str = "\u{0}text";
/// Ours, put before the first argument of `printf`.
const FORMAT: &str = "\u{0}format";
/// The name of what stands outside of every `define`.
const MAIN: &str = "\u{0}main";

/// A template that was parsed.
#[derive(Clone)]
pub struct Template {
    inner: gotmpl::Template,
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template").finish_non_exhaustive()
    }
}

/// Why there is no text, for the person who wrote the template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

impl From<gotmpl::TemplateError> for Error {
    fn from(error: gotmpl::TemplateError) -> Self {
        use gotmpl::TemplateError as Found;
        Self(match error {
            Found::Parse { line, col, message, .. } | Found::Lex { line, col, message, .. } => {
                format!("line {line}, column {col}: {message}")
            }
            Found::MissingKey { key } => format!("there is no field `{key}` there"),
            other => other.to_string(),
        })
    }
}

fn at(position: Pos, message: impl fmt::Display) -> Error {
    Error(format!("line {}: {message}", position.line))
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// It is none, or it is larger or calls more than it may.
    pub fn parse(source: &str) -> Result<Self, Error> {
        if source.len() > limits::TEMPLATE_BYTES {
            return Err(Error(format!("a template is at most {} bytes", limits::TEMPLATE_BYTES)));
        }
        blocks::check(source).map_err(Error)?;
        let (mut main, defines) = Parser::new(source, "{{", "}}")?.parse()?;
        prepare(&mut main)?;
        let mut trees: BTreeMap<String, ListNode> = BTreeMap::new();
        for define in defines {
            let mut body = define.body;
            prepare(&mut body)?;
            if trees.get(define.name.as_str()).is_some_and(|earlier| !earlier.is_empty_tree()) && !body.is_empty_tree()
            {
                return Err(at(define.pos, format_args!("`{}` is defined twice", define.name)));
            }
            trees.insert(define.name.to_string(), body);
        }
        trees.insert(MAIN.to_owned(), main);
        cost(MAIN, &trees, &mut BTreeMap::new())?;
        let ours = gotmpl::Template::new("")
            .missing_key(MissingKey::Error)
            .max_range_iters(limits::TEMPLATE_ROUNDS)
            .func(SAY, |values| say(values).map(|text| Value::String(text.into())))
            .func(TEXT, text)
            .func(FORMAT, |values| format_of(values).map(|text| Value::String(text.into())));
        let inner = trees.into_iter().fold(ours, |template, (name, tree)| template.add_parse_tree(&name, tree));
        Ok(Self { inner })
    }

    /// Its text for this context.
    ///
    /// # Errors
    /// It asks for what is not there, or it comes to more than [`limits::TEMPLATE_OUTPUT_BYTES`].
    pub fn render(&self, context: &Context) -> Result<String, Error> {
        let mut out = Bounded { text: String::new(), full: false };
        let result = self.inner.execute_template_fmt(&mut out, MAIN, &context.0);
        if out.full {
            return Err(Error(format!("it comes to more than {} bytes", limits::TEMPLATE_OUTPUT_BYTES)));
        }
        result?;
        Ok(out.text)
    }
}

/// Text that stops growing.
struct Bounded {
    text: String,
    full: bool,
}

impl fmt::Write for Bounded {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        self.full |= self.text.len().saturating_add(more.len()) > limits::TEMPLATE_OUTPUT_BYTES;
        if self.full {
            return Err(fmt::Error);
        }
        self.text.push_str(more);
        Ok(())
    }
}

fn too_long() -> gotmpl::TemplateError {
    gotmpl::TemplateError::Exec(format!("a text of more than {} bytes", limits::TEMPLATE_TEXT_BYTES))
}

/// How a value prints.
fn say(values: &[Value]) -> Result<String, gotmpl::TemplateError> {
    let value = values.first().unwrap_or(&Value::Nil);
    let mut out = String::new();
    said(value, &mut out);
    if out.len() > limits::TEMPLATE_TEXT_BYTES { Err(too_long()) } else { Ok(out) }
}

/// A value as `print` and its like are to get it.
fn text(values: &[Value]) -> Result<Value, gotmpl::TemplateError> {
    match values.first() {
        Some(value @ (Value::List(_) | Value::Map(_) | Value::String(_))) => {
            say(std::slice::from_ref(value)).map(|text| Value::String(text.into()))
        }
        Some(value) => Ok(value.clone()),
        None => Ok(Value::Nil),
    }
}

fn said(value: &Value, out: &mut String) {
    match value {
        Value::List(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push(' ');
                }
                if out.len() > limits::TEMPLATE_TEXT_BYTES {
                    return;
                }
                said(item, out);
            }
            out.push(']');
        }
        Value::Map(fields) => match fields.get(SAID) {
            Some(text) => said(text, out),
            None => out.push_str(&value.to_string()),
        },
        other => out.push_str(&other.to_string()),
    }
}

/// The format of a `printf`: with so many verbs, each of which may be padded to 64 kB.
fn format_of(values: &[Value]) -> Result<String, gotmpl::TemplateError> {
    let format = say(values)?;
    if format.matches('%').count() > limits::TEMPLATE_ARGUMENTS { Err(too_long()) } else { Ok(format) }
}

/// Looks up every name, and puts [`SAY`] where a value becomes text.
fn prepare(list: &mut ListNode) -> Result<(), Error> {
    for node in &mut list.nodes {
        match node {
            Node::List(list) => prepare(list)?,
            Node::Action(action) => {
                pipe(&mut action.pipe)?;
                if action.pipe.decl.is_empty() {
                    action.pipe.commands.push(calling(SAY, action.pos, None));
                }
            }
            Node::If(branch) | Node::Range(branch) | Node::With(branch) => {
                pipe(&mut branch.pipe)?;
                prepare(&mut branch.body)?;
                branch.else_body.as_mut().map_or(Ok(()), prepare)?;
            }
            Node::Template(call) => call.pipe.as_mut().map_or(Ok(()), pipe)?,
            Node::Define(define) => prepare(&mut define.body)?,
            Node::Text(_) | Node::Break(_) | Node::Continue(_) => {}
        }
    }
    Ok(())
}

fn calling(function: &'static str, position: Pos, argument: Option<Expr>) -> CommandNode {
    let mut args = vec![Expr::Identifier(position, function.into())];
    args.extend(argument);
    CommandNode { pos: position, args }
}

fn pipe(pipe: &mut PipeNode) -> Result<(), Error> {
    let commands = std::mem::take(&mut pipe.commands);
    for mut command in commands {
        if command.args.len() > limits::TEMPLATE_ARGUMENTS {
            return Err(at(command.pos, format_args!("more than {} arguments", limits::TEMPLATE_ARGUMENTS)));
        }
        for argument in &mut command.args {
            expression(argument)?;
        }
        let printer = match command.args.first() {
            Some(Expr::Identifier(_, name)) => PRINTERS.iter().find(|printer| **printer == name.as_str()),
            _ => None,
        };
        if let Some(printer) = printer {
            if !pipe.commands.is_empty() {
                let formats = *printer == "printf" && command.args.len() == 1;
                pipe.commands.push(calling(if formats { FORMAT } else { TEXT }, command.pos, None));
            }
            let formats = *printer == "printf";
            for (n, argument) in command.args.iter_mut().enumerate().skip(1) {
                let position = argument.pos();
                let function = if formats && n == 1 { FORMAT } else { TEXT };
                let inner = std::mem::replace(argument, Expr::Nil(position));
                let commands = vec![calling(function, position, Some(inner))];
                *argument =
                    Expr::Pipe(position, PipeNode { pos: position, decl: Vec::new(), commands, is_assign: false });
            }
        }
        pipe.commands.push(command);
    }
    Ok(())
}

fn expression(expression: &mut Expr) -> Result<(), Error> {
    match expression {
        Expr::Identifier(position, name) if !FUNCTIONS.contains(&name.as_str()) => {
            Err(at(*position, format_args!("there is no function `{name}`")))
        }
        Expr::Pipe(_, inner) => pipe(inner),
        Expr::Chain(_, inner, _) => self::expression(inner),
        _ => Ok(()),
    }
}

/// How much work a template is without its loops: its nodes, with those of every template that it calls. A template
/// that calls itself has no end, and thirty that each call the next one twice have none that anybody lives to see.
fn cost(
    name: &str,
    trees: &BTreeMap<String, ListNode>,
    known: &mut BTreeMap<String, Option<u64>>,
) -> Result<u64, Error> {
    match known.get(name) {
        Some(Some(cost)) => return Ok(*cost),
        Some(None) => return Err(Error(format!("template `{name}` calls itself"))),
        None => {}
    }
    let Some(tree) = trees.get(name) else { return Err(Error(format!("there is no template `{name}`"))) };
    known.insert(name.to_owned(), None);
    let cost = cost_of(tree, trees, known)?;
    known.insert(name.to_owned(), Some(cost));
    if cost > limits::TEMPLATE_STEPS {
        return Err(Error(format!("it comes to more than {} steps", limits::TEMPLATE_STEPS)));
    }
    Ok(cost)
}

fn cost_of(
    list: &ListNode,
    trees: &BTreeMap<String, ListNode>,
    known: &mut BTreeMap<String, Option<u64>>,
) -> Result<u64, Error> {
    let mut sum = 0_u64;
    for node in &list.nodes {
        let below = match node {
            Node::List(list) => cost_of(list, trees, known)?,
            Node::If(branch) | Node::Range(branch) | Node::With(branch) => {
                let otherwise = branch.else_body.as_ref().map_or(Ok(0), |body| cost_of(body, trees, known))?;
                cost_of(&branch.body, trees, known)?.saturating_add(otherwise)
            }
            Node::Template(call) => cost(&call.name, trees, known)?,
            _ => 0,
        };
        sum = sum.saturating_add(below).saturating_add(1);
    }
    Ok(sum)
}

#[cfg(test)]
mod tests;
