//! The nodes of YAML with their places. Above: `yaml`, `helio.diagnostics.nodes`. Below: `helio_core::yaml`.
//!
//! Native, because a file of 10,000 rules has a million of them: each is one allocation, with its place inside. They
//! refer to no node above them, so that the collector of cycles need not know them.

use std::hash::{DefaultHasher, Hash, Hasher};

use helio_core::yaml;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

/// A stretch of a file.
#[pyclass(module = "helio._core", frozen, eq, ord, hash, get_all)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Span {
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
}

impl From<yaml::Span> for Span {
    fn from(span: yaml::Span) -> Self {
        Self {
            line: span.line,
            column: span.column,
            end_line: span.end_line,
            end_column: span.end_column,
        }
    }
}

#[pymethods]
impl Span {
    #[new]
    fn new(line: u32, column: u32, end_line: u32, end_column: u32) -> Self {
        Self {
            line,
            column,
            end_line,
            end_column,
        }
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let parts = (self.line, self.column, self.end_line, self.end_column);
        parts.into_pyobject(py)?.into_any().call_method0("__iter__")
    }

    fn __repr__(&self) -> String {
        format!(
            "Span(line={}, column={}, end_line={}, end_column={})",
            self.line, self.column, self.end_line, self.end_column
        )
    }
}

/// A single value.
#[pyclass(module = "helio._core", frozen)]
pub(crate) struct Scalar {
    #[pyo3(get)]
    value: Py<PyAny>,
    #[pyo3(get)]
    span: Span,
    #[pyo3(get)]
    lead: Option<u32>,
}

#[pymethods]
impl Scalar {
    #[new]
    #[pyo3(signature = (value, span, lead = None))]
    pub(crate) fn new(value: Py<PyAny>, span: &Span, lead: Option<u32>) -> Self {
        Self {
            value,
            span: *span,
            lead,
        }
    }

    #[getter]
    fn kind(&self) -> &'static str {
        "scalar"
    }

    fn point(&self, py: Python<'_>, offset: u32) -> Span {
        let span = self.span;
        // A text of a kind of its own has other characters than the file.
        let value = self.value.bind(py);
        let is_written =
            value.is_exact_instance_of::<PyString>() || !value.is_instance_of::<PyString>();
        match self.lead {
            Some(lead) if is_written => {
                let column = span.column.saturating_add(lead).saturating_add(offset);
                if column < span.end_column {
                    Span::new(span.line, column, span.line, column + 1)
                } else {
                    span
                }
            }
            _ => span,
        }
    }

    fn __eq__(&self, other: &Bound<'_, Self>) -> PyResult<bool> {
        let (py, other) = (other.py(), other.get());
        Ok(self.span == other.span
            && self.lead == other.lead
            && self.value.bind(py).eq(&other.value)?)
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<u64> {
        let mut hasher = DefaultHasher::new();
        (self.value.bind(py).hash()?, self.span, self.lead).hash(&mut hasher);
        Ok(hasher.finish())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let (value, span) = (self.value.bind(py).repr()?, self.span.__repr__());
        let lead = self.lead.into_pyobject(py)?.repr()?;
        Ok(format!("Scalar(value={value}, span={span}, lead={lead})"))
    }
}

impl Scalar {
    /// What it says.
    pub(crate) fn value<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.value.bind(py)
    }
}

/// A list.
#[pyclass(module = "helio._core", frozen)]
pub(crate) struct Sequence {
    #[pyo3(get)]
    items: Py<PyTuple>,
    #[pyo3(get)]
    span: Span,
}

#[pymethods]
impl Sequence {
    #[new]
    pub(crate) fn new(items: Py<PyTuple>, span: &Span) -> Self {
        Self { items, span: *span }
    }

    #[getter]
    fn kind(&self) -> &'static str {
        "list"
    }

    fn __eq__(&self, other: &Bound<'_, Self>) -> PyResult<bool> {
        let (py, other) = (other.py(), other.get());
        Ok(self.span == other.span && self.items.bind(py).eq(&other.items)?)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let (items, span) = (self.items.bind(py).repr()?, self.span.__repr__());
        Ok(format!("Sequence(items={items}, span={span})"))
    }
}

/// A key and its value.
#[pyclass(module = "helio._core", frozen, get_all)]
pub(crate) struct Entry {
    key: Py<Scalar>,
    value: Py<PyAny>,
}

#[pymethods]
impl Entry {
    #[new]
    pub(crate) fn new(key: Py<Scalar>, value: Py<PyAny>) -> Self {
        Self { key, value }
    }

    fn __eq__(&self, other: &Bound<'_, Self>) -> PyResult<bool> {
        let (py, other) = (other.py(), other.get());
        Ok(self.key.bind(py).eq(&other.key)? && self.value.bind(py).eq(&other.value)?)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let (key, value) = (self.key.get().__repr__(py)?, self.value.bind(py).repr()?);
        Ok(format!("Entry(key={key}, value={value})"))
    }
}

/// A mapping.
#[pyclass(module = "helio._core", frozen)]
pub(crate) struct Mapping {
    #[pyo3(get)]
    entries: Py<PyDict>,
    #[pyo3(get)]
    span: Span,
}

#[pymethods]
impl Mapping {
    #[new]
    pub(crate) fn new(entries: Py<PyDict>, span: &Span) -> Self {
        Self {
            entries,
            span: *span,
        }
    }

    #[getter]
    fn kind(&self) -> &'static str {
        "mapping"
    }

    fn get(&self, py: Python<'_>, key: &Bound<'_, PyString>) -> PyResult<Option<Py<PyAny>>> {
        let Some(entry) = self.entries.bind(py).get_item(key)? else {
            return Ok(None);
        };
        Ok(Some(entry.cast::<Entry>()?.get().value.clone_ref(py)))
    }

    fn __eq__(&self, other: &Bound<'_, Self>) -> PyResult<bool> {
        let (py, other) = (other.py(), other.get());
        Ok(self.span == other.span && self.entries.bind(py).eq(&other.entries)?)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let (entries, span) = (self.entries.bind(py).repr()?, self.span.__repr__());
        Ok(format!("Mapping(entries={entries}, span={span})"))
    }
}
