//! Limits into demands: which window, and how much. "Counting" in docs/architecture.md.
//!
//! Above: `walk`, `budget`. Below: `graph`, `number`, `outcome`. Pure.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::{Call, Facts};
use crate::graph::{KeyPart, Limit};
use crate::json::{Kind, Value};
use crate::number::Amount;
use crate::outcome::{Cause, Demand};
use crate::path::Path;

/// The most characters of what a fault found.
const FOUND_LENGTH: usize = 80;

/// Computes one call's demands.
pub(super) struct Demands<'a> {
    call: &'a Call<'a>,
    facts: &'a Facts<'a>,
    /// The hash of the arguments in hex, once a key has asked for it.
    arguments_hash: Option<String>,
}

impl<'a> Demands<'a> {
    pub(super) fn new(call: &'a Call<'a>, facts: &'a Facts<'a>) -> Self {
        Self {
            call,
            facts,
            arguments_hash: None,
        }
    }

    /// The demand of a limit of the rule at `rule` in the file. The key is looked at before the amount.
    pub(super) fn of(&mut self, limit: &Limit, rule: u32, enforced: bool) -> Result<Demand, Cause> {
        let key = self.key(&limit.key)?;
        let amount = match &limit.field {
            None => Amount::from(1),
            Some((path, text)) => self.amount(path, text)?,
        };
        Ok(Demand {
            limit: limit.id.clone(),
            rule,
            kind: limit.kind,
            key,
            amount,
            maximum: limit.maximum,
            window_ms: limit.window_ms,
            currency: limit.currency.clone(),
            enforced,
        })
    }

    /// The text of a key by these parts.
    pub(super) fn key(&mut self, parts: &[KeyPart]) -> Result<Arc<str>, Cause> {
        let mut text = String::with_capacity(64);
        for (place, part) in parts.iter().enumerate() {
            if place > 0 {
                text.push('|');
            }
            self.write_part(*part, &mut text)?;
        }
        Ok(text.into())
    }

    /// The amount at a path, of which `text` is the readable form.
    pub(super) fn amount(&self, path: &Path, text: &Arc<str>) -> Result<Amount, Cause> {
        amount_at(path, self.call.arguments).map_err(|found| Cause::InvalidAmount {
            field: text.clone(),
            found,
        })
    }

    fn write_part(&mut self, part: KeyPart, text: &mut String) -> Result<(), Cause> {
        let Facts {
            upstream,
            agent,
            session,
            sender,
            session_falls_back,
            ..
        } = *self.facts;
        let (part, name) = match (part, session) {
            (KeyPart::Session, None) if session_falls_back && agent.is_some() => {
                (KeyPart::Agent, KeyPart::Agent.as_str())
            }
            _ => (part, part.as_str()),
        };
        let unresolved = Cause::SessionUnresolved { key: name };
        text.push_str(name);
        text.push('=');
        match part {
            KeyPart::Session => push_encoded(session.ok_or(unresolved)?, text),
            KeyPart::Agent => push_encoded(agent.ok_or(unresolved)?, text),
            KeyPart::SenderId => push_encoded(sender.ok_or(unresolved)?, text),
            KeyPart::Upstream => push_encoded(upstream, text),
            KeyPart::Global => {}
            KeyPart::Tool | KeyPart::Call => {
                push_encoded(upstream, text);
                text.push('/');
                push_encoded(&self.call.tool, text);
            }
        }
        if part == KeyPart::Call {
            text.push('/');
            text.push_str(self.arguments_hash());
        }
        Ok(())
    }

    fn arguments_hash(&mut self) -> &str {
        let Call { message, bytes, .. } = self.call;
        self.arguments_hash.get_or_insert_with(|| {
            if let Some(key) = self.facts.hash_key {
                return key.hex(&message.canonical_arguments(bytes), 32);
            }
            let mut hex = String::with_capacity(64);
            for byte in message.arguments_hash(bytes) {
                // Writing to a `String` cannot fail.
                let _ = write!(hex, "{byte:02x}");
            }
            hex
        })
    }
}

/// Percent-encodes what has a meaning in keys, so that different parts never make one text.
fn push_encoded(value: &str, text: &mut String) {
    for character in value.chars() {
        match character {
            '%' => text.push_str("%25"),
            '|' => text.push_str("%7C"),
            '=' => text.push_str("%3D"),
            plain => text.push(plain),
        }
    }
}

/// The one amount that a path selects, or what is there instead.
fn amount_at(path: &Path, arguments: Value<'_>) -> Result<Amount, String> {
    let mut first = None;
    let mut count = 0_usize;
    let _ = path.visit(arguments, &mut |value| {
        count += 1;
        first.get_or_insert(value);
        ControlFlow::Continue(())
    });
    match (first, count) {
        (None, _) => Err("nothing".to_owned()),
        (Some(value), 1) => value
            .number_text()
            .and_then(|text| Amount::parse(text).ok())
            .ok_or_else(|| found(value)),
        (Some(_), count) => Err(format!("{count} values")),
    }
}

/// A value in at most [`FOUND_LENGTH`] characters: scalars as they came, strings and containers named.
pub(super) fn found(value: Value<'_>) -> String {
    let raw = String::from_utf8_lossy(value.raw());
    let text: Cow<'_, str> = match value.kind() {
        Kind::String => format!("string {raw}").into(),
        Kind::Array | Kind::Object => value.kind().to_string().into(),
        Kind::Null | Kind::Bool | Kind::Number => raw,
    };
    text.chars().take(FOUND_LENGTH).collect()
}
