//! The strict envelope: what one JSON-RPC message is, found without copying it.
//!
//! Above: `evaluate` and the binding. Below: `json`. Pure. The rules are those of "The strict envelope" in
//! docs/architecture.md, on top of JSON-RPC 2.0 and MCP's `tools/call`.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;
use sha2::{Digest, Sha256};

use crate::json::{self, Kind, NodeId, ParseError, Tape, Value};

/// The most bytes of a tool's name, decoded.
pub const TOOL_NAME_LENGTH: usize = 256;

const PARSE_ERROR: i32 = -32700;
const INVALID_REQUEST: i32 = -32600;
const INVALID_PARAMS: i32 = -32602;

/// What a message is by its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// A method and an id.
    Request,
    /// A method without an id.
    Notification,
    /// A result or an error.
    Response,
}

impl MessageKind {
    /// `request`, `notification` or `response`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Notification => "notification",
            Self::Response => "response",
        }
    }
}

/// A message that the strict envelope refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// A stable word from the table in docs/architecture.md.
    pub reason: &'static str,
    /// The JSON-RPC error code that answers it.
    pub code: i32,
    /// Where the id's JSON is, when the message holds exactly one valid id as far as it was read.
    pub id: Option<Range<usize>>,
    /// A sentence for people.
    pub detail: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.reason, self.detail)
    }
}

impl std::error::Error for Malformed {}

/// One message: a tape over its bytes, and where its parts are. The methods want the bytes it was parsed
/// from.
#[derive(Clone, Debug)]
pub struct Message {
    tape: Tape,
    places: Places,
}

/// Where the parts of a message stand on its tape.
#[derive(Clone, Copy, Debug)]
struct Places {
    kind: MessageKind,
    id: Option<NodeId>,
    method: Option<NodeId>,
    tool: Option<NodeId>,
    arguments: Option<NodeId>,
    progress_token: Option<NodeId>,
}

/// A rule of the envelope that does not hold: reason, code, sentence.
type Broken = (&'static str, i32, &'static str);

impl Message {
    /// Reads one message.
    ///
    /// # Errors
    /// [`Malformed`] with the reason and code of the first rule of the table that does not hold.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let tape = Tape::parse_or_partial(bytes).map_err(|(error, partial)| Malformed {
            reason: error.reason,
            code: if error.reason == "duplicate_key" {
                INVALID_REQUEST
            } else {
                PARSE_ERROR
            },
            id: id_span(partial.root(bytes)),
            detail: format!("{error}."),
        })?;
        let root = tape.root(bytes);
        match read_envelope(root) {
            Ok(places) => Ok(Self { tape, places }),
            Err((reason, code, detail)) => {
                let id = id_span(root);
                Err(Malformed {
                    reason,
                    code,
                    id,
                    detail: detail.to_owned(),
                })
            }
        }
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> MessageKind {
        self.places.kind
    }

    fn raw<'a>(&self, id: Option<NodeId>, bytes: &'a [u8]) -> Option<&'a [u8]> {
        bytes.get(self.tape.value(bytes, id?).span())
    }

    fn text<'a>(&'a self, id: Option<NodeId>, bytes: &'a [u8]) -> Option<Cow<'a, str>> {
        self.tape.value(bytes, id?).as_str()
    }

    /// The whole message.
    #[must_use]
    pub fn root<'a>(&'a self, bytes: &'a [u8]) -> Value<'a> {
        self.tape.root(bytes)
    }

    /// The JSON of the id, as it came.
    #[must_use]
    pub fn id<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        self.raw(self.places.id, bytes)
    }

    /// The method; none for a response.
    #[must_use]
    pub fn method<'a>(&'a self, bytes: &'a [u8]) -> Option<Cow<'a, str>> {
        self.text(self.places.method, bytes)
    }

    /// Whether it is a `tools/call`.
    #[must_use]
    pub fn is_tool_call(&self) -> bool {
        self.places.tool.is_some()
    }

    /// The tool's name; none unless it is a `tools/call`.
    #[must_use]
    pub fn tool<'a>(&'a self, bytes: &'a [u8]) -> Option<Cow<'a, str>> {
        self.text(self.places.tool, bytes)
    }

    /// `params.arguments` of a `tools/call`; an empty object when they are absent or null.
    #[must_use]
    pub fn arguments<'a>(&'a self, bytes: &'a [u8]) -> Value<'a> {
        match self.places.arguments {
            Some(id) => self.tape.value(bytes, id),
            None => Value::empty_object(),
        }
    }

    /// The JSON of `params._meta.progressToken` when it is a string or a number.
    #[must_use]
    pub fn progress_token<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        self.raw(self.places.progress_token, bytes)
    }

    /// The canonical text of the arguments, see [`json::canonical`].
    #[must_use]
    pub fn canonical_arguments(&self, bytes: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        json::canonical(self.arguments(bytes), &mut text);
        text
    }

    /// The SHA-256 of the canonical text of the arguments.
    #[must_use]
    pub fn arguments_hash(&self, bytes: &[u8]) -> [u8; 32] {
        Sha256::digest(self.canonical_arguments(bytes)).into()
    }
}

