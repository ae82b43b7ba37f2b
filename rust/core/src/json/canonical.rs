//! The canonical text of a value: one text for all texts that mean the same. Above: `json`. Pure.

use super::{Kind, ParseError, Tape, Value};
use crate::number;

/// The canonical text of a whole text, whose keys may differ by case only.
///
/// # Errors
/// Those of [`Tape::parse_case_sensitive`].
pub fn canonical_text(bytes: &[u8]) -> Result<Vec<u8>, ParseError> {
    let tape = Tape::parse_case_sensitive(bytes)?;
    let mut text = Vec::with_capacity(bytes.len());
    canonical(tape.root(bytes), &mut text);
    Ok(text)
}

/// Appends the canonical text of a value.
///
/// No spaces; keys in the order of their code points; numbers by [`number::canonical`]; in strings only
/// `"`, `\` and control characters are escaped, as `\b \f \n \r \t` or else `\u00xx` in lower case.
pub fn canonical(value: Value<'_>, out: &mut Vec<u8>) {
    match value.kind() {
        Kind::Null | Kind::Bool => out.extend_from_slice(value.raw()),
        Kind::Number => write_number(value, out),
        Kind::String => write_text(value, out),
        Kind::Array => {
            out.push(b'[');
            for (index, element) in value.elements().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                canonical(element, out);
            }
            out.push(b']');
        }
        Kind::Object => {
            // UTF-8 sorts as its code points do.
            let mut members: Vec<_> = value
                .keyed()
                .map(|(key, member)| (key.text_bytes().unwrap_or_default(), key, member))
                .collect();
            members.sort_unstable_by(|(left, ..), (right, ..)| left.cmp(right));
            out.push(b'{');
            for (index, (_, key, member)) in members.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_text(key, out);
                out.push(b':');
                canonical(member, out);
            }
            out.push(b'}');
        }
    }
}

/// Most numbers are short integers, which are canonical as they are.
fn write_number(value: Value<'_>, out: &mut Vec<u8>) {
    if value.is_integer() && value.raw().len() <= 18 && value.raw() != b"-0" {
        out.extend_from_slice(value.raw());
        return;
    }
    let lexeme = value.number_text().unwrap_or_default();
    out.extend_from_slice(number::canonical(lexeme).as_bytes());
}

/// A string without escapes holds nothing that needs one.
fn write_text(value: Value<'_>, out: &mut Vec<u8>) {
    if value.is_plain() {
        out.extend_from_slice(value.raw());
    } else {
        write_string(&value.as_str().unwrap_or_default(), out);
    }
}

/// Appends a text as a JSON string, quoted, with the escapes that [`canonical`] uses.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0C => out.extend_from_slice(b"\\f"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x00..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// A text as it stands between the quotes of a JSON string, see [`write_string`].
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut quoted = Vec::with_capacity(text.len() + 2);
    write_string(text, &mut quoted);
    let inside = quoted.get(1..quoted.len() - 1).unwrap_or_default();
    String::from_utf8_lossy(inside).into_owned()
}
