//! What a text may do: put facts in, choose with `if`, repeat with `for`. Nothing else.
//!
//! minijinja is a whole language, and some of it grows without end: `"a" * 100000000` is computed while the text is
//! *parsed*, `{% set x = x ~ x %}` doubles in every line. Fuel counts steps and not bytes. So before minijinja compiles a
//! text, its syntax tree is held against a list of what is harmless. The argument that nothing grows:
//!
//! - a value is a fact, a part of one, a plain literal, or the result of a filter, and every filter that can make its
//!   result longer than what it was given is bounded ([`LONGEST_VALUE`]);
//! - nothing joins values outside of filters: no arithmetic, no `~`, no lists of anything but literals;
//! - what filters have to do is bounded as well ([`MOST_WORK`]): to sort a long list is one step;
//! - nothing keeps a part of the output to use it again: no `set`, no macros, no recursion;
//! - and what is written is bounded ([`LONGEST_OUTPUT`]).
//!
//! The tree itself must not be too deep: it is walked, compiled and dropped by recursion, and a stack that overflows takes
//! the process along. minijinja counts blocks and brackets that stand in each other, but neither what it reads in loops
//! (`a.b.c`, `a|b|c`) nor `not not a` nor an `elif` behind another. So tags are bounded before they are parsed.

use std::ops::Range;

use minijinja::machinery::ast::{BinOpKind, CallArg, Expr, Stmt};
use minijinja::machinery::{Span, Token, parse, tokenize};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Rest, StringInput, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State, Value, filters};

use super::TemplateProblem;

/// Longer than this in bytes, a text is not parsed: Teams takes about 80 KB, counted in UTF-16, and a character has at
/// most three bytes of UTF-8 for two of UTF-16; the rest is for tags.
pub(super) const LONGEST_TEXT: usize = 256 * 1024;

/// The bytes that a text may become. More than Teams takes, whatever the script.
pub(super) const LONGEST_OUTPUT: usize = 128 * 1024;

/// The bytes of a value that a filter makes.
const LONGEST_VALUE: usize = 16 * 1024;

/// What the filters of one text may be given in all, in bytes and items.
const MOST_WORK: usize = 128 * 1024;

/// The words and signs of one tag, each of which may make the tree a level deeper.
const LONGEST_TAG: usize = 200;

/// The bytes of one tag, and so of what is written out in it.
const LARGEST_TAG: usize = 4 * 1024;

/// `elif`s in a text.
const MOST_ELIFS: usize = 50;

/// Finds what a text must not do. A text that is no template at all passes: minijinja says it better.
pub(super) fn check(text: &str) -> Result<(), TemplateProblem> {
    if text.len() > LONGEST_TEXT {
        return Err(TemplateProblem {
            range: 0..0,
            message: format!("the text is longer than {} KiB, and Teams takes no such message", LONGEST_TEXT >> 10),
            help: Some("shorten it, or link to a page".into()),
        });
    }
    shallow(text)?;
    match parse(text, "text", SyntaxConfig::default()) {
        Ok(Stmt::Template(template)) => Check { text }.body(&template.children),
        Ok(other) => Check { text }.statement(&other),
        Err(_) => Ok(()),
    }
}

/// Finds what would make the tree too deep. Behind what is no token nothing is parsed.
fn shallow(text: &str) -> Checked {
    let (mut begin, mut length, mut elifs) = (0, 0, 0);
    for (token, span) in tokenize(text, false, SyntaxConfig::default()).map_while(Result::ok) {
        let (start, end) = (span.start_offset as usize, span.end_offset as usize);
        match token {
            Token::TemplateData(_) => continue,
            Token::VariableStart | Token::BlockStart => (begin, length) = (start, 0),
            Token::Ident("elif") => elifs += 1,
            _ => {}
        }
        length += 1;
        let too = |message, help: &str| TemplateProblem { range: begin..end, message, help: Some(help.to_owned()) };
        if length > LONGEST_TAG || end - begin > LARGEST_TAG {
            let message = format!("a tag is longer than {LONGEST_TAG} words and signs, or {} KiB", LARGEST_TAG >> 10);
            return Err(too(message, "shorten it, or write several"));
        }
        if elifs > MOST_ELIFS {
            return Err(too(format!("a text has more than {MOST_ELIFS} `elif`s"), "write each as an `if` of its own"));
        }
    }
    Ok(())
}

/// What the filters of one rendering were given so far.
struct Work(usize);

