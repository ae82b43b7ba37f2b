//! The strict envelope: each row of its table, and what is read from what passes.

use helio_core::call::{Answer, Malformed, Message, MessageKind};

fn refusal(text: &str) -> (&'static str, i32, Option<&str>) {
    let Malformed {
        reason,
        code,
        id,
        detail,
    } = Message::parse(text.as_bytes()).unwrap_err();
    assert!(detail.ends_with('.'), "{detail}");
    (reason, code, id.map(|span| &text[span]))
}

/// A `tools/call` with these params.
fn call(params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{params}}}"#)
}

#[test]
fn what_is_not_strict_json() {
    let deep = format!(
        r#"{{"id":"a","x":{}1{}}}"#,
        "[".repeat(128),
        "]".repeat(128)
    );
    let long = format!(r#"{{"id":3,"x":{}}}"#, "1".repeat(401));
    let cases = [
        ("", "parse_error", -32700, None),
        (r#"{"id":5,"method":NaN}"#, "parse_error", -32700, Some("5")),
        (r#"{"id":5"#, "parse_error", -32700, Some("5")),
        (r#"{"id":5}{"#, "parse_error", -32700, Some("5")),
        (r#"{"id":"\ud800"}"#, "parse_error", -32700, None),
        (deep.as_str(), "too_deep", -32700, Some("\"a\"")),
        (long.as_str(), "number_too_long", -32700, Some("3")),
        (
            r#"{"id":1,"params":{"name":"ok","name":"bad"}}"#,
            "duplicate_key",
            -32600,
            Some("1"),
        ),
        (
            r#"{"id":1,"params":{"name":"ok","Name":"bad"}}"#,
            "duplicate_key",
            -32600,
            Some("1"),
        ),
        (
            r#"{"id":1,"params":{"a":[{"b":{"k":1,"\u212a":1}}]}}"#,
            "duplicate_key",
            -32600,
            Some("1"),
        ),
        (
            r#"{"id":1,"method":"x","METHOD":"y"}"#,
            "duplicate_key",
            -32600,
            Some("1"),
        ),
        (r#"{"id":1,"id":2}"#, "duplicate_key", -32600, None),
        (r#"{"id":1,"ID":2}"#, "duplicate_key", -32600, None),
        (
            r#"{"params":{"id":1,"id":2},"id":3}"#,
            "duplicate_key",
            -32600,
            None,
        ),
    ];
    for (text, reason, code, id) in cases {
        assert_eq!(refusal(text), (reason, code, id), "{text}");
    }
}

#[test]
fn what_is_no_message() {
    let cases = [
        ("[]", "batch_refused", None),
        (
            r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#,
            "batch_refused",
            None,
        ),
        ("[[]]", "batch_refused", None),
        ("\"x\"", "not_an_object", None),
        ("1", "not_an_object", None),
        ("null", "not_an_object", None),
        ("{}", "invalid_version", None),
        (
            r#"{"jsonrpc":2.0,"id":1,"method":"x"}"#,
            "invalid_version",
            Some("1"),
        ),
        (
            r#"{"jsonrpc":"1.0","id":1,"method":"x"}"#,
            "invalid_version",
            Some("1"),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":1}"#,
            "invalid_method",
            Some("1"),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":null}"#,
            "invalid_method",
            Some("1"),
        ),
        (r#"{"jsonrpc":"2.0","id":1}"#, "invalid_request", Some("1")),
        (
            r#"{"jsonrpc":"2.0","Id":1,"Method":"tools/call"}"#,
            "invalid_request",
            None,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"x","result":{}}"#,
            "invalid_request",
            Some("1"),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"x","error":{}}"#,
            "invalid_request",
            Some("1"),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#,
            "invalid_request",
            Some("1"),
        ),
        (r#"{"jsonrpc":"2.0","result":{}}"#, "invalid_request", None),
        (
            r#"{"jsonrpc":"2.0","id":null,"result":{}}"#,
            "invalid_id",
            None,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1.5,"error":{}}"#,
            "invalid_id",
            None,
        ),
    ];
    for (text, reason, id) in cases {
        assert_eq!(refusal(text), (reason, -32600, id), "{text}");
    }
}

#[test]
fn ids() {
    for id in [
        "null", "true", "false", "1.0", "1e2", "-1.5", "{}", "[]", "[1]", "1E0",
    ] {
        for method in ["tools/call", "ping", "notifications/initialized"] {
            let text =
                format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{}}}}"#);
            assert_eq!(refusal(&text), ("invalid_id", -32600, None), "{text}");
        }
    }
    for id in [
        "0",
        "-0",
        "1",
        "-1",
        "9007199254740993",
        "123456789012345678901234567890",
        "\"\"",
        "\"\\u0061\"",
    ] {
        let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        let message = Message::parse(text.as_bytes()).unwrap();
        assert_eq!(message.id(text.as_bytes()), Some(id.as_bytes()));
        assert_eq!(message.kind(), MessageKind::Request);
    }
}

#[test]
fn what_is_no_tools_call() {
    let without_id = r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a"}}"#;
    assert_eq!(refusal(without_id), ("missing_id", -32600, None));
    let escaped = r#"{"jsonrpc":"2.0","method":"tools\/c\u0061ll","params":{"name":"a"}}"#;
    assert_eq!(refusal(escaped), ("missing_id", -32600, None));
    let without_params = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call"}"#;
    assert_eq!(
        refusal(without_params),
        ("invalid_params", -32602, Some("7"))
    );
    let long = format!("{{\"name\":\"{}\"}}", "a".repeat(257));
    let long_bytes = format!("{{\"name\":\"{}\"}}", "\u{e9}".repeat(129));
    let cases = [
        ("[]", "invalid_params"),
        ("null", "invalid_params"),
        ("\"x\"", "invalid_params"),
        ("1", "invalid_params"),
        ("{}", "missing_tool_name"),
        (r#"{"Name":"a"}"#, "missing_tool_name"),
        (r#"{"name":null}"#, "invalid_tool_name"),
        (r#"{"name":1}"#, "invalid_tool_name"),
        (r#"{"name":["a"]}"#, "invalid_tool_name"),
        (r#"{"name":""}"#, "invalid_tool_name"),
        (long.as_str(), "invalid_tool_name"),
        (long_bytes.as_str(), "invalid_tool_name"),
        (r#"{"name":"a","arguments":[]}"#, "invalid_arguments"),
        (r#"{"name":"a","arguments":"{}"}"#, "invalid_arguments"),
        (r#"{"name":"a","arguments":0}"#, "invalid_arguments"),
        (r#"{"name":"a","arguments":false}"#, "invalid_arguments"),
    ];
    for (params, reason) in cases {
        assert_eq!(
            refusal(&call(params)),
            (reason, -32602, Some("7")),
            "{params}"
        );
    }
}

#[test]
fn names_with_invisible_characters_are_refused() {
    let invisible = [
        '\0',
        '\u{1}',
        '\n',
        '\u{1f}',
        '\u{7f}',
        '\u{80}',
        '\u{9f}',
        '\u{ad}',
        '\u{61c}',
        '\u{200b}',
        '\u{200d}',
        '\u{200e}',
        '\u{202a}',
        '\u{202e}',
        '\u{2028}',
        '\u{2029}',
        '\u{2060}',
        '\u{2066}',
        '\u{2069}',
        '\u{feff}',
        '\u{fff9}',
        '\u{e0001}',
        '\u{e0061}',
    ];
    for character in invisible {
        let written = format!("\\u{:04x}", u32::from(character));
        let raw = if u32::from(character) < 0x20 || u32::from(character) > 0xFFFF {
            character.to_string()
        } else {
            written
        };
        if u32::from(character) >= 0x20 {
            let text = call(&format!("{{\"name\":\"pay{character}ment\"}}"));
            assert_eq!(refusal(&text).0, "invalid_tool_name", "{character:?}");
        }
        if raw.starts_with('\\') {
            let text = call(&format!("{{\"name\":\"pay{raw}ment\"}}"));
            assert_eq!(refusal(&text).0, "invalid_tool_name", "{character:?}");
        }
    }
    for name in [
        "create payment",
        "Zahlung_\u{e4}ndern",
        "\u{652f}\u{6255}",
        "a/b.c-d_e",
        "\u{1f4b0}",
    ] {
        let text = call(&format!("{{\"name\":\"{name}\"}}"));
        let message = Message::parse(text.as_bytes()).unwrap();
        assert_eq!(message.tool(text.as_bytes()).as_deref(), Some(name));
    }
}

#[test]
fn what_a_call_holds() {
    let text = call(
        r#"{"name":"p\u0061y","arguments":{"b":1.50,"a":"\u0041"},"_meta":{"progressToken":"t1"}}"#,
    );
    let bytes = text.as_bytes();
    let message = Message::parse(bytes).unwrap();
    assert!(message.is_tool_call());
    assert_eq!(message.kind(), MessageKind::Request);
    assert_eq!(message.method(bytes).as_deref(), Some("tools/call"));
    assert_eq!(message.id(bytes), Some(&b"7"[..]));
    assert_eq!(message.tool(bytes).as_deref(), Some("pay"));
    assert_eq!(
        message.arguments(bytes).raw(),
        br#"{"b":1.50,"a":"\u0041"}"#
    );
    assert_eq!(message.progress_token(bytes), Some(&b"\"t1\""[..]));
    assert_eq!(message.canonical_arguments(bytes), br#"{"a":"A","b":1.5}"#);
    let other = call(r#"{"arguments":{ "a":"A", "b":15e-1},"name":"other"}"#);
    let same = Message::parse(other.as_bytes()).unwrap();
    assert_eq!(
        same.arguments_hash(other.as_bytes()),
        message.arguments_hash(bytes)
    );
}

#[test]
fn absent_arguments_are_an_empty_object() {
    // echo -n '{}' | sha256sum
    const EMPTY: &str = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    for params in [
        r#"{"name":"a"}"#,
        r#"{"name":"a","arguments":null}"#,
        r#"{"name":"a","arguments":{ }}"#,
    ] {
        let text = call(params);
        let message = Message::parse(text.as_bytes()).unwrap();
        assert_eq!(message.arguments(text.as_bytes()).len(), 0);
        let hash = message.arguments_hash(text.as_bytes());
        assert_eq!(
            hash.iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>(),
            EMPTY
        );
    }
}

#[test]
fn progress_tokens() {
    let cases = [
        (r#"{"_meta":{"progressToken":12}}"#, Some("12")),
        (
            r#"{"_meta":{"progressToken":"\u0061"}}"#,
            Some("\"\\u0061\""),
        ),
        (r#"{"_meta":{"progressToken":null}}"#, None),
        (r#"{"_meta":{"progressToken":{}}}"#, None),
        (r#"{"_meta":[]}"#, None),
        (r#"{"progressToken":1}"#, None),
    ];
    for (params, expected) in cases {
        let text =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{params}}}"#);
        let message = Message::parse(text.as_bytes()).unwrap();
        assert_eq!(
            message.progress_token(text.as_bytes()),
            expected.map(str::as_bytes),
            "{params}"
        );
        assert_eq!(
            (message.is_tool_call(), message.tool(text.as_bytes())),
            (false, None)
        );
    }
}

#[test]
fn other_messages() {
    let cases = [
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"x"}"#,
            MessageKind::Request,
            "request",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"x","params":[1]}"#,
            MessageKind::Request,
            "request",
        ),
        (
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
            MessageKind::Notification,
            "notification",
        ),
        (
            r#"{"jsonrpc":"2.0","id":"a","result":null}"#,
            MessageKind::Response,
            "response",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":""}}"#,
            MessageKind::Response,
            "response",
        ),
        (
            r#"{"jsonrpc":"2.0","id":null,"error":{}}"#,
            MessageKind::Response,
            "response",
        ),
        (
            r#"{"jsonrpc":"2.0","error":{}}"#,
            MessageKind::Response,
            "response",
        ),
    ];
    for (text, kind, name) in cases {
        let message = Message::parse(text.as_bytes()).unwrap();
        assert_eq!(
            (message.kind(), message.kind().as_str()),
            (kind, name),
            "{text}"
        );
    }
    for params in ["null", "1", "\"x\"", "true"] {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{params}}}"#);
        assert_eq!(refusal(&text), ("invalid_params", -32602, Some("1")));
    }
}

#[test]
fn what_an_upstream_answers() {
    let text = r#"{"jsonrpc":"2.0","id":"q","result":{"isError":true,"content":[]}}"#;
    let answer = Answer::inspect(text.as_bytes()).unwrap();
    assert_eq!(answer.kind, MessageKind::Response);
    assert_eq!(answer.id.map(|span| &text[span]), Some("\"q\""));
    assert!(answer.is_error);
    for result in [
        r#"{"isError":false}"#,
        r#"{"isError":"true"}"#,
        r#"{"isError":1}"#,
        "{}",
        "null",
        "[true]",
    ] {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#);
        assert!(
            !Answer::inspect(text.as_bytes()).unwrap().is_error,
            "{result}"
        );
    }
    let text = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"n\u00f6"}}"#;
    let answer = Answer::inspect(text.as_bytes()).unwrap();
    assert_eq!(
        (answer.error_code, answer.error_message.as_deref()),
        (Some(-32602), Some("n\u{f6}"))
    );
    let text = r#"{"jsonrpc":"2.0","error":{"code":1.5,"message":7}}"#;
    let answer = Answer::inspect(text.as_bytes()).unwrap();
    assert_eq!(
        (answer.id, answer.error_code, answer.error_message),
        (None, None, None)
    );
    let text = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{}}"#;
    let answer = Answer::inspect(text.as_bytes()).unwrap();
    assert_eq!(
        (answer.kind, answer.method.as_deref()),
        (MessageKind::Notification, Some("notifications/progress"))
    );
    let text = r#"{"jsonrpc":"2.0","id":4,"method":"sampling/createMessage"}"#;
    assert_eq!(
        Answer::inspect(text.as_bytes()).unwrap().kind,
        MessageKind::Request
    );
    for (text, reason) in [
        ("{}", "not_an_answer"),
        ("[]", "not_an_answer"),
        ("1", "not_an_answer"),
        ("{", "parse_error"),
        (r#"{"result":{"a":1,}}"#, "parse_error"),
    ] {
        assert_eq!(
            Answer::inspect(text.as_bytes()).unwrap_err().reason,
            reason,
            "{text}"
        );
    }
}

#[test]
fn an_answer_may_hold_what_a_message_may_not() {
    let deep = format!("{}1{}", "[".repeat(500), "]".repeat(500));
    let long = "9".repeat(1000);
    for payload in [r#"{"a":1,"A":2,"a":3}"#, r#""\ud800""#, &deep, &long] {
        let text =
            format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"isError":true,"x":{payload}}}}}"#);
        assert!(Message::parse(text.as_bytes()).is_err(), "{payload}");
        assert!(
            Answer::inspect(text.as_bytes()).unwrap().is_error,
            "{payload}"
        );
    }
    let too_deep = format!(r#"{{"result":{}}}"#, "[".repeat(5000));
    assert_eq!(
        Answer::inspect(too_deep.as_bytes()).unwrap_err().reason,
        "too_deep"
    );
}
