//! Normalised paths as people write them: `$['order']['items'][0]` is `$.order.items[0]`.
//!
//! Above: `verify`. Below: nothing. Pure.

/// The readable text of a normalised path.
pub(super) fn readable(normalized: &str) -> String {
    let mut text = String::with_capacity(normalized.len());
    let mut rest = normalized;
    while let Some(place) = rest.find("['") {
        let (before, bracket) = rest.split_at(place);
        text.push_str(before);
        let end = bracket_end(bracket);
        let (bracket, after) = bracket.split_at(end);
        match bracket
            .strip_prefix("['")
            .and_then(|name| name.strip_suffix("']"))
        {
            Some(name) if is_shorthand(name) => {
                // After `..` a name follows without another dot.
                text.push_str(if text.ends_with("..") { "" } else { "." });
                text.push_str(name);
            }
            _ => text.push_str(bracket),
        }
        rest = after;
    }
    text.push_str(rest);
    text
}

/// Where the bracket that opens the text is closed, outside of quotes.
fn bracket_end(bracket: &str) -> usize {
    let mut quoted = false;
    let mut escaped = false;
    for (place, character) in bracket.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\'' => quoted = !quoted,
            ']' if !quoted => return place + 1,
            _ => {}
        }
    }
    bracket.len()
}

/// Whether a name may stand after a dot: the ASCII part of RFC 9535's `member-name-shorthand`.
fn is_shorthand(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name
            .chars()
            .all(|each| each.is_ascii_alphanumeric() || each == '_')
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn names_get_dots() {
        assert_eq!(readable("$"), "$");
        assert_eq!(
            readable("$['order']['items'][0]['price']"),
            "$.order.items[0].price"
        );
        assert_eq!(readable("$..['price']"), "$..price");
        assert_eq!(readable("$[*]..[0]"), "$[*]..[0]");
    }

    #[test]
    fn odd_names_keep_their_quotes() {
        for odd in [
            "$['a b']",
            "$['']",
            "$['1a']",
            "$['a','b']",
            r"$['it\'s [\'x\'] y']",
            "$['é']",
        ] {
            assert_eq!(readable(odd), odd);
        }
    }
}
