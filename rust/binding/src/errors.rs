//! The exceptions of `helio._core`. Above: every entry point. Below: nothing.

use helio_core::call::Malformed;
use helio_core::graph::GraphError as CoreGraphError;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

pyo3::create_exception!(
    helio._core,
    MalformedMessage,
    PyValueError,
    "A message that the strict envelope refuses: `args` is `(reason, code, id, detail)`."
);
pyo3::create_exception!(
    helio._core,
    GraphError,
    PyValueError,
    "A rule graph that cannot be decoded or does not verify: `args` is `(detail,)`."
);
pyo3::create_exception!(
    helio._core,
    PatternError,
    PyValueError,
    "A path, glob or regular expression that is refused: `args` is `(offset, message)`."
);
pyo3::create_exception!(
    helio._core,
    LanguageError,
    PyValueError,
    "Sets of texts that were not told apart: `args` is `(why,)`."
);

/// JSON-RPC's code for a fault of ours.
const INTERNAL_ERROR: i32 = -32603;

/// The exception of a refused message, with the id's bytes where there is one.
pub(crate) fn malformed(py: Python<'_>, error: Malformed, body: &[u8]) -> PyErr {
    let id = error
        .id
        .and_then(|span| body.get(span))
        .map(|id| PyBytes::new(py, id).unbind());
    MalformedMessage::new_err((error.reason, error.code, id, error.detail))
}

/// The exception of a message whose reading panicked: refused like any other that cannot be read.
pub(crate) fn unreadable(panic: &str) -> PyErr {
    let detail = format!("The message could not be read: {panic}.");
    MalformedMessage::new_err((
        "internal_error",
        INTERNAL_ERROR,
        None::<Py<PyBytes>>,
        detail,
    ))
}

pub(crate) fn graph_error(error: CoreGraphError) -> PyErr {
    GraphError::new_err(error.detail)
}

/// The exception of any other entry point that panicked.
pub(crate) fn internal(panic: &str) -> PyErr {
    PyRuntimeError::new_err(format!("internal error: {panic}"))
}
