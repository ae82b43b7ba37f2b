use super::{Node, Span, Value, read};

fn span(line: u32, column: u32, end_line: u32, end_column: u32) -> Span {
    Span {
        line,
        column,
        end_line,
        end_column,
    }
}

fn spans(text: &str) -> Vec<Span> {
    let nodes = read(text).expect("a plain document").nodes;
    nodes
        .into_iter()
        .map(|node| match node {
            Node::Scalar(scalar) => scalar.span,
            Node::Sequence { span, .. } | Node::Mapping { span, .. } => span,
        })
        .collect()
}

fn values(text: &str) -> Vec<Value> {
    let nodes = read(text).expect("a plain document").nodes;
    nodes
        .into_iter()
        .filter_map(|node| match node {
            Node::Scalar(scalar) => Some(scalar.value),
            _ => None,
        })
        .collect()
}

#[test]
fn parts_come_before_what_they_are_parts_of() {
    let document = read("a: [1, x]\nb: {a: }\n").unwrap();
    assert_eq!(document.keys, ["a", "b"]);
    let counts: Vec<usize> = document
        .nodes
        .iter()
        .map(|node| match node {
            Node::Scalar(_) => 0,
            Node::Sequence { items, .. } => 10 + items,
            Node::Mapping { entries, .. } => 20 + entries,
        })
        .collect();
    assert_eq!(counts, [0, 0, 0, 12, 0, 0, 0, 21, 22]);
}

#[test]
fn a_block_ends_with_its_last_part() {
    assert_eq!(
        spans("é: 'b'\nc:\n  - d # e\n\n\n"),
        [
            span(1, 1, 1, 2),
            span(1, 4, 1, 7),
            span(2, 1, 2, 2),
            span(3, 5, 3, 6),
            span(3, 3, 3, 6),
            span(1, 1, 3, 6),
        ]
    );
}

#[test]
fn plain_scalars_mean_what_json_means() {
    assert_eq!(
        values("[null, ~, true, yes, -1.5e3, 1h, 10.0.0.1, 'true', \"1\"]"),
        [
            Value::Null,
            Value::Null,
            Value::Boolean(true),
            Value::Text("yes".into()),
            Value::Number("-1.5e3".into()),
            Value::Text("1h".into()),
            Value::Text("10.0.0.1".into()),
            Value::Text("true".into()),
            Value::Text("1".into()),
        ]
    );
}

#[test]
fn what_is_not_plain_is_left_to_the_reader() {
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    let large = format!("a: {}\n", "b".repeat(4 * 1024 * 1024));
    let long = format!("{}: 1\n", "é".repeat(600));
    for text in [
        "",
        "# nothing\n",
        "a: [\n",
        "a: &b 1\n",
        "a: !b 1\n",
        "[!b,]",
        "[?a]",
        "[a: b]",
        "<<: {}\n",
        "a: 1\na: 2\n",
        "1: a\n",
        "~: a\n",
        "[a]: b\n",
        "? {a: b}\n: c\n",
        "a: 0x10\n",
        "a: 1_000\n",
        "a: 01\n",
        "a: .inf\n",
        "a: 1e1234567890123456789\n",
        "a: 1\n---\nb: 2\n",
        "%YAML 1.1\n---\na: 1\n",
        "a: |\n b",
        "a: \"\\",
        "a: 1\u{2028}b: 2\n",
        "\u{feff}a: 1\n",
        "a: \u{7}\n",
        &deep,
        &large,
        &long,
    ] {
        assert_eq!(read(text), None, "{text:.40}");
    }
}

#[test]
fn the_caps_are_met_from_below() {
    let deep = format!("{}{}", "[".repeat(64), "]".repeat(64));
    assert_eq!(read(&deep).unwrap().nodes.len(), 64);
    let number = "1".repeat(400);
    assert_eq!(values(&number), [Value::Number(number)]);
    assert_eq!(read(&"1".repeat(401)), None);
}

#[test]
fn secrets_stand_below_secret_keys_and_in_addresses() {
    let text = "a: [s://x, {k: [1, {b: 2}], c: 3}]\nk: 4\nb: {}\ns://x: {k: {}}\n";
    let document = read(text).unwrap();
    let secrets = document.secrets(
        &document
            .keys
            .iter()
            .map(|key| key == "k")
            .collect::<Vec<_>>(),
        |text| text.starts_with("s://"),
    );
    assert_eq!(
        secrets,
        [
            span(1, 5, 1, 10),
            span(1, 17, 1, 18),
            span(1, 24, 1, 25),
            span(4, 1, 4, 6),
            span(2, 4, 2, 5),
        ]
    );
    assert_eq!(document.secrets(&[], |_| false), []);
}
