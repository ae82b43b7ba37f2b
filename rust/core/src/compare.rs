//! Operators on JSON values, three-valued.
//!
//! Above: `evaluate`, `graph`. Below: `json`, `number`, `path`, `truth`. Pure. The rules are those of "The
//! three values" in docs/architecture.md: what an operator cannot judge is indeterminate, never false.

use std::fmt;
use std::ops::ControlFlow;
use std::str::FromStr;

use regex::{Regex, RegexBuilder};

use crate::json::{Kind, ParseError, Tape, Value};
use crate::number;
use crate::path::Path;
use crate::truth::Truth;

/// The most characters of a regular expression.
pub const REGEX_LENGTH: usize = 1000;
/// The most bytes that a compiled regular expression takes.
pub const REGEX_SIZE: usize = 1 << 20;

/// What a test does with a value and its operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    /// Equal, by the rules of [`equal`].
    Equal,
    /// Not [`Operator::Equal`].
    NotEqual,
    /// A larger number.
    Greater,
    /// A number at least as large.
    GreaterOrEqual,
    /// A smaller number.
    Less,
    /// A number at most as large.
    LessOrEqual,
    /// Equal to one of the operand's elements.
    In,
    /// Not [`Operator::In`].
    NotIn,
    /// A string that holds the operand, or an array with an element equal to it.
    Contains,
    /// A string in which the operand, a regular expression, is found.
    Regex,
    /// A string that starts with the operand.
    StartsWith,
    /// A string that ends with the operand.
    EndsWith,
    /// Any value, when the operand is true; none, when it is false.
    Exists,
}

/// All operators with the names they have in policies and graphs.
pub const OPERATORS: [(&str, Operator); 13] = [
    ("eq", Operator::Equal),
    ("neq", Operator::NotEqual),
    ("gt", Operator::Greater),
    ("gte", Operator::GreaterOrEqual),
    ("lt", Operator::Less),
    ("lte", Operator::LessOrEqual),
    ("in", Operator::In),
    ("not_in", Operator::NotIn),
    ("contains", Operator::Contains),
    ("regex", Operator::Regex),
    ("starts_with", Operator::StartsWith),
    ("ends_with", Operator::EndsWith),
    ("exists", Operator::Exists),
];

impl Operator {
    /// Its name in policies and graphs.
    #[must_use]
    pub fn name(self) -> &'static str {
        OPERATORS
            .iter()
            .find(|(_, operator)| *operator == self)
            .map_or("", |(name, _)| name)
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl FromStr for Operator {
    type Err = OperandError;

    fn from_str(name: &str) -> Result<Self, OperandError> {
        OPERATORS
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, operator)| *operator)
            .ok_or_else(|| OperandError::UnknownOperator(name.to_owned()))
    }
}

/// Why an operator and an operand make no test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperandError {
    /// No operator has this name.
    UnknownOperator(String),
    /// The operand is not strict JSON.
    Json(ParseError),
    /// The operand is of the wrong kind.
    Kind {
        /// Whose operand it is.
        operator: Operator,
        /// What it should be.
        expected: Kind,
        /// What it is.
        found: Kind,
    },
    /// The regular expression is wrong or too large; why.
    Regex(String),
}

impl fmt::Display for OperandError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownOperator(name) => write!(out, "unknown operator `{name}`"),
            Self::Json(error) => write!(out, "the operand is not JSON: {error}"),
            Self::Kind {
                operator,
                expected,
                found,
            } => {
                write!(
                    out,
                    "`{operator}` needs a value of type {expected}, not {found}"
                )
            }
            Self::Regex(reason) => write!(out, "the regular expression is refused: {reason}"),
        }
    }
}

impl std::error::Error for OperandError {}

/// A JSON value that a policy wrote, with its bytes.
#[derive(Clone, Debug)]
pub struct Operand {
    json: Box<[u8]>,
    tape: Tape,
    /// The decoded text of a string.
    text: Option<Box<str>>,
    regex: Option<Regex>,
}

