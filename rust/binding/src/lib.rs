//! `helio._core`: the binding of `helio-core` to Python. It converts and holds no logic.
//!
//! Above: `helio.evaluator` and `helio.diagnostics.nodes`, its only importers; python/helio/_core.pyi has the types. No panic leaves it: what
//! panics while deciding is denied, while reading is refused, while counting ends the counting.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod decision;
mod errors;
mod evaluator;
mod languages;
mod message;
mod panic;
mod places;
mod redactor;
mod tree;
mod values;
mod windows;
mod yaml;

use pyo3::prelude::*;

/// The native module.
#[pymodule(gil_used = true)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add(
        "MalformedMessage",
        py.get_type::<errors::MalformedMessage>(),
    )?;
    module.add("GraphError", py.get_type::<errors::GraphError>())?;
    module.add("PatternError", py.get_type::<errors::PatternError>())?;
    module.add("LanguageError", py.get_type::<errors::LanguageError>())?;
    module.add_class::<message::Message>()?;
    module.add_class::<message::Answer>()?;
    module.add_class::<decision::Demand>()?;
    module.add_class::<decision::BudgetDemand>()?;
    module.add_class::<decision::Decision>()?;
    module.add_class::<evaluator::Evaluator>()?;
    module.add_class::<redactor::Redactor>()?;
    module.add_class::<windows::Breach>()?;
    module.add_class::<windows::BudgetBreach>()?;
    module.add_class::<windows::Level>()?;
    module.add_class::<windows::Windows>()?;
    module.add_class::<tree::Entry>()?;
    module.add_class::<tree::Mapping>()?;
    module.add_class::<tree::Scalar>()?;
    module.add_class::<tree::Sequence>()?;
    module.add_class::<tree::Span>()?;
    module.add_class::<yaml::PlainReader>()?;
    module.add_function(wrap_pyfunction!(message::parse_message, module)?)?;
    module.add_function(wrap_pyfunction!(message::tool_call, module)?)?;
    module.add_function(wrap_pyfunction!(message::inspect_answer, module)?)?;
    module.add_function(wrap_pyfunction!(values::normalize_path, module)?)?;
    module.add_function(wrap_pyfunction!(values::check_glob, module)?)?;
    module.add_function(wrap_pyfunction!(values::glob_matches, module)?)?;
    module.add_function(wrap_pyfunction!(values::check_regex, module)?)?;
    module.add_function(wrap_pyfunction!(languages::distinguish, module)?)?;
    module.add_function(wrap_pyfunction!(values::select, module)?)?;
    module.add_function(wrap_pyfunction!(values::canonical_json, module)?)?;
    module.add_function(wrap_pyfunction!(values::compare_numbers, module)?)?;
    module.add_function(wrap_pyfunction!(values::graph_digest, module)?)
}
