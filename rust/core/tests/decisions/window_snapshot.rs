//! Snapshots of windows and what is held again behind them: what comes back, and what is refused.

use helio_core::number::Amount;
use helio_core::outcome::LimitKind;
use helio_core::window::{Charge, WindowError, Windows};

use crate::window::{MILLISECOND, SECOND, entry, level, rate, refused, spend, take};

#[test]
fn snapshots_come_back_with_their_ages() {
    let mut windows = Windows::default();
    take(&mut windows, &rate("a|b=\"\u{e9}\"", "9"), 0);
    take(
        &mut windows,
        &rate("a|b=\"\u{e9}\"", "9"),
        300 * MILLISECOND,
    );
    take(&mut windows, &spend("s", "2.50", "9"), 600 * MILLISECOND);
    windows.reserve(&[rate("held", "9")], 600 * MILLISECOND, true);
    let snapshot = windows.snapshot(700 * MILLISECOND).unwrap();

    let mut restored = Windows::default();
    let now = -5 * SECOND;
    restored.restore(&snapshot, 200 * MILLISECOND, now).unwrap();
    let expected = [entry("a|b=\"\u{e9}\"", "2", "0"), entry("s", "2.5", "0")];
    assert_eq!(level(&mut restored, now), expected);
    // 100 ms more, and the first entry is a second old.
    let now = now + 100 * MILLISECOND;
    let expected = [entry("a|b=\"\u{e9}\"", "1", "0"), entry("s", "2.5", "0")];
    assert_eq!(level(&mut restored, now), expected);
    assert_eq!(
        restored.snapshot(now).unwrap(),
        windows.snapshot(1000 * MILLISECOND).unwrap()
    );
}

#[test]
fn an_entry_from_the_future_counts_from_now() {
    let mut windows = Windows::default();
    take(&mut windows, &rate("k", "1"), 0);
    let snapshot = windows.snapshot(0).unwrap();
    let mut restored = Windows::default();
    restored.restore(&snapshot, -SECOND, 0).unwrap();
    assert_eq!(
        refused(&mut restored, &rate("k", "1"), 0).reset_ns,
        Some(SECOND)
    );
}

#[test]
fn damaged_snapshots_change_nothing() {
    let window = |rest: &str| {
        format!(r#"{{"helio_windows":1,"windows":[{{"limit":"l","key":"k",{rest}}}]}}"#)
    };
    let good = window(r#""kind":"rate","window_ms":1000,"ages":[0]"#);
    let mut windows = Windows::default();
    windows.restore(good.as_bytes(), 0, 0).unwrap();
    assert_eq!(windows.len(), 1);
    for (damaged, expected) in [
        (String::new(), "EOF"),
        (
            good.replace("windows\":1", "windows\":2"),
            "version 2, not 1",
        ),
        (good.replace("rate", "pace"), "unknown variant `pace`"),
        (good.replace("1000", "0"), "0 ms has no length"),
        (
            good.replace("[0]", "[0],\"amounts\":[\"1\"]"),
            "1 ages and 1 amounts",
        ),
        (
            window(r#""kind":"spend","window_ms":1,"ages":[0,0],"amounts":["1"]"#),
            "2 ages",
        ),
        (
            window(r#""kind":"spend","window_ms":1,"ages":[0,0],"amounts":["1","-1"]"#),
            "negative",
        ),
        (
            good.replace("]}]}", "]}],\"more\":1}"),
            "unknown field `more`",
        ),
    ] {
        let error = windows
            .restore(damaged.as_bytes(), 0, 0)
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{damaged}: {error}");
        assert_eq!(level(&mut windows, 0), [entry("k", "1", "0")]);
    }
}

#[test]
fn what_is_held_again_takes_room_and_counts_once_committed() {
    let held = Charge {
        limit: "l".into(),
        key: "k".into(),
        kind: LimitKind::Spend,
        amount: Amount::from(7),
        window_ms: 1000,
    };
    let mut windows = Windows::default();
    let first = windows.hold_again(std::slice::from_ref(&held), 0).unwrap();
    let second = windows
        .hold_again(&[held.clone(), held.clone()], 0)
        .unwrap();
    assert_eq!(windows.hold_again(&[], 0), Ok(0));
    let level = |windows: &mut Windows| {
        let levels = windows.levels(0);
        (levels[0].current.clone(), levels[0].reserved.clone())
    };
    assert_eq!(level(&mut windows), ("0".to_owned(), "21".to_owned()));
    assert_eq!(
        windows.charges(second).unwrap(),
        [held.clone(), held.clone()]
    );
    windows.release(second).unwrap();
    windows.commit(first, 0).unwrap();
    assert_eq!(level(&mut windows), ("7".to_owned(), "0".to_owned()));
    let wrong = Charge {
        window_ms: 0,
        ..held.clone()
    };
    assert_eq!(
        windows.hold_again(&[held, wrong], 0),
        Err(WindowError::WindowLength(0))
    );
    assert_eq!(level(&mut windows), ("7".to_owned(), "0".to_owned()));
}