impl Operand {
    fn parse(json: &[u8], operator: Operator) -> Result<Self, OperandError> {
        let tape = Tape::parse(json).map_err(OperandError::Json)?;
        let value = tape.root(json);
        if let Some(expected) = expected_kind(operator)
            && value.kind() != expected
        {
            return Err(OperandError::Kind {
                operator,
                expected,
                found: value.kind(),
            });
        }
        let text = value
            .as_str()
            .map(|text| text.into_owned().into_boxed_str());
        let regex = match &text {
            Some(pattern) if operator == Operator::Regex => Some(compile_regex(pattern)?),
            _ => None,
        };
        Ok(Self {
            json: json.into(),
            tape,
            text,
            regex,
        })
    }

    /// The operand as a value.
    #[must_use]
    pub fn value(&self) -> Value<'_> {
        self.tape.root(&self.json)
    }
}

/// The kind that an operator's operand must have; none when any will do.
fn expected_kind(operator: Operator) -> Option<Kind> {
    match operator {
        Operator::Equal | Operator::NotEqual | Operator::Contains => None,
        Operator::Greater | Operator::GreaterOrEqual | Operator::Less | Operator::LessOrEqual => {
            Some(Kind::Number)
        }
        Operator::In | Operator::NotIn => Some(Kind::Array),
        Operator::Regex | Operator::StartsWith | Operator::EndsWith => Some(Kind::String),
        Operator::Exists => Some(Kind::Bool),
    }
}

/// Compiles a regular expression in the syntax of the `regex` crate, which matches in linear time.
///
/// # Errors
/// [`OperandError::Regex`] for a wrong one, one over [`REGEX_LENGTH`] or one that takes over [`REGEX_SIZE`].
pub fn compile_regex(pattern: &str) -> Result<Regex, OperandError> {
    if pattern.chars().nth(REGEX_LENGTH).is_some() {
        let reason = format!("it has more than {REGEX_LENGTH} characters");
        return Err(OperandError::Regex(reason));
    }
    RegexBuilder::new(pattern)
        .size_limit(REGEX_SIZE)
        .dfa_size_limit(REGEX_SIZE)
        .build()
        .map_err(|error| OperandError::Regex(error.to_string()))
}

/// An operator with its operand.
#[derive(Clone, Debug)]
pub struct Test {
    operator: Operator,
    operand: Operand,
}

impl Test {
    /// Makes a test of an operand's JSON text.
    ///
    /// # Errors
    /// [`OperandError`] for what is not strict JSON, not of the kind the operator needs, or no regular
    /// expression.
    pub fn new(operator: Operator, json: &[u8]) -> Result<Self, OperandError> {
        Ok(Self {
            operator,
            operand: Operand::parse(json, operator)?,
        })
    }

    /// What it does.
    #[must_use]
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// With what.
    #[must_use]
    pub fn operand(&self) -> &Operand {
        &self.operand
    }

    /// Judges a value that is there.
    #[must_use]
    pub fn judge(&self, value: Value<'_>) -> Truth {
        let operand = self.operand.value();
        match self.operator {
            Operator::Equal => equal(value, operand),
            Operator::NotEqual => equal(value, operand).not(),
            Operator::Greater => ordered(value, operand, |order| order.is_gt()),
            Operator::GreaterOrEqual => ordered(value, operand, |order| order.is_ge()),
            Operator::Less => ordered(value, operand, |order| order.is_lt()),
            Operator::LessOrEqual => ordered(value, operand, |order| order.is_le()),
            Operator::In => self.is_in(value),
            Operator::NotIn => self.is_in(value).not(),
            Operator::Contains if value.kind() == Kind::Array => {
                Truth::any(value.elements().map(|element| equal(element, operand)))
            }
            Operator::Contains => self.judge_text(value, |text, part| text.contains(part)),
            Operator::Regex => self.judge_regex(value),
            Operator::StartsWith => self.judge_text(value, |text, part| text.starts_with(part)),
            Operator::EndsWith => self.judge_text(value, |text, part| text.ends_with(part)),
            Operator::Exists => Truth::from(operand.as_bool() == Some(true)),
        }
    }

