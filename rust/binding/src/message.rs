//! `Message` and `Answer`: JSON-RPC messages over the bytes they came in. Above: Python. Below: `call`.

use helio_core::call::{Answer as CoreAnswer, Message as CoreMessage};
use helio_core::json::{Tape, Value, write_string};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::{MalformedMessage, internal, malformed, unreadable};
use crate::panic::caught;
use crate::places::{Key, PlacedMember, Span, column, items, members, span};

/// One JSON-RPC message: a tape over `body`, which is kept as it came.
#[pyclass(frozen, module = "helio._core")]
pub(crate) struct Message {
    body: Py<PyBytes>,
    message: CoreMessage,
}

impl Message {
    pub(crate) fn parse(body: &Bound<'_, PyBytes>) -> PyResult<Self> {
        let message = parse(body.py(), body.as_bytes())?;
        Ok(Self {
            body: body.clone().unbind(),
            message,
        })
    }

    pub(crate) fn core(&self) -> &CoreMessage {
        &self.message
    }

    pub(crate) fn bytes<'py>(&'py self, py: Python<'py>) -> &'py [u8] {
        self.body.as_bytes(py)
    }

    fn root<'py>(&'py self, py: Python<'py>) -> Value<'py> {
        self.message.root(self.bytes(py))
    }
}

/// Parses bytes; refusals and panics become `MalformedMessage`.
pub(crate) fn parse(py: Python<'_>, body: &[u8]) -> PyResult<CoreMessage> {
    caught(|| CoreMessage::parse(body))
        .map_err(|panic| unreadable(&panic))?
        .map_err(|error| malformed(py, error, body))
}

#[pymethods]
impl Message {
    #[getter]
    fn body(&self, py: Python<'_>) -> Py<PyBytes> {
        self.body.clone_ref(py)
    }

