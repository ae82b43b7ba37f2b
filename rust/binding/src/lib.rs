//! `helio._core`: the binding of `helio-core` to Python. It converts and holds no logic.

use pyo3::prelude::*;

/// The native module.
#[pymodule(gil_used = true)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))
}