    /// Judges that a path selected nothing.
    #[must_use]
    pub fn judge_absence(&self) -> Truth {
        match self.operator {
            Operator::Exists => Truth::from(self.operand.value().as_bool() == Some(false)),
            Operator::NotEqual | Operator::NotIn => Truth::Indeterminate,
            _ => Truth::False,
        }
    }

    fn is_in(&self, value: Value<'_>) -> Truth {
        Truth::any(self.operand.value().elements().map(|one| equal(value, one)))
    }

    fn judge_text(&self, value: Value<'_>, holds: fn(&str, &str) -> bool) -> Truth {
        match (value.as_str(), &self.operand.text) {
            (Some(text), Some(part)) => Truth::from(holds(&text, part)),
            _ => Truth::Indeterminate,
        }
    }

    fn judge_regex(&self, value: Value<'_>) -> Truth {
        match (value.as_str(), &self.operand.regex) {
            (Some(text), Some(regex)) => Truth::from(regex.is_match(&text)),
            _ => Truth::Indeterminate,
        }
    }
}

/// Whether two values are equal: indeterminate across kinds, numbers by value, arrays and objects element by
/// element, false when their lengths or keys differ.
#[must_use]
pub fn equal(left: Value<'_>, right: Value<'_>) -> Truth {
    if left.kind() != right.kind() {
        return Truth::Indeterminate;
    }
    match left.kind() {
        Kind::Null => Truth::True,
        Kind::Bool => Truth::from(left.as_bool() == right.as_bool()),
        Kind::Number => ordered(left, right, |order| order.is_eq()),
        Kind::String => Truth::from(left.as_str() == right.as_str()),
        Kind::Array | Kind::Object if left.len() != right.len() => Truth::False,
        Kind::Array => {
            let pairs = left.elements().zip(right.elements());
            Truth::all(pairs.map(|(left, right)| equal(left, right)))
        }
        Kind::Object => equal_objects(left, right),
    }
}

/// Objects with equally many members.
fn equal_objects(left: Value<'_>, right: Value<'_>) -> Truth {
    let mut pairs = Vec::new();
    for (key, member) in left.members() {
        match right.get(&key) {
            Some(other) => pairs.push((member, other)),
            // Different keys are false even where some value would be indeterminate.
            None => return Truth::False,
        }
    }
    Truth::all(pairs.into_iter().map(|(left, right)| equal(left, right)))
}

fn ordered(left: Value<'_>, right: Value<'_>, holds: fn(std::cmp::Ordering) -> bool) -> Truth {
    match (left.number_text(), right.number_text()) {
        (Some(left), Some(right)) => Truth::from(holds(number::compare(left, right))),
        _ => Truth::Indeterminate,
    }
}

/// How the values that a path selects are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quantifier {
    /// By or; also the meaning where a policy names none.
    Some,
    /// By and; over nothing it is false.
    Every,
}

/// Judges what `path` selects from `root`: each value by all `tests`, the values joined by `quantifier`.
///
/// Nothing selected is false under `every`, else the `and` of [`Test::judge_absence`].
#[must_use]
pub fn judge_selection(
    tests: &[Test],
    quantifier: Quantifier,
    path: &Path,
    root: Value<'_>,
) -> Truth {
    let (join, last): (fn(Truth, Truth) -> Truth, _) = match quantifier {
        Quantifier::Some => (Truth::or, Truth::True),
        Quantifier::Every => (Truth::and, Truth::False),
    };
    let mut joined: Option<Truth> = None;
    let _ = path.visit(root, &mut |value| {
        let truth = Truth::all(tests.iter().map(|test| test.judge(value)));
        let so_far = joined.map_or(truth, |joined| join(joined, truth));
        joined = Some(so_far);
        if so_far == last {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    joined.unwrap_or_else(|| match quantifier {
        Quantifier::Some => Truth::all(tests.iter().map(Test::judge_absence)),
        Quantifier::Every => Truth::False,
    })
}