    #[getter]
    fn kind(&self) -> &'static str {
        self.message.kind().as_str()
    }

    #[getter]
    fn method<'py>(&'py self, py: Python<'py>) -> Option<std::borrow::Cow<'py, str>> {
        self.message.method(self.bytes(py))
    }

    #[getter]
    fn id<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.message
            .id(self.bytes(py))
            .map(|id| PyBytes::new(py, id))
    }

    #[getter]
    fn tool<'py>(&'py self, py: Python<'py>) -> Option<std::borrow::Cow<'py, str>> {
        self.message.tool(self.bytes(py))
    }

    #[getter]
    fn arguments<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.message.arguments(self.bytes(py)).raw())
    }

    #[getter]
    fn progress_token<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.message
            .progress_token(self.bytes(py))
            .map(|token| PyBytes::new(py, token))
    }

    fn canonical_arguments<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let text = caught(|| self.message.canonical_arguments(self.bytes(py)));
        text.map(|text| PyBytes::new(py, &text))
            .map_err(|panic| internal(&panic))
    }

    fn arguments_hash(&self, py: Python<'_>) -> PyResult<String> {
        let hash = caught(|| self.message.arguments_hash(self.bytes(py)));
        let hash = hash.map_err(|panic| internal(&panic))?;
        Ok(hash.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    #[pyo3(signature = (*keys))]
    fn span(&self, py: Python<'_>, keys: Vec<Key<'_>>) -> PyResult<Option<Span>> {
        span(self.root(py), &keys)
    }

    #[pyo3(signature = (*keys))]
    fn members(&self, py: Python<'_>, keys: Vec<Key<'_>>) -> PyResult<Vec<PlacedMember>> {
        members(self.root(py), &keys)
    }

    #[pyo3(signature = (*keys))]
    fn items(&self, py: Python<'_>, keys: Vec<Key<'_>>) -> PyResult<Vec<Span>> {
        items(self.root(py), &keys)
    }

    #[pyo3(signature = (name, *keys))]
    fn column(
        &self,
        py: Python<'_>,
        name: &str,
        keys: Vec<Key<'_>>,
    ) -> PyResult<Vec<Option<Span>>> {
        column(self.root(py), name, &keys)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let body = self.bytes(py);
        match (self.message.tool(body), self.message.method(body)) {
            (Some(tool), _) => format!("<Message tools/call {tool:?}>"),
            (None, Some(method)) => format!("<Message {} {method:?}>", self.kind()),
            (None, None) => format!("<Message {}>", self.kind()),
        }
    }
}

/// Reads one message by the strict envelope.
#[pyfunction]
pub(crate) fn parse_message(body: &Bound<'_, PyBytes>) -> PyResult<Message> {
    Message::parse(body)
}

/// A `tools/call` around arguments that did not come as a message.
#[pyfunction]
pub(crate) fn tool_call(py: Python<'_>, tool: &str, arguments: &[u8]) -> PyResult<Message> {
    // The arguments are read on their own first, lest they close the envelope and go on behind it.
    let alone = caught(|| Tape::parse(arguments)).map_err(|panic| unreadable(&panic))?;
    if let Err(error) = alone {
        let code = if error.reason == "duplicate_key" {
            -32600
        } else {
            -32700
        };
        let refusal = (error.reason, code, None::<Py<PyBytes>>, format!("{error}."));
        return Err(MalformedMessage::new_err(refusal));
    }
    let mut body = br#"{"jsonrpc":"2.0","id":0,"method":"tools/call","params":{"name":"#.to_vec();
    write_string(tool, &mut body);
    body.extend_from_slice(br#","arguments":"#);
    body.extend_from_slice(arguments);
    body.extend_from_slice(b"}}");
    Message::parse(&PyBytes::new(py, &body))
}

/// What an upstream's JSON answer says: a tape over `body`, which is kept as it came.
#[pyclass(frozen, module = "helio._core")]
pub(crate) struct Answer {
    body: Py<PyBytes>,
    answer: CoreAnswer,
}

impl Answer {
    fn root<'py>(&'py self, py: Python<'py>) -> Value<'py> {
        self.answer.root(self.body.as_bytes(py))
    }
}

#[pymethods]
impl Answer {
    #[getter]
    fn body(&self, py: Python<'_>) -> Py<PyBytes> {
        self.body.clone_ref(py)
    }

    #[getter]
    fn kind(&self) -> &'static str {
        self.answer.kind.as_str()
    }

    #[getter]
    fn id<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        let id = self.body.as_bytes(py).get(self.answer.id.clone()?)?;
        Some(PyBytes::new(py, id))
    }

    #[getter]
    fn method(&self) -> Option<&str> {
        self.answer.method.as_deref()
    }

    #[getter]
    fn error_code(&self) -> Option<i64> {
        self.answer.error_code
    }

    #[getter]
    fn error_message(&self) -> Option<&str> {
        self.answer.error_message.as_deref()
    }

    #[getter]
    fn is_error(&self) -> bool {
        self.answer.is_error
    }

    #[pyo3(signature = (*keys))]
    fn span(&self, py: Python<'_>, keys: Vec<Key<'_>>) -> PyResult<Option<Span>> {
        span(self.root(py), &keys)
    }

    #[pyo3(signature = (*keys))]
    fn members(&self, py: Python<'_>, keys: Vec<Key<'_>>) -> PyResult<Vec<PlacedMember>> {
        members(self.root(py), &keys)
    }

    #[pyo3(signature = (*keys))]
    fn items(&self, py: Python<'_>, keys: Vec<Key<'_>>) -> PyResult<Vec<Span>> {
        items(self.root(py), &keys)
    }

    #[pyo3(signature = (name, *keys))]
    fn column(
        &self,
        py: Python<'_>,
        name: &str,
        keys: Vec<Key<'_>>,
    ) -> PyResult<Vec<Option<Span>>> {
        column(self.root(py), name, &keys)
    }
}

/// Reads what an upstream sent; none when it is not a JSON-RPC message.
#[pyfunction]
pub(crate) fn inspect_answer(body: &Bound<'_, PyBytes>) -> PyResult<Option<Answer>> {
    let answer =
        caught(|| CoreAnswer::inspect(body.as_bytes())).map_err(|panic| internal(&panic))?;
    // That it is no answer is the answer here.
    Ok(answer.ok().map(|answer| Answer {
        body: body.clone().unbind(),
        answer,
    }))
}
