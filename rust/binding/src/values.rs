//! Functions over values: paths, patterns, numbers, digests. Above: Python. Below: `path`, `glob`, `compare`,
//! `number`, `graph`.

use std::ops::ControlFlow;

use helio_core::compare::{OperandError, compile_regex};
use helio_core::glob::Glob;
use helio_core::graph;
use helio_core::json::{Tape, canonical_text};
use helio_core::number;
use helio_core::path::Path;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::{PatternError, graph_error, internal};
use crate::panic::caught;

/// The one text of a JSONPath.
#[pyfunction]
pub(crate) fn normalize_path(text: &str) -> PyResult<String> {
    parse_path(text).map(|path| path.normalized())
}

fn parse_path(text: &str) -> PyResult<Path> {
    caught(|| Path::parse(text))
        .map_err(|panic| internal(&panic))?
        .map_err(|error| PatternError::new_err((error.offset, error.message)))
}

/// Refuses what is not a glob.
#[pyfunction]
pub(crate) fn check_glob(pattern: &str) -> PyResult<()> {
    caught(|| Glob::parse(pattern))
        .map_err(|panic| internal(&panic))?
        .map(drop)
        .map_err(|error| PatternError::new_err((error.offset, error.message)))
}

/// Whether a glob takes in the whole text.
#[pyfunction]
pub(crate) fn glob_matches(pattern: &str, text: &str) -> PyResult<bool> {
    caught(|| Glob::parse(pattern).map(|glob| glob.matches(text)))
        .map_err(|panic| internal(&panic))?
        .map_err(|error| PatternError::new_err((error.offset, error.message)))
}

/// Refuses what is not a regular expression.
#[pyfunction]
pub(crate) fn check_regex(pattern: &str) -> PyResult<()> {
    let compiled = caught(|| compile_regex(pattern)).map_err(|panic| internal(&panic))?;
    compiled.map(drop).map_err(|error| {
        let message = match error {
            OperandError::Regex(reason) => reason,
            other => other.to_string(),
        };
        PatternError::new_err((0, message))
    })
}

/// The nodelist of a path in a document, each node as the bytes it came in.
#[pyfunction]
pub(crate) fn select<'py>(
    py: Python<'py>,
    path: &str,
    document: &[u8],
) -> PyResult<Vec<Bound<'py, PyBytes>>> {
    let path = parse_path(path)?;
    let tape = caught(|| Tape::parse(document))
        .map_err(|panic| internal(&panic))?
        .map_err(|error| PyValueError::new_err(error.to_string()))?;
    let mut nodes = Vec::new();
    caught(|| {
        let _ = path.select(tape.root(document), &mut |value| {
            nodes.push(value.raw());
            ControlFlow::Continue(())
        });
    })
    .map_err(|panic| internal(&panic))?;
    Ok(nodes
        .into_iter()
        .map(|node| PyBytes::new(py, node))
        .collect())
}

/// The canonical text of a JSON document whose keys may differ by case only.
#[pyfunction]
pub(crate) fn canonical_json<'py>(
    py: Python<'py>,
    document: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    caught(|| canonical_text(document))
        .map_err(|panic| internal(&panic))?
        .map(|text| PyBytes::new(py, &text))
        .map_err(|error| PyValueError::new_err(error.to_string()))
}

/// -1, 0 or 1: how two JSON numbers compare by value.
#[pyfunction]
pub(crate) fn compare_numbers(left: &str, right: &str) -> PyResult<i8> {
    let order = caught(|| {
        let tapes = (
            Tape::parse(left.as_bytes()).ok()?,
            Tape::parse(right.as_bytes()).ok()?,
        );
        let left = tapes.0.root(left.as_bytes()).number_text()?;
        let right = tapes.1.root(right.as_bytes()).number_text()?;
        Some(number::compare(left, right) as i8)
    });
    order
        .map_err(|panic| internal(&panic))?
        .ok_or_else(|| PyValueError::new_err("both must be JSON numbers"))
}

/// The digest of a rule graph's text, whatever its form.
#[pyfunction]
pub(crate) fn graph_digest(graph: &[u8]) -> PyResult<String> {
    caught(|| graph::digest(graph))
        .map_err(|panic| internal(&panic))?
        .map_err(graph_error)
}
