//! Plain YAML documents as the tree of `helio.diagnostics`. Above: Python. Below: `yaml`.

use helio_core::yaml::{self, Document, Node, Scalar, Span, Value};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt, PyList, PyNone, PyString, PyTuple, PyType};

use crate::panic::caught;

/// The root, where secrets stand, and where keys and values with a `#` do.
type Read<'py> = (Bound<'py, PyAny>, Bound<'py, PyList>, Bound<'py, PyList>);

/// What makes the tree of a document.
#[pyclass(module = "helio._core", frozen)]
pub(crate) struct PlainYaml {
    span: Py<PyType>,
    scalar: Py<PyType>,
    number: Py<PyType>,
    entry: Py<PyType>,
    sequence: Py<PyType>,
    mapping: Py<PyType>,
    is_secret_key: Py<PyAny>,
    holds_credentials: Py<PyAny>,
}

#[pymethods]
impl PlainYaml {
    #[new]
    #[expect(clippy::too_many_arguments, reason = "each is one kind of part")]
    fn new(
        span: Py<PyType>,
        scalar: Py<PyType>,
        number: Py<PyType>,
        entry: Py<PyType>,
        sequence: Py<PyType>,
        mapping: Py<PyType>,
        is_secret_key: Py<PyAny>,
        holds_credentials: Py<PyAny>,
    ) -> Self {
        Self {
            span,
            scalar,
            number,
            entry,
            sequence,
            mapping,
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
        let mut builder = Builder::new(self, py, &document.keys)?;
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
    kinds: &'a PlainYaml,
    /// `tuple.__new__`, which makes a named tuple of its fields at once: by its own class it takes longer.
    new: Bound<'py, PyAny>,
    keys: Vec<Bound<'py, PyString>>,
    /// The line that was written last: most parts begin and end on the line of the one before.
    line: (u32, Bound<'py, PyInt>),
    parts: Vec<Bound<'py, PyAny>>,
    with_hash: Bound<'py, PyList>,
}

impl<'a, 'py> Builder<'a, 'py> {
    fn new(kinds: &'a PlainYaml, py: Python<'py>, keys: &[String]) -> PyResult<Self> {
        Ok(Self {
            py,
            kinds,
            new: py.get_type::<PyTuple>().getattr("__new__")?,
            keys: keys.iter().map(|key| PyString::new(py, key)).collect(),
            line: (0, 0_u32.into_pyobject(py)?),
            parts: Vec::new(),
            with_hash: PyList::empty(py),
        })
    }

    fn secrets(&mut self, document: &Document) -> PyResult<Bound<'py, PyList>> {
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
        let py = self.py;
        let spans = spans.into_iter().map(|span| self.span(span));
        PyList::new(py, spans.collect::<PyResult<Vec<_>>>()?)
    }

    fn take(&mut self, node: Node) -> PyResult<()> {
        let part = match node {
            Node::Scalar(scalar) => self.scalar(scalar)?,
            Node::Sequence { items, span } => {
                let items = self.parts.split_off(self.open(items)?);
                let items = PyTuple::new(self.py, items)?;
                let fields = (items, self.span(span)?).into_pyobject(self.py)?;
                self.made(&self.kinds.sequence, fields)?
            }
            Node::Mapping { entries, span } => {
                let dict = PyDict::new(self.py);
                for part in self
                    .parts
                    .split_off(self.open(2 * entries)?)
                    .chunks_exact(2)
                {
                    if let [key, value] = part {
                        let entry =
                            self.made(&self.kinds.entry, (key, value).into_pyobject(self.py)?)?;
                        dict.set_item(key.get_item(0)?, entry)?;
                    }
                }
                let fields = (dict, self.span(span)?).into_pyobject(self.py)?;
                self.made(&self.kinds.mapping, fields)?
            }
        };
        self.parts.push(part);
        Ok(())
    }

    /// Where the last so many parts begin.
    fn open(&self, count: usize) -> PyResult<usize> {
        let first = self.parts.len().checked_sub(count);
        first.ok_or_else(|| PyValueError::new_err("a collection has more parts than there are"))
    }

    fn scalar(&mut self, scalar: Scalar) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        let span = self.span(scalar.span)?;
        if scalar.holds_hash {
            self.with_hash.append(&span)?;
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
        let fields = (value, span, scalar.lead).into_pyobject(py)?;
        self.made(&self.kinds.scalar, fields)
    }

    fn span(&mut self, span: Span) -> PyResult<Bound<'py, PyAny>> {
        let (line, end_line) = (self.line(span.line)?, self.line(span.end_line)?);
        let fields = (line, span.column, end_line, span.end_column);
        self.made(&self.kinds.span, fields.into_pyobject(self.py)?)
    }

    fn line(&mut self, number: u32) -> PyResult<Bound<'py, PyInt>> {
        if self.line.0 != number {
            self.line = (number, number.into_pyobject(self.py)?);
        }
        Ok(self.line.1.clone())
    }

    /// A named tuple.
    fn made(&self, kind: &Py<PyType>, fields: Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        self.new.call1((kind, fields))
    }
}
