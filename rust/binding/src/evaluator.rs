//! `Evaluator`: an indexed rule graph with its scratch space. Above: Python. Below: `evaluate`.

use std::sync::{Mutex, PoisonError};

use helio_core::call::Message as CoreMessage;
use helio_core::evaluate::{Call, Caller, Evaluator as CoreEvaluator, Facts, Prospect, Scratch};
use helio_core::hint::Annotations;
use helio_core::json::Tape;
use helio_core::keyed_hash::KeyedHash;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::PyBytes;

use crate::decision::Decision;
use crate::errors::{graph_error, internal};
use crate::message::{Message, parse};
use crate::panic::caught;

/// An indexed rule graph. The GIL is held throughout: a decision takes less than giving it away would.
#[pyclass(frozen, module = "helio._core")]
pub(crate) struct Evaluator {
    evaluator: CoreEvaluator,
    scratch: Mutex<Scratch>,
    hash_key: Option<KeyedHash>,
}

impl Evaluator {
    fn decided(
        &self,
        message: &CoreMessage,
        body: &[u8],
        facts: &Facts<'_>,
        below: Option<u32>,
    ) -> PyResult<Decision> {
        let Some(call) = Call::of(message, body) else {
            return Err(PyValueError::new_err("only a tools/call is decided"));
        };
        let mut scratch = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        let decided = caught(|| {
            Box::new(match below {
                None => self.evaluator.decide(&call, facts, &mut scratch),
                Some(above) => self
                    .evaluator
                    .decide_below(above, &call, facts, &mut scratch),
            })
        });
        if decided.is_err() {
            // A panic may have left it half written.
            *scratch = Scratch::default();
        }
        Ok(Decision::of(decided))
    }
}

#[pymethods]
impl Evaluator {
    #[new]
    #[pyo3(signature = (graph, hash_key=None))]
    fn new(graph: &[u8], hash_key: Option<&[u8]>) -> PyResult<Self> {
        let evaluator = caught(|| CoreEvaluator::new(graph)).map_err(|panic| internal(&panic))?;
        Ok(Self {
            evaluator: evaluator.map_err(graph_error)?,
            scratch: Mutex::default(),
            hash_key: hash_key.map(KeyedHash::new),
        })
    }

    #[getter]
    fn digest(&self) -> &str {
        &self.evaluator.graph().digest
    }

    #[getter]
    fn rule_count(&self) -> usize {
        self.evaluator.graph().rules.len()
    }

    #[getter]
    fn needs_session_facts(&self) -> bool {
        self.evaluator.graph().needs_session_facts()
    }

    #[getter]
    fn has_budgets(&self) -> bool {
        !self.evaluator.graph().budgets.is_empty()
    }

    fn listing(&self) -> PyResult<String> {
        caught(|| self.evaluator.graph().listing()).map_err(|panic| internal(&panic))
    }

    #[pyo3(signature = (
        message, upstream, hints=0, *, agent=None, session=None, session_falls_back=false,
        labels=None, called=None, sender=None, metadata=None, below=None
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords in Python")]
    fn decide(
        &self,
        message: &Bound<'_, Message>,
        upstream: &str,
        hints: u8,
        agent: Option<&str>,
        session: Option<&str>,
        session_falls_back: bool,
        labels: Option<Vec<PyBackedStr>>,
        called: Option<Vec<PyBackedStr>>,
        sender: Option<&str>,
        metadata: Option<&[u8]>,
        below: Option<u32>,
    ) -> PyResult<Decision> {
        let labels = labels.unwrap_or_default();
        let called = called.unwrap_or_default();
        let labels: Vec<&str> = labels.iter().map(|label| &**label).collect();
        let called: Vec<&str> = called.iter().map(|tool| &**tool).collect();
        let metadata = metadata.map(|document| (document, metadata_tape(document)));
        let metadata = match &metadata {
            None => None,
            Some((document, Ok(tape))) => Some(tape.root(document)),
            Some((_, Err(error))) => return Err(PyValueError::new_err(error.clone())),
        };
        let facts = Facts {
            upstream,
            annotations: Annotations::new(hints),
            agent,
            session,
            session_falls_back,
            labels: &labels,
            called: &called,
            sender,
            metadata,
            hash_key: self.hash_key.as_ref(),
        };
        let message_ref = message.get();
        let bytes = message_ref.bytes(message.py());
        self.decided(message_ref.core(), bytes, &facts, below)
    }

    #[pyo3(signature = (body, upstream, hints=0))]
    fn judge(&self, body: &Bound<'_, PyBytes>, upstream: &str, hints: u8) -> PyResult<Decision> {
        let bytes = body.as_bytes();
        let message = parse(body.py(), bytes)?;
        let facts = Facts {
            upstream,
            annotations: Annotations::new(hints),
            hash_key: self.hash_key.as_ref(),
            ..Facts::default()
        };
        self.decided(&message, bytes, &facts, None)
    }

    #[pyo3(signature = (tool, upstream, hints, *, agent=None, agent_known))]
    fn may_allow(
        &self,
        tool: &str,
        upstream: &str,
        hints: Option<u8>,
        agent: Option<&str>,
        agent_known: bool,
    ) -> PyResult<bool> {
        let caller = match agent {
            _ if !agent_known => Caller::Anyone,
            None => Caller::Unnamed,
            Some(agent) => Caller::Named(agent),
        };
        let prospect = Prospect {
            tool,
            upstream,
            annotations: hints.map(Annotations::new),
            caller,
        };
        caught(|| self.evaluator.may_allow(&prospect)).map_err(|panic| internal(&panic))
    }
}

fn metadata_tape(document: &[u8]) -> Result<Tape, String> {
    caught(|| Tape::parse(document))?.map_err(|error| format!("metadata: {error}"))
}
