//! Plain YAML documents as the tree of `helio.diagnostics`. Above: Python. Below: `tree`, `helio_core::yaml`.

use helio_core::yaml::{self, Document, Node, Value};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyNone, PyString, PyTuple, PyType};

use crate::panic::caught;
use crate::tree::{Entry, Mapping, Scalar, Sequence, Span};

/// The root, where secrets stand, and where keys and values with a `#` do.
type Read<'py> = (Bound<'py, PyAny>, Bound<'py, PyList>, Bound<'py, PyList>);

/// What makes the tree of a document.
#[pyclass(module = "helio._core", frozen)]
pub(crate) struct PlainReader {
    number: Py<PyType>,
    is_secret_key: Py<PyAny>,
    holds_credentials: Py<PyAny>,
}

#[pymethods]
impl PlainReader {
    #[new]
    fn new(number: Py<PyType>, is_secret_key: Py<PyAny>, holds_credentials: Py<PyAny>) -> Self {
        Self {
            number,
            is_secret_key,
            holds_credentials,
        }
    }

    fn read<'py>(
        &self,
        py: Python<'py>,
        text: &Bound<'py, PyString>,
    ) -> PyResult<Option<Read<'py>>> {
        let Ok(text) = text.to_str() else {
            return Ok(None);
        };
        // What panics is left to the other reader, too.
        let Ok(Some(document)) = caught(|| yaml::read(text)) else {
            return Ok(None);
        };
        let mut builder = Builder::new(self, py, &document.keys);
        let secrets = builder.secrets(&document)?;
        for node in document.nodes {
            builder.take(node)?;
        }
        let Some(root) = builder.parts.pop() else {
            return Ok(None);
        };
        Ok(Some((root, secrets, builder.with_hash)))
    }
}

struct Builder<'a, 'py> {
    py: Python<'py>,
    kinds: &'a PlainReader,
    keys: Vec<Bound<'py, PyString>>,
    parts: Vec<Bound<'py, PyAny>>,
    with_hash: Bound<'py, PyList>,
}

impl<'a, 'py> Builder<'a, 'py> {
    fn new(kinds: &'a PlainReader, py: Python<'py>, keys: &[String]) -> Self {
        Self {
            py,
            kinds,
            keys: keys.iter().map(|key| PyString::new(py, key)).collect(),
            parts: Vec::new(),
            with_hash: PyList::empty(py),
        }
    }

    fn secrets(&self, document: &Document) -> PyResult<Bound<'py, PyList>> {
        let mut failed = None;
        let mut asked = |question: &Py<PyAny>, text: &str| {
            let answer = question.bind(self.py).call1((text,));
            let answer = answer.and_then(|answer| answer.extract::<bool>());
            answer.unwrap_or_else(|error| {
                failed = Some(error);
                true
            })
        };
        let keys = document.keys.iter();
        let keys: Vec<bool> = keys
            .map(|key| asked(&self.kinds.is_secret_key, key))
            .collect();
        let spans = document.secrets(&keys, |text| {
            text.contains("://") && asked(&self.kinds.holds_credentials, text)
        });
        if let Some(error) = failed {
            return Err(error);
        }
        let spans: Vec<_> = spans.into_iter().map(Span::from).collect();
        PyList::new(self.py, spans)
    }

    fn take(&mut self, node: Node) -> PyResult<()> {
        let py = self.py;
        let part = match node {
            Node::Scalar(scalar) => self.scalar(scalar)?,
            Node::Sequence { items, span } => {
                let items = self.parts.split_off(self.open(items)?);
                let items = PyTuple::new(py, items)?.unbind();
                Bound::new(py, Sequence::new(items, &span.into()))?.into_any()
            }
            Node::Mapping { entries, span } => {
                let dict = self.entries(entries)?.unbind();
                Bound::new(py, Mapping::new(dict, &span.into()))?.into_any()
            }
        };
        self.parts.push(part);
        Ok(())
    }

    /// Those of the last so many keys and values.
    fn entries(&mut self, count: usize) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(self.py);
        let mut parts = self.parts.split_off(self.open(2 * count)?).into_iter();
        while let (Some(key), Some(value)) = (parts.next(), parts.next()) {
            let key = key.cast_into::<Scalar>()?;
            let text = key.get().value(self.py).clone();
            let entry = Entry::new(key.unbind(), value.unbind());
            dict.set_item(text, Bound::new(self.py, entry)?)?;
        }
        Ok(dict)
    }

    /// Where the last so many parts begin.
    fn open(&self, count: usize) -> PyResult<usize> {
        let first = self.parts.len().checked_sub(count);
        first.ok_or_else(|| PyValueError::new_err("a collection has more parts than there are"))
    }

    fn scalar(&self, scalar: yaml::Scalar) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        let span = Span::from(scalar.span);
        if scalar.holds_hash {
            self.with_hash.append(Bound::new(py, span)?)?;
        }
        let value = match scalar.value {
            Value::Null => PyNone::get(py).to_owned().into_any(),
            Value::Boolean(value) => value.into_pyobject(py)?.to_owned().into_any(),
            Value::Number(text) => self.kinds.number.bind(py).call1((text,))?,
            Value::Text(text) => PyString::new(py, &text).into_any(),
            Value::Key(key) => match self.keys.get(key) {
                Some(text) => text.clone().into_any(),
                None => return Err(PyValueError::new_err("a key has no text")),
            },
        };
        let scalar = Scalar::new(value.unbind(), &span, scalar.lead.map(u32::from));
        Ok(Bound::new(py, scalar)?.into_any())
    }
}
