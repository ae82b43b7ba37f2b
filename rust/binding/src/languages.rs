//! Sets of texts told apart. Above: Python. Below: `language`.

use helio_core::language::{self, Language};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::errors::{LanguageError, internal};
use crate::panic::caught;

/// For each set whether texts are in, and a shortest such text.
type Kind<'py> = (Bound<'py, PyTuple>, Option<String>);

/// Every way in which a text can be in some sets and not in the others.
#[pyfunction]
pub(crate) fn distinguish<'py>(
    py: Python<'py>,
    sets: Vec<Vec<(String, String)>>,
    not_empty: bool,
    most: usize,
) -> PyResult<(Vec<Kind<'py>>, usize)> {
    let sets = sets
        .into_iter()
        .map(|set| set.into_iter().map(read).collect())
        .collect::<PyResult<Vec<Vec<Language>>>>()?;
    let found = caught(|| language::distinguish(&sets, not_empty, most))
        .map_err(|panic| internal(&panic))?
        .map_err(|unfit| LanguageError::new_err(unfit.to_string()))?;
    let kinds: PyResult<Vec<_>> = found
        .kinds
        .into_iter()
        .map(|kind| Ok((PyTuple::new(py, kind.is_in)?, kind.example)))
        .collect();
    Ok((kinds?, found.steps))
}

fn read((kind, text): (String, String)) -> PyResult<Language> {
    let make = match kind.as_str() {
        "glob" => Language::Glob,
        "exact" => Language::Exact,
        "starts_with" => Language::StartsWith,
        "ends_with" => Language::EndsWith,
        "contains" => Language::Contains,
        "regex" => Language::Regex,
        _ => {
            return Err(PyValueError::new_err(format!(
                "unknown kind of language: {kind}"
            )));
        }
    };
    Ok(make(text))
}
