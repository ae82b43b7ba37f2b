//! The index against the plain walk.

use helio_core::call::Message;
use helio_core::evaluate::{Call, Evaluator, Facts, Scratch};
use helio_core::hint::Annotations;
use helio_core::json::Tape;
use serde_json::json;

use crate::chance::Chance;
use crate::policy::{Policy, TOOLS, random_call, random_with_budgets};

/// How many decisions of each kind were compared, to see that the cases are worth something.
#[derive(Default)]
struct Tally {
    by_default: usize,
    by_rule: usize,
    indeterminate: usize,
    restricted: usize,
    charged: usize,
}

fn compare(policy: &Policy, calls: usize, chance: &mut Chance, tally: &mut Tally) {
    let evaluator = Evaluator::new(&policy.text()).unwrap();
    let mut scratch = Scratch::default();
    let metadata = br#"{"a":5,"b":"x"}"#;
    let tape = Tape::parse(metadata).unwrap();
    for _ in 0..calls {
        let body = random_call(chance);
        let message = Message::parse(&body).unwrap();
        let call = Call::of(&message, &body).unwrap();
        let facts = Facts {
            upstream: chance.of(&["default", "other"]),
            annotations: Annotations::new(chance.below(256) as u8),
            agent: chance.of(&[None, Some("bot"), Some("human")]),
            session: chance.of(&[None, Some("s1")]),
            session_falls_back: chance.one_in(2),
            labels: chance.of(&[&[] as &[&str], &["one"]]),
            called: chance.of(&[&[] as &[&str], &["one", "two"]]),
            sender: None,
            metadata: chance.one_in(3).then(|| tape.root(metadata)),
            hash_key: None,
        };
        let decision = evaluator.decide(&call, &facts, &mut scratch);
        let plain = evaluator.decide_linear(None, &call, &facts);
        assert_eq!(
            decision,
            plain,
            "{}\n{}\n{facts:?}",
            evaluator.graph().listing(),
            String::from_utf8_lossy(&body)
        );
        let above = chance.below(policy.rules.len() + 1) as u32;
        assert_eq!(
            evaluator.decide_below(above, &call, &facts, &mut scratch),
            evaluator.decide_linear(Some(above), &call, &facts),
            "below {above}\n{}\n{}\n{facts:?}",
            evaluator.graph().listing(),
            String::from_utf8_lossy(&body)
        );
        tally.by_default += usize::from(decision.rule.is_none());
        tally.by_rule += usize::from(decision.rule.is_some());
        tally.indeterminate += usize::from(!decision.indeterminate.is_empty());
        tally.restricted += usize::from(!decision.restricting.is_empty());
        tally.charged += usize::from(!decision.budgets.is_empty());
    }
}

#[test]
fn agrees_with_the_plain_walk() {
    let mut tally = Tally::default();
    for seed in 0..300 {
        let mut chance = Chance::new(seed + 1);
        let count = chance.of(&[1, 3, 8, 20, 60, 150]);
        let policy = random_with_budgets(count, &mut chance);
        compare(&policy, 40, &mut chance, &mut tally);
    }
    let Tally {
        by_default,
        by_rule,
        indeterminate,
        restricted,
        charged,
    } = tally;
    for (count, what) in [
        (by_default, "by default"),
        (by_rule, "by rule"),
        (indeterminate, "indeterminate"),
        (restricted, "restricted"),
        (charged, "charged to budgets"),
    ] {
        assert!(count > 500, "only {count} of 12000 {what}");
    }
}

/// Only guarded rules, one action, so that every call goes through the tables from end to end.
#[test]
fn agrees_where_every_rule_is_guarded() {
    let mut tally = Tally::default();
    for seed in 0..150 {
        let mut chance = Chance::new(seed + 1000);
        let mut policy = Policy::default();
        for number in 0..60 {
            let path = chance.of(&["$['a']", "$['b']", "$['c'][*]", "$..['b']"]);
            let operand = chance.below(12).to_string();
            let quoted = format!("\"{}\"", chance.of(&["x", "y", "5"]));
            let higher = (chance.below(12) + 3).to_string();
            let low = (chance.of(&["gt", "gte"]), operand.as_str());
            let high = (chance.of(&["lt", "lte"]), higher.as_str());
            let tests = match chance.below(6) {
                0 => vec![low],
                1 => vec![high],
                2 => vec![low, high],
                3 => vec![high, ("neq", operand.as_str()), low],
                4 => vec![("eq", operand.as_str())],
                _ => vec![("eq", quoted.as_str())],
            };
            let quantifier = chance.of(&["some", "every"]);
            let mut conditions = vec![policy.selection("input", path, quantifier, &tests)];
            if chance.one_in(3) {
                conditions.push(policy.globs("tool", &[chance.of(TOOLS)]));
            }
            let shadow = !chance.one_in(20);
            let action = chance.of(&["deny", "require_approval", "allow"]);
            policy.rule(&conditions, action, json!({"shadow": shadow}));
            assert_eq!(policy.rules.len(), number + 1);
        }
        compare(&policy, 60, &mut chance, &mut tally);
    }
    assert!(
        tally.indeterminate > 1000,
        "only {} indeterminate",
        tally.indeterminate
    );
}

/// Far more tool names than the plans have places for.
#[test]
fn agrees_when_names_never_repeat() {
    let mut policy = Policy::default();
    for number in 0..50 {
        let tool = policy.globs("tool", &[&format!("t{number}*")]);
        policy.rule(
            &[tool],
            if number % 2 == 0 { "deny" } else { "allow" },
            json!({}),
        );
    }
    let evaluator = Evaluator::new(&policy.text()).unwrap();
    let mut scratch = Scratch::default();
    for number in 0..40_000 {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"t{number}"}}}}"#
        );
        let message = Message::parse(body.as_bytes()).unwrap();
        let call = Call::of(&message, body.as_bytes()).unwrap();
        let facts = Facts {
            upstream: "default",
            ..Facts::default()
        };
        let decision = evaluator.decide(&call, &facts, &mut scratch);
        assert_eq!(
            decision,
            evaluator.decide_linear(None, &call, &facts),
            "t{number}"
        );
    }
}

/// Upstreams come from the operator, but nothing breaks when they do not.
#[test]
fn agrees_under_many_upstreams() {
    let mut policy = Policy::default();
    let upstream = policy.globs("upstream", &["u7*"]);
    let tool = policy.globs("tool", &["pay"]);
    policy.rule(&[upstream, tool], "deny", json!({}));
    let evaluator = Evaluator::new(&policy.text()).unwrap();
    let mut scratch = Scratch::default();
    let body = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay"}}"#;
    let message = Message::parse(body).unwrap();
    let call = Call::of(&message, body).unwrap();
    for number in 0..3_000 {
        let upstream = format!("u{number}");
        let facts = Facts {
            upstream: &upstream,
            ..Facts::default()
        };
        let decision = evaluator.decide(&call, &facts, &mut scratch);
        assert_eq!(
            decision.rule.is_some(),
            upstream.starts_with("u7"),
            "{upstream}"
        );
    }
}
