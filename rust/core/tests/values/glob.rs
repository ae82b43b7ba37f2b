//! Globs: what they match, what they refuse, and that they stay cheap.

use std::time::{Duration, Instant};

use helio_core::glob::{Alternative, Glob};

#[test]
fn matching() {
    let cases: [(&str, &[&str], &[&str]); 20] = [
        (
            "create_payment",
            &["create_payment"],
            &["Create_payment", "create_payment ", "create_paymen", ""],
        ),
        ("*", &["", "a", "a/b.c", "\u{1f600}"], &[]),
        (
            "create_*",
            &["create_", "create_x", "create_a_b"],
            &["create", "xcreate_"],
        ),
        (
            "*_payment",
            &["_payment", "create_payment"],
            &["payment", "_payments"],
        ),
        ("a*c", &["ac", "abc", "a/c", "acc"], &["a", "c", "acb"]),
        ("a*b*c", &["abc", "axbxc", "abbcc"], &["acb", "ab", "abcx"]),
        ("**", &["", "abc"], &[]),
        ("?", &["a", "\u{e9}", "\u{1f600}"], &["", "ab"]),
        ("a?c", &["abc", "a?c"], &["ac", "abbc"]),
        ("[abc]", &["a", "c"], &["d", "ab", ""]),
        ("[a-cx-z]1", &["a1", "y1"], &["d1", "w1", "-1"]),
        ("[!a-c]", &["d", "\u{e9}"], &["a", "b", "", "dd"]),
        ("[-a]", &["-", "a"], &["b"]),
        ("[a-]", &["-", "a"], &["b"]),
        ("[a!]", &["a", "!"], &["b"]),
        ("[\\]\\\\]", &["]", "\\"], &["\\]"]),
        ("\\*\\?\\[\\{\\\\", &["*?[{\\"], &["a"]),
        (
            "{get,list}_{user,order}",
            &["get_user", "list_order"],
            &["get_", "get_users", "getuser"],
        ),
        (
            "a{,b{c,d*}}e",
            &["ae", "abce", "abde", "abdxe"],
            &["abe", "abcde"],
        ),
        ("a,b", &["a,b"], &["a", "b"]),
    ];
    for (pattern, matching, others) in cases {
        let glob = Glob::parse(pattern).unwrap();
        for text in matching {
            assert!(glob.matches(text), "{pattern} should match {text:?}");
        }
        for text in others {
            assert!(!glob.matches(text), "{pattern} should not match {text:?}");
        }
    }
}

#[test]
fn refusals_say_where_and_why() {
    let many = "{a,b}".repeat(11);
    let long = "a".repeat(1001);
    let wide = format!("{}{}", "{a,b}".repeat(10), "c".repeat(900));
    let cases = [
        ("", 0, "empty glob"),
        ("a{b,c", 1, "`{` without"),
        ("a}", 1, "`}` without"),
        ("a[bc", 1, "`[` without"),
        ("a]", 1, "`]` without"),
        ("a[]", 1, "empty set"),
        ("[!]", 0, "empty set"),
        ("[^a]", 1, "[!"),
        ("[z-a]", 1, "goes down"),
        ("a\\", 2, "nothing after"),
        ("\u{e9}{", 2, "`{` without"),
        (many.as_str(), many.len(), "1024"),
        (wide.as_str(), 105, "too long"),
        (long.as_str(), 0, "1000 characters"),
    ];
    for (pattern, offset, message) in cases {
        let error = Glob::parse(pattern).unwrap_err();
        assert!(error.message.contains(message), "{pattern}: {error}");
        assert_eq!(error.offset, offset, "{pattern}: {error}");
    }
}

#[test]
fn alternatives_show_what_can_be_hashed() {
    let exact = |text: &str| Alternative::Exact(text.to_owned());
    let glob = Glob::parse("{get,list}_x").unwrap();
    assert_eq!(glob.alternatives(), [exact("get_x"), exact("list_x")]);
    assert_eq!(glob.literal(), None);
    let glob = Glob::parse("a\\*b").unwrap();
    assert_eq!((glob.literal(), glob.pattern()), (Some("a*b"), "a\\*b"));
    let glob = Glob::parse("{a*,*b,c?}").unwrap();
    let [first, second, third] = glob.alternatives() else {
        panic!("{glob:?}")
    };
    assert_eq!(first, &Alternative::Prefix("a".to_owned()));
    assert_eq!(second, &Alternative::Suffix("b".to_owned()));
    assert!(matches!(third, Alternative::Other(_)));
    assert!(third.matches("cd") && !third.matches("c"));
    assert_eq!(
        Glob::parse("*").unwrap().alternatives(),
        [Alternative::Prefix(String::new())]
    );
    assert_eq!(
        Glob::parse("{a,b}".repeat(10).as_str())
            .unwrap()
            .alternatives()
            .len(),
        1024
    );
}

#[test]
fn many_stars_stay_cheap() {
    let glob = Glob::parse(&format!("{}b", "*a".repeat(400))).unwrap();
    let text = "a".repeat(10_000);
    let start = Instant::now();
    assert!(!glob.matches(&text));
    assert!(glob.matches(&format!("{text}b")));
    assert!(start.elapsed() < Duration::from_secs(5));
}