/// Replaces the filters that make their result longer than what they are given, and has those whose work grows with what
/// they are given account for it.
pub(super) fn bound_filters(environment: &mut Environment<'_>) {
    let length = Value::from_function(filters::length);
    for (name, filter) in [
        ("replace", Value::from_function(replace)),
        ("join", Value::from_function(join)),
        ("safe", Value::from_function(filters::safe)),
        ("lower", Value::from_function(filters::lower)),
        ("upper", Value::from_function(filters::upper)),
        ("title", Value::from_function(filters::title)),
        ("capitalize", Value::from_function(filters::capitalize)),
        ("trim", Value::from_function(filters::trim)),
        ("split", Value::from_function(filters::split)),
        ("lines", Value::from_function(filters::lines)),
        ("length", length.clone()),
        ("count", length),
        ("last", Value::from_function(filters::last)),
        ("reverse", Value::from_function(filters::reverse)),
        ("sort", Value::from_function(filters::sort)),
        ("list", Value::from_function(filters::list)),
        ("string", Value::from_function(filters::string)),
    ] {
        let accounted = move |state: &mut State<'_, '_>, given: Rest<ValueOrKwargs>| {
            let given = given.into_values();
            let Work(done) = state.get_or_insert_extension(Work(0));
            *done += given.iter().map(weight).sum::<usize>();
            if *done > MOST_WORK { Err(Error::from(ErrorKind::OutOfFuel)) } else { filter.call(state, &given) }
        };
        environment.add_filter(name, accounted);
    }
}

/// How much a filter may have to do with a value: its bytes, and one for each part of it.
fn weight(value: &Value) -> usize {
    let parts = || value.try_iter().into_iter().flatten();
    1 + match value.kind() {
        ValueKind::String => value.as_str().map_or(0, str::len),
        ValueKind::Seq | ValueKind::Iterable => parts().map(|part| weight(&part)).sum(),
        ValueKind::Map => parts().map(|key| weight(&key) + value.get_item(&key).as_ref().map_or(0, weight)).sum(),
        _ => 0,
    }
}

