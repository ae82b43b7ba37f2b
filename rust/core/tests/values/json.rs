//! The strict tape: what it refuses, what it says of a value, its canonical text.

use std::time::{Duration, Instant};

use helio_core::json::{DEPTH, Kind, Tape, Value, canonical, fold, write_string};

fn refusal(text: impl AsRef<[u8]>) -> (&'static str, usize) {
    let error = Tape::parse(text.as_ref()).unwrap_err();
    assert!(!error.detail.is_empty());
    (error.reason, error.at)
}

fn canonical_of(text: &str) -> String {
    let tape = Tape::parse(text.as_bytes()).unwrap();
    let mut out = Vec::new();
    canonical(tape.root(text.as_bytes()), &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn faults_have_a_reason_and_a_place() {
    let cases: [(&[u8], &str, usize); 14] = [
        (b"", "parse_error", 0),
        (b"{\"a\":1,}", "parse_error", 7),
        (b"[1 2]", "parse_error", 3),
        (b"{} x", "parse_error", 3),
        (b"[\"a\xff\"]", "parse_error", 3),
        (b"\xef\xbb\xbf{}", "parse_error", 0),
        (b"[\"\\ud800\"]", "parse_error", 2),
        (b"[\"\\ude00\\ud83d\"]", "parse_error", 2),
        (b"[\"\\ud83d\\u0041\"]", "parse_error", 2),
        (b"[NaN]", "parse_error", 1),
        (b"[-Infinity]", "parse_error", 2),
        (b"[01]", "parse_error", 1),
        (b"{\"a\":1,\"a\":2}", "duplicate_key", 7),
        (b"[\"a\tb\"]", "parse_error", 3),
    ];
    for (text, reason, at) in cases {
        assert_eq!(
            refusal(text),
            (reason, at),
            "{}",
            String::from_utf8_lossy(text)
        );
    }
}

#[test]
fn nesting_is_bounded() {
    let nested = |open: &str, close: &str, depth| open.repeat(depth) + "1" + &close.repeat(depth);
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        assert!(Tape::parse(nested(open, close, DEPTH).as_bytes()).is_ok());
        let (reason, at) = refusal(nested(open, close, DEPTH + 1));
        assert_eq!((reason, at), ("too_deep", DEPTH * open.len()));
    }
    assert_eq!(refusal("[".repeat(1_000_000)).0, "too_deep");
}

#[test]
fn numbers_are_bounded() {
    assert!(Tape::parse("1".repeat(400).as_bytes()).is_ok());
    assert_eq!(refusal("1".repeat(401)), ("number_too_long", 0));
    assert_eq!(
        refusal(format!("[-0.{}]", "1".repeat(398))),
        ("number_too_long", 1)
    );
    assert!(Tape::parse(b"1e123456789012345678").is_ok());
    assert!(Tape::parse(b"1E-123456789012345678").is_ok());
    assert_eq!(refusal("1e1234567890123456789"), ("number_too_long", 0));
    assert_eq!(
        refusal(format!("1e{}1", "0".repeat(18))),
        ("number_too_long", 0)
    );
}

#[test]
fn keys_that_fold_alike_are_refused() {
    let pairs = [
        ("name", "name"),
        ("name", "Name"),
        ("name", "nam\\u0065"),
        ("NAME", "n\\u0041me"),
        ("k", "\u{212a}"),
        ("k", "\\u212A"),
        ("s", "\u{17f}"),
        ("ss", "\u{df}"),
        ("i", "\u{131}"),
        ("\u{e9}", "\u{c9}"),
        ("\u{3c3}", "\u{3c2}"),
        ("", ""),
        ("a/b", "a\\/b"),
        ("\u{1f600}", "\\ud83d\\ude00"),
        ("a_key_longer_than_eight", "A_KEY_longer_than_eight"),
    ];
    for (one, other) in pairs {
        // Alone, among few others, and among so many that keys are sorted.
        for others in [0, 5, 40] {
            let fill: String = (0..others)
                .map(|index| format!("\"fill{index}\":[0],"))
                .collect();
            for (first, second) in [(one, other), (other, one)] {
                let text = format!("[{{\"{first}\":{{}},{fill}\"{second}\":1}}]");
                assert_eq!(refusal(&text).0, "duplicate_key", "{text}");
            }
        }
    }
}

#[test]
fn keys_that_differ_are_kept() {
    let texts = [
        r#"{"a":1,"b":1,"@":1,"`":1,"[":1,"{":1,"_":1,"\u007f":1,"^":1,"~":1}"#,
        r#"{"ab":1,"ba":1,"aab":1,"a":{"a":1},"aa":[{"a":1},{"a":1}]}"#,
        r#"{"abcdefgh":1,"abcdefg":1,"abcdefghi":1,"bbcdefgh":1}"#,
    ];
    for text in texts {
        assert!(Tape::parse(text.as_bytes()).is_ok(), "{text}");
    }
    let many: String = (0..5000)
        .map(|index| format!("\"k{index}\":{index},"))
        .collect();
    let text = format!("{{{many}\"last\":null}}");
    let tape = Tape::parse(text.as_bytes()).unwrap();
    assert_eq!(tape.root(text.as_bytes()).len(), 5001);
    let text = format!("{{{many}\"K4999\":null}}");
    assert_eq!(refusal(&text), ("duplicate_key", text.len() - 13));
}

#[test]
fn a_value_says_what_it_is() {
    let text = r#" {"n":null,"t":true,"f":false,"i":-7,"d":1.0,"s":"x","e":"\u00e9\n","a":[1,[2,3],{}],"o":{"p":{"q":1}}} "#;
    let bytes = text.as_bytes();
    let tape = Tape::parse(bytes).unwrap();
    let root = tape.root(bytes);
    let get = |key: &str| root.get(key).unwrap();
    assert_eq!(root.kind(), Kind::Object);
    assert_eq!(root.raw(), text.trim().as_bytes());
    assert_eq!(root.len(), 9);
    assert_eq!(get("n").kind(), Kind::Null);
    assert_eq!(
        (get("t").as_bool(), get("f").as_bool()),
        (Some(true), Some(false))
    );
    assert_eq!(get("n").as_bool(), None);
    assert_eq!(get("i").number_text(), Some("-7"));
    assert!(get("i").is_integer() && !get("d").is_integer());
    assert_eq!(get("s").as_str().as_deref(), Some("x"));
    assert_eq!(get("e").as_str().as_deref(), Some("\u{e9}\n"));
    assert!(get("e").is_text("\u{e9}\n") && !get("e").is_text("\\u00e9\\n"));
    assert_eq!(get("e").raw(), br#""\u00e9\n""#);
    assert_eq!(get("a").len(), 3);
    let raw: Vec<_> = get("a").elements().map(|element| element.raw()).collect();
    assert_eq!(raw, [&b"1"[..], b"[2,3]", b"{}"]);
    assert!(
        get("a")
            .elements()
            .last()
            .is_some_and(|value| value.is_empty())
    );
    let inner = get("o").get("p").unwrap().get("q").unwrap();
    assert_eq!(&bytes[inner.span()], b"1");
    let keys: Vec<_> = root.members().map(|(key, _)| key.into_owned()).collect();
    assert_eq!(keys, ["n", "t", "f", "i", "d", "s", "e", "a", "o"]);
    assert_eq!(get("a").members().count(), 0);
    assert_eq!(get("o").elements().count(), 0);
    assert!(get("a").get("0").is_none());
    let all: Vec<_> = get("a").descendants().map(|value| value.raw()).collect();
    assert_eq!(
        all,
        [&b"[1,[2,3],{}]"[..], b"1", b"[2,3]", b"2", b"3", b"{}"]
    );
    let nested: Vec<_> = get("o").descendants().map(|value| value.raw()).collect();
    assert_eq!(nested, [&br#"{"p":{"q":1}}"#[..], br#"{"q":1}"#, b"1"]);
}

#[test]
fn escapes_decode() {
    let text = r#"["\"\\\/\b\f\n\r\t","\u0041\ud83d\ude00b","\\u0041","plain \u0000"]"#;
    let tape = Tape::parse(text.as_bytes()).unwrap();
    let decoded: Vec<_> = tape
        .root(text.as_bytes())
        .elements()
        .map(|value| value.as_str().unwrap())
        .collect();
    assert_eq!(
        decoded,
        [
            "\"\\/\u{8}\u{c}\n\r\t",
            "A\u{1f600}b",
            "\\u0041",
            "plain \0"
        ]
    );
}

#[test]
fn other_bytes_do_not_panic() {
    let text = br#"{"key":["value",1,true,{"deep":"\u0041"}]}"#;
    let tape = Tape::parse(text).unwrap();
    for other in [&b""[..], b"{", &[0xff; 64], "\u{e9}".repeat(40).as_bytes()] {
        let mut out = Vec::new();
        canonical(tape.root(other), &mut out);
        assert!(tape.root(other).get("key").is_none());
    }
}

#[test]
fn canonical_texts() {
    let cases = [
        (
            r#" { "b" : 1.50 , "a" : [ true , null , -0 ] } "#,
            r#"{"a":[true,null,0],"b":1.5}"#,
        ),
        (r#"{"\u0062":1,"a":2}"#, r#"{"a":2,"b":1}"#),
        (
            r#"{"\ue000":1,"\ud83d\ude00":2,"z":3}"#,
            "{\"z\":3,\"\u{e000}\":1,\"\u{1f600}\":2}",
        ),
        (
            r#""\u0041\/\u00e9\u0001\u007f\u2028""#,
            "\"A/\u{e9}\\u0001\u{7f}\u{2028}\"",
        ),
        (
            r#""\u000a\u0008\u000c\u000d\u0009\u0022\u005c""#,
            r#""\n\b\f\r\t\"\\""#,
        ),
        ("1e2", "100"),
        (
            "123456789012345678901234567890",
            "1.2345678901234567890123456789e+29",
        ),
        ("{}", "{}"),
        ("[[],{}]", "[[],{}]"),
    ];
    for (text, expected) in cases {
        assert_eq!(canonical_of(text), expected, "{text}");
        assert_eq!(canonical_of(expected), expected);
    }
}

#[test]
fn strings_are_written_as_serde_reads_them() {
    for text in [
        "",
        "plain",
        "\"\\\u{0}\u{1f}\u{7f}",
        "\u{e9}\u{1f600}\u{2028}",
    ] {
        let mut out = Vec::new();
        write_string(text, &mut out);
        assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
    }
}

#[test]
fn folding() {
    assert_eq!(fold("Stra\u{df}e"), "strasse");
    assert_eq!(fold("\u{212a}\u{17f}\u{130}"), "ksi\u{307}");
}

/// The keys' hashes are equal, since `[` and `{` differ in the bit that folds letters. Compared pair by pair,
/// they would take minutes.
#[test]
fn colliding_keys_cost_no_more_than_a_sort() {
    let key = |number: u32| -> String {
        (0..16)
            .map(|bit| if number >> bit & 1 == 0 { '[' } else { '{' })
            .collect()
    };
    let keys: Vec<String> = (0..1 << 16)
        .map(|number| format!("\"{}\":0", key(number)))
        .collect();
    let text = format!("{{{}}}", keys.join(","));
    let start = Instant::now();
    let tape = Tape::parse(text.as_bytes()).unwrap();
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(tape.root(text.as_bytes()).len(), 1 << 16);
    let text = format!("{{{},{}}}", keys.join(","), keys[77]);
    assert_eq!(
        refusal(&text),
        ("duplicate_key", text.len() - keys[77].len() - 1)
    );
}

#[test]
fn the_empty_object() {
    let value = Value::empty_object();
    assert_eq!(
        (value.kind(), value.raw(), value.len()),
        (Kind::Object, &b"{}"[..], 0)
    );
    assert_eq!(value.descendants().count(), 1);
    assert!(value.get("a").is_none());
}

/// A generator of numbers below a bound, the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

/// One to three bytes replaced, taken out or put in.
fn mutate(seed: &str, dice: &mut Dice) -> Vec<u8> {
    const BYTES: &[u8] = b"{}[]:,\"\\ \n\t\x00\x1f0123-+.eEuntrfalsDd8\x7f\x80\xc3\xa9\xed\xa0/";
    let mut text = seed.as_bytes().to_vec();
    for _ in 0..=dice.below(3) {
        let at = dice.below(text.len());
        let byte = BYTES[dice.below(BYTES.len())];
        match dice.below(3) {
            0 => text[at] = byte,
            1 => text.insert(at, byte),
            _ => drop(text.remove(at)),
        }
    }
    text
}

#[test]
fn what_is_json_is_what_serde_says() {
    let seeds = [
        r#"{"jsonrpc":"2.0","id":17,"method":"tools/call","params":{"name":"a\u00e9b","arguments":{}}}"#,
        r#"[true,false,null,-0.5e+10,12,"\ud83d\ude00\\\"",{"k":[]}]"#,
        "{\"\u{e9}\":\"\u{1f600}\\n\", \"b\" : [ 0 , 1e5 ,\n-7 ] }",
    ];
    let mut dice = Dice(20_260_102);
    let mut accepted = 0;
    for round in 0..30_000 {
        let text = mutate(seeds[round % seeds.len()], &mut dice);
        let ours = Tape::parse(&text);
        if matches!(&ours, Err(error) if error.reason == "duplicate_key") {
            continue;
        }
        let theirs = match serde_json::from_slice::<serde_json::Value>(&text) {
            Ok(_) => true,
            // It stops there, whether what follows is JSON or not.
            Err(error) if error.to_string().starts_with("number out of range") => continue,
            Err(_) => false,
        };
        assert_eq!(ours.is_ok(), theirs, "{}", String::from_utf8_lossy(&text));
        if let Ok(tape) = ours {
            let mut out = Vec::new();
            canonical(tape.root(&text), &mut out);
            let again = String::from_utf8(out).unwrap();
            assert_eq!(canonical_of(&again), again);
            accepted += 1;
        }
    }
    assert!(accepted > 1000, "{accepted}");
}