/// The members of an envelope, found in one walk.
#[derive(Default)]
struct Members<'a> {
    jsonrpc: Option<Value<'a>>,
    id: Option<Value<'a>>,
    method: Option<Value<'a>>,
    params: Option<Value<'a>>,
    result: Option<Value<'a>>,
    error: Option<Value<'a>>,
}

impl<'a> Members<'a> {
    fn of(root: Value<'a>) -> Self {
        let mut found = Self::default();
        for (key, value) in root.keyed() {
            match key.text_bytes().unwrap_or_default().as_ref() {
                b"jsonrpc" => found.jsonrpc = Some(value),
                b"id" => found.id = Some(value),
                b"method" => found.method = Some(value),
                b"params" => found.params = Some(value),
                b"result" => found.result = Some(value),
                b"error" => found.error = Some(value),
                _ => {}
            }
        }
        found
    }

    fn kind(&self) -> Result<MessageKind, Broken> {
        let answers = self.result.is_some() || self.error.is_some();
        match (self.method, self.id) {
            (Some(_), _) if answers => Err(invalid(
                "invalid_request",
                "It is both a request and a response.",
            )),
            (Some(method), _) if method.kind() != Kind::String => {
                Err(invalid("invalid_method", "`method` must be a string."))
            }
            (Some(_), None) => Ok(MessageKind::Notification),
            (Some(_), Some(id)) if is_id(id) => Ok(MessageKind::Request),
            (Some(_), Some(_)) => Err(invalid(
                "invalid_id",
                "`id` must be a string or an integer literal.",
            )),
            (None, id) => self.response(id),
        }
    }

    fn response(&self, id: Option<Value<'a>>) -> Result<MessageKind, Broken> {
        match (self.result, self.error, id) {
            (Some(_), Some(_), _) => Err(invalid(
                "invalid_request",
                "It holds both a result and an error.",
            )),
            (None, None, _) => {
                let detail = "It is neither a request, a notification nor a response.";
                Err(invalid("invalid_request", detail))
            }
            (Some(_), None, None) => Err(invalid("invalid_request", "The result has no id.")),
            // What could not be read has no id to name: JSON-RPC 2.0 says null, MCP 2025-11-25 absent.
            (_, Some(_), None) => Ok(MessageKind::Response),
            (_, Some(_), Some(id)) if id.kind() == Kind::Null => Ok(MessageKind::Response),
            (_, _, Some(id)) if is_id(id) => Ok(MessageKind::Response),
            _ => Err(invalid(
                "invalid_id",
                "`id` must be a string or an integer literal.",
            )),
        }
    }
}

fn read_envelope(root: Value<'_>) -> Result<Places, Broken> {
    match root.kind() {
        Kind::Object => {}
        Kind::Array => {
            return Err(invalid(
                "batch_refused",
                "Batches are refused: send one message.",
            ));
        }
        _ => return Err(invalid("not_an_object", "A message is a JSON object.")),
    }
    let members = Members::of(root);
    if !members
        .jsonrpc
        .is_some_and(|version| version.is_text("2.0"))
    {
        return Err(invalid("invalid_version", "`jsonrpc` must be \"2.0\"."));
    }
    let mut places = Places {
        kind: members.kind()?,
        id: members.id.map(|id| id.id()),
        method: members.method.map(|method| method.id()),
        tool: None,
        arguments: None,
        progress_token: None,
    };
    if let Some(method) = members.method {
        read_params(&members, method.is_text("tools/call"), &mut places)?;
    }
    Ok(places)
}

fn read_params(members: &Members<'_>, tool_call: bool, places: &mut Places) -> Result<(), Broken> {
    if tool_call && members.id.is_none() {
        return Err(invalid("missing_id", "A `tools/call` needs an id."));
    }
    let params = match members.params {
        None if !tool_call => return Ok(()),
        Some(params) if params.kind() == Kind::Array && !tool_call => return Ok(()),
        Some(params) if params.kind() == Kind::Object => params,
        _ if tool_call => {
            return Err(invalid_params(
                "invalid_params",
                "`params` must be an object.",
            ));
        }
        _ => {
            let detail = "`params` must be an object or an array.";
            return Err(invalid_params("invalid_params", detail));
        }
    };
    places.progress_token = params
        .get("_meta")
        .and_then(|meta| meta.get("progressToken"))
        .filter(|token| matches!(token.kind(), Kind::String | Kind::Number))
        .map(|token| token.id());
    if tool_call {
        places.tool = Some(read_tool_name(params)?);
        places.arguments = read_arguments(params)?;
    }
    Ok(())
}