fn too_long() -> Error {
    Error::new(ErrorKind::WriteFailure, format!("a filter makes more than {} KiB", LONGEST_VALUE >> 10))
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of a filter")]
fn replace(value: StringInput<'_>, from: StringInput<'_>, to: StringInput<'_>) -> Result<String, Error> {
    let found = value.as_str().matches(from.as_str()).count();
    let grown = found.saturating_mul(to.as_str().len()).saturating_add(value.as_str().len());
    if grown > LONGEST_VALUE {
        return Err(too_long());
    }
    Ok(value.as_str().replace(from.as_str(), to.as_str()))
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of a filter")]
fn join(
    state: &State<'_, '_>,
    value: &Value,
    joiner: Option<StringInput<'_>>,
    options: Kwargs,
) -> Result<String, Error> {
    options.assert_all_used()?;
    let between = joiner.as_ref().map_or("", StringInput::as_str);
    let mut whole = String::new();
    for (at, item) in value.try_iter()?.enumerate() {
        if at > 0 {
            whole.push_str(between);
        }
        whole.push_str(StringInput::new(state, &item)?.as_str());
        if whole.len() > LONGEST_VALUE {
            return Err(too_long());
        }
    }
    Ok(whole)
}

struct Check<'t> {
    text: &'t str,
}

type Checked = Result<(), TemplateProblem>;

impl Check<'_> {
    fn body(&self, body: &[Stmt<'_>]) -> Checked {
        body.iter().try_for_each(|statement| self.statement(statement))
    }

    fn statement(&self, statement: &Stmt<'_>) -> Checked {
        match statement {
            Stmt::EmitRaw(_) => Ok(()),
            Stmt::EmitExpr(emit) => self.expression(&emit.expr),
            Stmt::IfCond(choice) => {
                self.expression(&choice.expr)?;
                self.body(&choice.true_body)?;
                self.body(&choice.false_body)
            }
            Stmt::ForLoop(repeat) => {
                if repeat.recursive {
                    return Err(self.refuse(
                        repeat.iter.span(),
                        "a loop can't be `recursive`",
                        "write the loops one in the other",
                    ));
                }
                self.expression(&repeat.iter)?;
                repeat.filter_expr.as_ref().map_or(Ok(()), |condition| self.expression(condition))?;
                self.body(&repeat.body)?;
                self.body(&repeat.else_body)
            }
            Stmt::Block(tag) => Err(self.needs_file("block", tag.span())),
            Stmt::Import(tag) => Err(self.needs_file("import", tag.span())),
            Stmt::FromImport(tag) => Err(self.needs_file("from", tag.span())),
            Stmt::Extends(tag) => Err(self.needs_file("extends", tag.span())),
            Stmt::Include(tag) => Err(self.needs_file("include", tag.span())),
            Stmt::Template(tag) => Err(self.no_tag("template", tag.span())),
            Stmt::WithBlock(tag) => Err(self.no_tag("with", tag.span())),
            Stmt::Set(tag) => Err(self.no_tag("set", tag.span())),
            Stmt::SetBlock(tag) => Err(self.no_tag("set", tag.span())),
            Stmt::AutoEscape(tag) => Err(self.no_tag("autoescape", tag.span())),
            Stmt::FilterBlock(tag) => Err(self.no_tag("filter", tag.span())),
            Stmt::Macro(tag) => Err(self.no_tag("macro", tag.span())),
            Stmt::CallBlock(tag) => Err(self.no_tag("call", tag.span())),
            Stmt::Do(tag) => Err(self.no_tag("do", tag.span())),
        }
    }

    fn expression(&self, expression: &Expr<'_>) -> Checked {
        match expression {
            Expr::Var(_) | Expr::Const(_) => Ok(()),
            Expr::GetAttr(part) => self.expression(&part.expr),
            Expr::GetItem(part) => {
                self.expression(&part.expr)?;
                self.expression(&part.subscript_expr)
            }
            Expr::Slice(slice) => {
                self.expression(&slice.expr)?;
                [&slice.start, &slice.stop, &slice.step].into_iter().flatten().try_for_each(|end| self.expression(end))
            }
            Expr::UnaryOp(operation) => self.expression(&operation.expr),
            Expr::BinOp(operation) => {
                self.operator(operation.op, operation.span())?;
                self.expression(&operation.left)?;
                self.expression(&operation.right)
            }
            Expr::Compare(comparison) => {
                self.expression(&comparison.expr)?;
                comparison.ops.iter().try_for_each(|operation| self.expression(&operation.expr))
            }
            Expr::IfExpr(choice) => {
                self.expression(&choice.test_expr)?;
                self.expression(&choice.true_expr)?;
                choice.false_expr.as_ref().map_or(Ok(()), |otherwise| self.expression(otherwise))
            }
            Expr::Filter(filter) => {
                filter.expr.as_ref().map_or(Ok(()), |value| self.expression(value))?;
                self.arguments(&filter.args)
            }
            Expr::Test(test) => {
                self.expression(&test.expr)?;
                self.arguments(&test.args)
            }
            Expr::List(list) => self.literals(&list.items),
            Expr::Tuple(tuple) => self.literals(&tuple.items),
            Expr::Call(call) => Err(self.refuse(
                call.span(),
                "a text can't call functions",
                "a filter stands behind a |, as in {{ person.name | upper }}",
            )),
            Expr::Map(map) => Err(self.refuse(map.span(), "a text can't make tables", "choose with {% if … %}")),
        }
    }

    fn arguments(&self, arguments: &[CallArg<'_>]) -> Checked {
        arguments.iter().try_for_each(|argument| match argument {
            CallArg::Pos(value) | CallArg::Kwarg(_, value) => self.expression(value),
            CallArg::PosSplat(value) | CallArg::KwargSplat(value) => {
                Err(self.refuse(value.span(), "`*` can't stand here", "write the arguments one by one"))
            }
        })
    }

    fn literals(&self, items: &[Expr<'_>]) -> Checked {
        match items.iter().find(|item| !matches!(item, Expr::Const(_))) {
            None => Ok(()),
            Some(item) => Err(self.refuse(
                item.span(),
                "a list in a text may hold only plain texts and numbers",
                "write it as in [\"Saturday\", \"Sunday\"]",
            )),
        }
    }

    fn operator(&self, operator: BinOpKind, span: Span) -> Checked {
        let sign = match operator {
            BinOpKind::Eq
            | BinOpKind::Ne
            | BinOpKind::Lt
            | BinOpKind::Lte
            | BinOpKind::Gt
            | BinOpKind::Gte
            | BinOpKind::ScAnd
            | BinOpKind::ScOr
            | BinOpKind::In => return Ok(()),
            BinOpKind::Concat => {
                let help = "write the parts one behind the other, as in {{ local.date }} {{ local.time }}";
                return Err(self.refuse(span, "a text can't join with `~`", help));
            }
            BinOpKind::Add => "+",
            BinOpKind::Sub => "-",
            BinOpKind::Mul => "*",
            BinOpKind::Div => "/",
            BinOpKind::FloorDiv => "//",
            BinOpKind::Rem => "%",
            BinOpKind::Pow => "**",
        };
        Err(self.refuse(span, &format!("a text can't calculate with `{sign}`"), "write the result"))
    }

    fn needs_file(&self, tag: &str, span: Span) -> TemplateProblem {
        let message = format!("`{tag}` needs another file, and a text stands alone");
        TemplateProblem { range: self.tag(tag, span), message, help: Some("write the text out here".into()) }
    }

    fn no_tag(&self, tag: &str, span: Span) -> TemplateProblem {
        TemplateProblem {
            range: self.tag(tag, span),
            message: format!("a text can't use `{tag}`"),
            help: Some("a text can use `if` and `for`; write the value where it is needed".into()),
        }
    }

    fn refuse(&self, span: Span, message: &str, help: &str) -> TemplateProblem {
        TemplateProblem { range: self.range(span), message: message.to_owned(), help: Some(help.to_owned()) }
    }

    /// The name of a tag, where its statement begins.
    fn tag(&self, tag: &str, span: Span) -> Range<usize> {
        let whole = self.range(span);
        if self.text[whole.clone()].starts_with(tag) { whole.start..whole.start + tag.len() } else { whole }
    }

    fn range(&self, span: Span) -> Range<usize> {
        let range = span.start_offset as usize..span.end_offset as usize;
        if self.text.get(range.clone()).is_some() { range } else { 0..self.text.len() }
    }
}
