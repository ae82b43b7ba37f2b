//! `Redactor`: what may be written of bodies and texts. Above: Python. Below: `redact`.

use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use helio_core::redact::{Place, Redactor as CoreRedactor};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::PyBytes;

use crate::errors::internal;
use crate::panic::caught;

/// What stands for a text whose redaction panicked.
const HIDDEN: &str = "[redacted]";

/// Compiled rules. What panics is not shown, as what cannot be read is not.
#[pyclass(frozen, module = "helio._core")]
pub(crate) struct Redactor {
    redactor: RwLock<CoreRedactor>,
}

type Document<'py> = Option<Bound<'py, PyBytes>>;

impl Redactor {
    /// As it is now. Nothing panics while it is changed, so that it is whole whatever happened.
    fn now(&self) -> RwLockReadGuard<'_, CoreRedactor> {
        self.redactor.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The document itself when nothing in it is hidden; none when it cannot be read.
    fn in_place<'py>(
        &self,
        place: Place,
        tool: Option<&str>,
        document: Bound<'py, PyBytes>,
    ) -> Document<'py> {
        let redacted = caught(|| self.now().document(place, tool, document.as_bytes()));
        match redacted {
            Ok(Ok(None)) => Some(document),
            Ok(Ok(Some(redacted))) => Some(PyBytes::new(document.py(), &redacted)),
            _ => None,
        }
    }
}

#[pymethods]
impl Redactor {
    #[new]
    fn new(rules: &[u8], key: &[u8], secrets: Vec<PyBackedStr>) -> PyResult<Self> {
        let secrets: Vec<&str> = secrets.iter().map(|secret| &**secret).collect();
        let redactor = caught(|| CoreRedactor::new(rules, key, &secrets));
        let redactor = redactor
            .map_err(|panic| internal(&panic))?
            .map_err(|error| PyValueError::new_err(error.message))?;
        let redactor = RwLock::new(redactor);
        Ok(Self { redactor })
    }

    fn know(&self, secrets: Vec<PyBackedStr>) -> PyResult<()> {
        let secrets: Vec<&str> = secrets.iter().map(|secret| &**secret).collect();
        let mut redactor = self
            .redactor
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        redactor
            .know(&secrets)
            .map_err(|error| PyValueError::new_err(error.message))
    }

    #[getter]
    fn has_rules(&self) -> bool {
        self.now().has_rules()
    }

    #[getter]
    fn has_places(&self) -> bool {
        self.now().has_places()
    }

    fn arguments<'py>(&self, tool: &str, document: Bound<'py, PyBytes>) -> Document<'py> {
        self.in_place(Place::Arguments, Some(tool), document)
    }

    fn answer<'py>(&self, tool: &str, document: Bound<'py, PyBytes>) -> Document<'py> {
        self.in_place(Place::Answer, Some(tool), document)
    }

    fn request<'py>(&self, document: Bound<'py, PyBytes>) -> Document<'py> {
        self.in_place(Place::Request, None, document)
    }

    fn document<'py>(&self, document: Bound<'py, PyBytes>) -> Document<'py> {
        self.in_place(Place::Arguments, None, document)
    }

    fn notes<'py>(&self, tool: Option<&str>, document: Bound<'py, PyBytes>) -> Document<'py> {
        match caught(|| self.now().notes(tool, document.as_bytes())) {
            Ok(Ok(None)) => Some(document),
            Ok(Ok(Some(redacted))) => Some(PyBytes::new(document.py(), &redacted)),
            _ => None,
        }
    }

    #[pyo3(signature = (text, tool=None))]
    fn text(&self, text: &str, tool: Option<&str>) -> String {
        let redacted = caught(|| self.now().text(tool, text));
        redacted.map_or_else(
            |_| HIDDEN.to_owned(),
            |hidden| hidden.unwrap_or_else(|| text.to_owned()),
        )
    }

    fn sealed<'py>(&self, py: Python<'py>, document: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        caught(|| self.now().sealed(document))
            .map_err(|panic| internal(&panic))?
            .map(|sealed| PyBytes::new(py, &sealed))
            .map_err(|error| PyValueError::new_err(error.to_string()))
    }

    fn digest(&self, document: &[u8]) -> PyResult<String> {
        caught(|| self.now().digest(document)).map_err(|panic| internal(&panic))
    }
}
