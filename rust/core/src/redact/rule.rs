//! Rules, read from their JSON. Above: `redact`. Below: `path`, `glob`, `compare`. Pure.

use std::fmt;

use regex::Regex;
use serde::Deserialize;

use super::Action;
use crate::compare::{OperandError, compile_regex};
use crate::glob::Glob;
use crate::json::fold;
use crate::path::Path;

/// The name of the group that a pattern hides, when it has it, instead of all that it matches.
const GROUP: &str = "secret";

/// Why rules cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError {
    /// What is wrong, for people.
    pub message: String,
}

impl RuleError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
        }
    }
}

impl fmt::Display for RuleError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for RuleError {}

/// A path, and the path from the whole answer when it begins with `result` or `error`.
#[derive(Debug)]
pub(super) struct PathRule {
    pub(super) path: Path,
    pub(super) of_answer: bool,
}

/// A regular expression, and whether it names the part that is hidden.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) regex: Regex,
    pub(super) has_group: bool,
}

impl Pattern {
    pub(super) fn new(regex: Regex) -> Self {
        let has_group = regex.capture_names().any(|name| name == Some(GROUP));
        Self { regex, has_group }
    }

    /// Where what it hides stands in a text.
    pub(super) fn each(&self, text: &str, mut found: impl FnMut(std::ops::Range<usize>)) {
        if self.has_group {
            for captures in self.regex.captures_iter(text) {
                if let Some(part) = captures.name(GROUP).or_else(|| captures.get(0)) {
                    found(part.range());
                }
            }
        } else {
            for part in self.regex.find_iter(text) {
                found(part.range());
            }
        }
    }
}

/// One rule.
#[derive(Debug)]
pub(super) struct Rule {
    tools: Vec<Glob>,
    pub(super) paths: Vec<PathRule>,
    pub(super) keys: Vec<Glob>,
    pub(super) patterns: Vec<Pattern>,
    pub(super) cards: bool,
    pub(super) secrets: bool,
    pub(super) action: Action,
}

impl Rule {
    /// Whether it counts for a tool; for one that is not known every rule does.
    pub(super) fn is_for(&self, tool: Option<&str>) -> bool {
        self.tools.is_empty()
            || tool.is_none_or(|name| self.tools.iter().any(|glob| glob.matches(name)))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    path: Vec<String>,
    #[serde(default)]
    key: Vec<String>,
    #[serde(default)]
    pattern: Vec<String>,
    #[serde(default)]
    detect: Vec<Detector>,
    #[serde(default)]
    tool: Vec<String>,
    action: WrittenAction,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Detector {
    Cards,
    Secrets,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum WrittenAction {
    Mask,
    Hash,
}

/// Reads all rules.
pub(super) fn read(json: &[u8]) -> Result<Vec<Rule>, RuleError> {
    let written: Vec<Written> =
        serde_json::from_slice(json).map_err(|error| RuleError::new(error.to_string()))?;
    written.into_iter().map(compiled).collect()
}

fn compiled(written: Written) -> Result<Rule, RuleError> {
    Ok(Rule {
        tools: each(&written.tool, glob)?,
        paths: each(&written.path, path)?,
        keys: each(&written.key, |text| glob(&fold(text)))?,
        patterns: each(&written.pattern, pattern)?,
        cards: written.detect.contains(&Detector::Cards),
        secrets: written.detect.contains(&Detector::Secrets),
        action: match written.action {
            WrittenAction::Mask => Action::Mask,
            WrittenAction::Hash => Action::Hash,
        },
    })
}

fn each<T>(texts: &[String], read: fn(&str) -> Result<T, RuleError>) -> Result<Vec<T>, RuleError> {
    texts.iter().map(|text| read(text)).collect()
}

fn glob(text: &str) -> Result<Glob, RuleError> {
    Glob::parse(text).map_err(|error| RuleError::new(format!("`{text}`: {error}")))
}

fn path(text: &str) -> Result<PathRule, RuleError> {
    let path = Path::parse(text).map_err(|error| RuleError::new(format!("`{text}`: {error}")))?;
    let first = path.split_name().map(|(name, _)| name.to_owned());
    Ok(PathRule {
        of_answer: matches!(first.as_deref(), Some("result" | "error")),
        path,
    })
}

fn pattern(text: &str) -> Result<Pattern, RuleError> {
    compile_regex(text).map(Pattern::new).map_err(|error| {
        let reason = match error {
            OperandError::Regex(reason) => reason,
            other => other.to_string(),
        };
        RuleError::new(format!("`{text}`: {reason}"))
    })
}