fn read_tool_name(params: Value<'_>) -> Result<NodeId, Broken> {
    let name = params.get("name").ok_or(invalid_params(
        "missing_tool_name",
        "`params.name` is missing.",
    ))?;
    let refuse = |detail| Err(invalid_params("invalid_tool_name", detail));
    match name.as_str() {
        None => refuse("`params.name` must be a string."),
        Some(text) if text.is_empty() => refuse("`params.name` is empty."),
        Some(text) if text.len() > TOOL_NAME_LENGTH => refuse("`params.name` is over 256 bytes."),
        Some(text) if has_invisible(&text) => {
            refuse("`params.name` holds a control or invisible character.")
        }
        Some(_) => Ok(name.id()),
    }
}

/// Null arguments are absent ones.
fn read_arguments(params: Value<'_>) -> Result<Option<NodeId>, Broken> {
    let Some(arguments) = params.get("arguments") else {
        return Ok(None);
    };
    match arguments.kind() {
        Kind::Object => Ok(Some(arguments.id())),
        Kind::Null => Ok(None),
        _ => Err(invalid_params(
            "invalid_arguments",
            "`params.arguments` must be an object.",
        )),
    }
}

/// Whether a text holds a character of the Unicode categories Cc, Cf, Zl or Zp: controls, bidirectional
/// and other format characters, line and paragraph separators.
fn has_invisible(text: &str) -> bool {
    static INVISIBLE: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]").ok());
    if text.bytes().all(|byte| matches!(byte, 0x20..0x7F)) {
        return false;
    }
    // Were the pattern wrong, every name beyond ASCII would be refused.
    INVISIBLE
        .as_ref()
        .is_none_or(|invisible| invisible.is_match(text))
}

fn is_id(id: Value<'_>) -> bool {
    id.kind() == Kind::String || id.is_integer()
}

/// The place of the id for an error answer: when there is exactly one member `id`, case aside, and it is
/// valid.
fn id_span(root: Value<'_>) -> Option<Range<usize>> {
    let mut ids = root.members().filter(|(key, _)| json::fold(key) == "id");
    let (key, id) = ids.next()?;
    (key == "id" && is_id(id) && ids.next().is_none()).then(|| id.span())
}

fn invalid(reason: &'static str, detail: &'static str) -> Broken {
    (reason, INVALID_REQUEST, detail)
}

fn invalid_params(reason: &'static str, detail: &'static str) -> Broken {
    (reason, INVALID_PARAMS, detail)
}

/// What a message from an upstream says, for the audit and for the conditions on earlier calls.
/// The methods want the bytes it was read from.
#[derive(Clone, Debug)]
pub struct Answer {
    tape: Tape,
    /// What it is by its members.
    pub kind: MessageKind,
    /// Where the JSON of its id is.
    pub id: Option<Range<usize>>,
    /// The method of a request or notification.
    pub method: Option<String>,
    /// `error.code`, where it is an integer of 64 bits.
    pub error_code: Option<i64>,
    /// `error.message`, where it is a string.
    pub error_message: Option<String>,
    /// Whether `result.isError` is true.
    pub is_error: bool,
}

impl Answer {
    /// Reads what an upstream sent. It is laxer than [`Message::parse`], for the agent judges the answer: any
    /// object that holds a method, a result or an error is one.
    ///
    /// # Errors
    /// [`ParseError`] when it is not JSON or no such object (`not_an_answer`).
    pub fn inspect(bytes: &[u8]) -> Result<Self, ParseError> {
        let tape = Tape::parse_lenient(bytes)?;
        let members = Members::of(tape.root(bytes));
        let kind = match (members.method, members.id) {
            (Some(_), Some(_)) => MessageKind::Request,
            (Some(_), None) => MessageKind::Notification,
            (None, _) if members.result.is_some() || members.error.is_some() => {
                MessageKind::Response
            }
            (None, _) => {
                let detail = "neither a method nor a result nor an error";
                return Err(ParseError {
                    reason: "not_an_answer",
                    at: 0,
                    detail,
                });
            }
        };
        let of_error = |key| members.error.and_then(|error| error.get_last(key));
        let text = |value: Value<'_>| value.as_str().map(Cow::into_owned);
        Ok(Self {
            kind,
            id: members.id.map(|id| id.span()),
            method: members.method.and_then(text),
            error_code: of_error("code")
                .and_then(|code| code.number_text())
                .and_then(|code| code.parse().ok()),
            error_message: of_error("message").and_then(text),
            is_error: members
                .result
                .and_then(|result| result.get_last("isError"))
                .and_then(|flag| flag.as_bool())
                .unwrap_or(false),
            tape,
        })
    }

    /// The whole message.
    #[must_use]
    pub fn root<'a>(&'a self, bytes: &'a [u8]) -> Value<'a> {
        self.tape.root(bytes)
    }
}
