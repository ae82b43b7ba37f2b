//! The built-in detectors: for each what it finds, and what it must leave.

use helio_core::redact::{Place, Redactor};

fn found(detector: &str, text: &str) -> Option<String> {
    let rules = format!(r#"[{{"detect":["{detector}"],"action":"mask"}}]"#);
    let redactor = Redactor::new(rules.as_bytes(), b"key", &[]).unwrap();
    let redacted = redactor.text(None, text)?;
    assert_eq!(redactor.text(None, &redacted), None, "{redacted}");
    Some(redacted)
}

/// The text with what was hidden written as `#`.
fn outline(detector: &str, text: &str) -> String {
    let mut redacted = found(detector, text).unwrap_or_else(|| text.to_owned());
    while let Some(start) = redacted.find("[redacted:") {
        redacted.replace_range(start..start + "[redacted:0123456789abcdef]".len(), "#");
    }
    redacted
}

#[test]
fn card_numbers_of_all_networks_are_found() {
    for number in [
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4222222222222",
        "378282246310005",
        "3782 822463 10005",
        "30569309025904",
        "6011111111111117",
        "3530111333300000",
        "5555555555554444",
        "2223003122003222",
        "6200000000000005",
        "6304000000000000",
        "2200000000000004",
    ] {
        assert_eq!(
            outline("cards", &format!("card {number}, thanks")),
            "card #, thanks"
        );
        assert_eq!(outline("cards", number), "#");
    }
    assert_eq!(
        outline(
            "cards",
            "order 12345 4111 1111 1111 1111 and 5555555555554444."
        ),
        "order 12345 # and #."
    );
}

#[test]
fn one_card_has_one_mark_however_it_is_written() {
    let marks = [
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
    ]
    .map(|text| found("cards", text).unwrap());
    assert!(marks.iter().all(|mark| *mark == marks[0]), "{marks:?}");
    let rules = br#"[{"detect":["cards"],"action":"mask"}]"#;
    let redactor = Redactor::new(rules, b"key", &[]).unwrap();
    let numbers = b"[4111111111111111,4.111111111111111e15]";
    let numbers = redactor
        .document(Place::Arguments, None, numbers)
        .unwrap()
        .unwrap();
    let expected = format!(r#"["{0}","{0}"]"#, marks[0]);
    assert_eq!(String::from_utf8(numbers).unwrap(), expected);
}

#[test]
fn other_digits_are_no_cards() {
    for text in [
        "4111111111111112",
        "1111111111111117",
        "411111111111",
        "41111111111111111111",
        "0.4111111111111111",
        "4111.1111.1111.1111",
        "4111  1111 1111 1111",
        "4111 1111-1111 1111",
        "1763872049123",
        "1763872049123456",
        "2026-11-23 04:28:17",
        "+44 20 7946 0958",
        "1 2 3 4 5 6 7 8 9 10 11 12 13",
        "00000000-0000-4000-8000-000000000000",
    ] {
        assert_eq!(found("cards", text), None, "{text}");
    }
}

const JWT: &str = concat!(
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0",
    ".dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
);

/// Written in pieces: these are made up, and scanners of repositories cannot know it.
fn tokens() -> Vec<String> {
    let letters = "Ab3dEf6hIj9lMn2pQr5tUv8xYz1B4dF7gH0jKm3nP6qS9tV2wX5zA8cE1fG4h";
    let hex = "0123456789abcdef".repeat(4);
    let of = |length: usize| &letters[..length];
    let repeated = letters.repeat(2);
    vec![
        format!("AKIA{}", "IOSFODNN7EXAMPLE"),
        format!("ASIA{}", "IOSFODNN7EXAMPLE"),
        format!("AGE-SECRET-KEY-1{}", &repeated.to_uppercase()[..58]),
        JWT.to_owned(),
        format!("ghp_{}", of(36)),
        format!("github_pat_{}", of(40)),
        format!("glpat-{}", of(20)),
        format!("xoxb-{}", "123456789012-123456789012-abcdefABCDEF"),
        format!("xapp-1-{}", of(30)),
        format!("sk_live_{}", of(24)),
        format!("rk_test_{}", of(24)),
        format!("whsec_{}", of(32)),
        format!("sk-proj-{}", of(40)),
        format!("sk-ant-api03-{}", of(40)),
        format!("AIza{}", of(35)),
        format!("ya29.{}", of(40)),
        format!("GOCSPX-{}", of(28)),
        format!("npm_{}", of(36)),
        format!("pypi-{}", of(60)),
        format!("SG.{}.{}", of(22), of(43)),
        format!("SK{}", &hex[..32]),
        format!("key-{}", &hex[..32]),
        format!("dop_v1_{hex}"),
        format!("hf_{}", of(34)),
        format!("dapi{}", &hex[..32]),
        format!("shpat_{}", &hex[..32]),
        format!("hvs.{}", of(24)),
        format!("123456789:AA{}", of(33)),
        format!("lin_api_{}", of(40)),
        format!("ntn_{}", of(46)),
        format!("ATATT3{}", of(60)),
        format!("EAAA{}", of(60)),
    ]
}

#[test]
fn tokens_with_a_form_of_their_own_are_found() {
    for token in tokens() {
        let text = format!("use \"{token}\", please");
        assert_eq!(outline("secrets", &text), "use \"#\", please", "{token}");
    }
}

#[test]
fn only_the_secret_part_of_what_names_it_is_hidden() {
    for (text, expected) in [
        (
            "Authorization: Bearer abcDEF123456789",
            "Authorization: Bearer #",
        ),
        (
            "authorization: Basic dXNlcjpwYXNz",
            "authorization: Basic #",
        ),
        ("sent Basic dXNlcjpwYXNzd29yZA==", "sent Basic #"),
        ("got bearer abcdefghijklmnop1.", "got bearer #"),
        ("https://user:pa55@host/x", "https://user:#@host/x"),
        (
            "postgres://u:p%40ss@db:5432/x?a=1",
            "postgres://u:#@db:5432/x?a=1",
        ),
        ("redis://:hunter2@localhost", "redis://:#@localhost"),
        (
            "GET /x?a=1&access_token=abcd1234&b=2",
            "GET /x?a=1&access_token=#&b=2",
        ),
        (
            "Server=db;Password=hunter2;Timeout=3",
            "Server=db;Password=#;Timeout=3",
        ),
        (
            "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "aws_secret_access_key = #",
        ),
        (
            "https://hooks.slack.com/services/T000/B000/XXXXXXXXXXXXXXXXXXXX",
            "https://hooks.slack.com/services/#",
        ),
        (
            "https://discord.com/api/webhooks/12345/abcdefghijklmnopqrstuvwx",
            "https://discord.com/api/webhooks/#",
        ),
    ] {
        assert_eq!(outline("secrets", text), expected);
    }
}

#[test]
fn private_keys_are_hidden_whole_or_cut() {
    let key = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----";
    assert_eq!(outline("secrets", &format!("a {key} b")), "a # b");
    assert_eq!(
        outline("secrets", "a -----BEGIN PRIVATE KEY-----\nMIIE"),
        "a #"
    );
    let armour = "-----BEGIN PGP PRIVATE KEY BLOCK-----\nx\n-----END PGP PRIVATE KEY BLOCK-----";
    assert_eq!(outline("secrets", armour), "#");
    assert_eq!(
        outline("secrets", "PuTTY-User-Key-File-3: ssh-ed25519\nx"),
        "#"
    );
}

#[test]
fn members_that_hold_credentials_are_hidden_by_their_names() {
    let rules = br#"[{"detect":["secrets"],"action":"mask"}]"#;
    let redactor = Redactor::new(rules, b"key", &[]).unwrap();
    let document = br#"{"Authorization":"x","api-key":"x","API_KEY":[1],"keys":"x","secrets":"x"}"#;
    let hidden = redactor
        .document(Place::Arguments, None, document)
        .unwrap()
        .unwrap();
    let hidden = String::from_utf8(hidden).unwrap();
    assert_eq!(hidden.matches("[redacted:").count(), 3, "{hidden}");
    assert!(hidden.ends_with(r#""keys":"x","secrets":"x"}"#), "{hidden}");
}

#[test]
fn members_are_found_in_texts_that_are_not_json_as_a_whole() {
    for (text, expected) in [
        (
            r#"{"password": "hunter2"} {"user": "ann", "Api_Key":"k1"}"#,
            r##"{"password": "#"} {"user": "ann", "Api_Key":"#"}"##,
        ),
        (
            "```json\n{\"client-secret\" : \"it\\\"s mine\"}\n```",
            "```json\n{\"client-secret\" : \"#\"}\n```",
        ),
        (
            r#"said "{\"PASSWORD\": \"hunter2\", \"a\": \"b\"}""#,
            r##"said "{\"PASSWORD\": \"#\", \"a\": \"b\"}""##,
        ),
        (
            r"{'password': 'hunter2', 'a': 1}",
            r"{'password': '#', 'a': 1}",
        ),
        (
            r#"cut off: {"refreshToken":"hunt"#,
            r##"cut off: {"refreshToken":"#"##,
        ),
    ] {
        assert_eq!(outline("secrets", text), expected);
    }
    for text in [
        r#"see "password" and "secret""#,
        r#"{"password": {"type": "string"}} {}"#,
        r#"{"password_hint": "the cat"} {}"#,
    ] {
        assert_eq!(found("secrets", text), None, "{text}");
    }
}

#[test]
fn ordinary_texts_hold_no_secrets() {
    for text in [
        "a basic understanding of responsibilities",
        "the bearer of these documents is responsible",
        "Basic characterization of tokens",
        "AKIA is a prefix",
        "https://example.com/a?b=c@d",
        "https://example.com:8080/path",
        "mailto:someone@example.com",
        "ssh://git@example.com:22/repository.git",
        "sk-short",
        "eyJ is how they begin",
        "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
        "the password is required",
        "token count 1200",
        "risk-management-and-task-scheduling-for-desks",
        "2026-11-23T04:28:17.123456Z",
    ] {
        assert_eq!(found("secrets", text), None, "{text}");
    }
}
