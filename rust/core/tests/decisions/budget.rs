//! Budgets: what a graph may hold, and what a call takes from them.

use helio_core::call::Message;
use helio_core::evaluate::{Call, Evaluator, Facts, Scratch};
use helio_core::graph::Graph;
use helio_core::outcome::{Cause, Decision, LimitKind};
use serde_json::{Value, json};

use crate::policy::Policy;

fn decide(policy: &Policy, tool: &str, arguments: &str, facts: &Facts<'_>) -> Decision {
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments}}}}}"#
    );
    let message = Message::parse(body.as_bytes()).unwrap();
    let call = Call::of(&message, body.as_bytes()).unwrap();
    let evaluator = Evaluator::new(&policy.text()).unwrap();
    let decision = evaluator.decide(&call, facts, &mut Scratch::default());
    assert_eq!(decision, evaluator.decide_linear(None, &call, facts));
    decision
}

/// Name, contributor, key and amount of each demand.
fn taken(decision: &Decision) -> Vec<(&str, u32, &str, String)> {
    let demands = decision.budgets.iter();
    demands
        .map(|demand| {
            let amount = demand.amount.to_string();
            (&*demand.budget, demand.contributor, &*demand.key, amount)
        })
        .collect()
}

/// `pay` by what it says, `refund` for a fixed price.
fn payments() -> Policy {
    let mut policy = Policy::default();
    let (pay, refund) = (
        policy.globs("tool", &["pay"]),
        policy.globs("tool", &["refund"]),
    );
    let paid = policy.contributor(&[pay], "$['amount']");
    let refunded = policy.contributor(&[refund], "2.50");
    policy.budget("money", &[paid, refunded], json!({}));
    policy.budget(
        "refunds",
        &[refunded],
        json!({"on_exceed": "require_approval"}),
    );
    policy
}

#[test]
fn one_call_may_feed_several_budgets() {
    let policy = payments();
    let facts = Facts::default();
    let paid = decide(&policy, "pay", r#"{"amount":3.10}"#, &facts);
    assert_eq!(taken(&paid), [("money", 0, "global=", "3.1".to_owned())]);
    let refunded = decide(&policy, "refund", "{}", &facts);
    assert_eq!(
        taken(&refunded),
        [
            ("money", 1, "global=", "2.5".to_owned()),
            ("refunds", 0, "global=", "2.5".to_owned())
        ]
    );
    assert_eq!(
        decide(&policy, "mail", "{}", &facts),
        Decision::plain(None, refunded.action)
    );
}

#[test]
fn an_amount_that_is_none_is_a_fault() {
    for (arguments, found) in [
        ("{}", "nothing"),
        (r#"{"amount":"3"}"#, "string \"3\""),
        (r#"{"amount":-1}"#, "-1"),
        (r#"{"amount":1e40}"#, "1e40"),
    ] {
        let decision = decide(&payments(), "pay", arguments, &Facts::default());
        let fault = decision.budget_fault.unwrap();
        assert_eq!(&*fault.budget, "money");
        let (field, found) = ("$.amount".into(), found.to_owned());
        assert_eq!(fault.cause, Cause::InvalidAmount { field, found });
        assert_eq!(decision.budgets, []);
    }
}

#[test]
fn the_first_true_contributor_counts() {
    let mut policy = Policy::default();
    let pay = policy.globs("tool", &["p*"]);
    let small = policy.selection("input", "$['amount']", "some", &[("lt", "10")]);
    let fee = policy.contributor(&[pay, small], "1");
    let rest = policy.contributor(&[pay], "5");
    let never = policy.contributor(&[pay], "9");
    policy.budget("fees", &[fee, rest, never], json!({}));
    for (arguments, contributor, amount) in [
        (r#"{"amount":3}"#, 0, "1"),
        (r#"{"amount":30}"#, 1, "5"),
        // It might be a small one, and is charged as the dearest that it might be.
        (r#"{"amount":"3"}"#, 1, "5"),
    ] {
        let decision = decide(&policy, "pay", arguments, &Facts::default());
        let expected = [("fees", contributor, "global=", amount.to_owned())];
        assert_eq!(taken(&decision), expected, "{arguments}");
    }
}

#[test]
fn of_equal_prices_the_first_counts() {
    let mut policy = Policy::default();
    let pay = policy.globs("tool", &["pay"]);
    let small = policy.selection("input", "$['amount']", "some", &[("lt", "10")]);
    let (one, same) = (
        policy.contributor(&[pay, small], "1"),
        policy.contributor(&[pay], "1.0"),
    );
    policy.budget("fees", &[one, same], json!({}));
    let decision = decide(&policy, "pay", r#"{"amount":"3"}"#, &Facts::default());
    assert_eq!(taken(&decision), [("fees", 0, "global=", "1".to_owned())]);
}

#[test]
fn doubt_alone_counts_too() {
    let mut policy = Policy::default();
    let tool = policy.globs("tool", &["*"]);
    let abroad = policy.selection("input", "$['country']", "some", &[("neq", "\"GB\"")]);
    let fee = policy.contributor(&[tool, abroad], "4");
    policy.budget("fees", &[fee], json!({}));
    let at = |arguments| decide(&policy, "pay", arguments, &Facts::default());
    assert_eq!(taken(&at(r#"{"country":"FR"}"#)).len(), 1);
    assert_eq!(taken(&at(r#"{"country":"GB"}"#)), []);
    // Nothing is there to compare with.
    assert_eq!(taken(&at("{}")), [("fees", 0, "global=", "4".to_owned())]);
}

#[test]
fn keys_name_who_spends() {
    let mut policy = Policy::default();
    let tool = policy.globs("tool", &["*"]);
    let one = policy.contributor(&[tool], "1");
    let idle = json!({"key": ["agent", "session"], "window_ms": null, "idle_ttl_ms": 7});
    policy.budget("pots", &[one], idle);
    let known = Facts {
        agent: Some("a|b"),
        session: Some("s"),
        ..Facts::default()
    };
    let decision = decide(&policy, "pay", "{}", &known);
    assert_eq!(&*decision.budgets[0].key, "agent=a%7Cb|session=s");
    assert_eq!(
        (decision.budgets[0].kind, decision.budgets[0].window_ms),
        (LimitKind::Pot, 7)
    );
    let unknown = Facts {
        session: None,
        ..known
    };
    let fault = decide(&policy, "pay", "{}", &unknown).budget_fault.unwrap();
    assert_eq!(fault.cause, Cause::SessionUnresolved { key: "session" });
    let falling_back = Facts {
        session_falls_back: true,
        ..unknown
    };
    let decision = decide(&policy, "pay", "{}", &falling_back);
    assert_eq!(&*decision.budgets[0].key, "agent=a%7Cb|agent=a%7Cb");
}

#[test]
fn what_is_denied_takes_nothing() {
    for (action, until, takes) in [
        ("deny", false, false),
        ("deny", true, true),
        ("dry_run", false, true),
        ("require_approval", false, true),
        ("allow", false, true),
    ] {
        let mut policy = payments();
        let requires = if until { json!(["look"]) } else { json!([]) };
        policy.rule(&[], action, json!({"until": until, "requires": requires}));
        let decision = decide(&policy, "refund", "{}", &Facts::default());
        assert_eq!(!decision.budgets.is_empty(), takes, "{action}");
    }
    let mut document = payments().document();
    document["settings"]["default"] = json!("deny");
    let evaluator = Evaluator::new(&serde_json::to_vec(&document).unwrap()).unwrap();
    let body = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay"}}"#;
    let message = Message::parse(body).unwrap();
    let call = Call::of(&message, body).unwrap();
    let decision = evaluator.decide(&call, &Facts::default(), &mut Scratch::default());
    assert_eq!((decision.budgets.len(), decision.budget_fault), (0, None));
}

fn refusal(document: &Value) -> String {
    Graph::decode(&serde_json::to_vec(document).unwrap())
        .unwrap_err()
        .detail
}

#[test]
fn refuses_budgets_that_do_not_verify() {
    // The nodes: 0 and 1 `pay`, 2 and 3 `refund`, 4 the path, 5 and 6 contributors, 7 and 8 budgets.
    for (pointer, value, expected) in [
        (
            "/nodes/7/maximum",
            json!("-1"),
            "node 7: maximum `-1`: an amount cannot be negative",
        ),
        ("/nodes/7/window_ms", json!(0), "node 7: a window of 0 ms"),
        (
            "/nodes/7/window_ms",
            json!(null),
            "node 7: a budget has either a window or an idle time",
        ),
        (
            "/nodes/7/idle_ttl_ms",
            json!(5),
            "node 7: a budget has either a window or an idle time",
        ),
        ("/nodes/7/key", json!([]), "node 7: `key` is empty"),
        (
            "/nodes/7/key",
            json!(["colour"]),
            "node 7: unknown variant `colour`",
        ),
        (
            "/nodes/7/on_exceed",
            json!("allow"),
            "node 7: unknown variant `allow`",
        ),
        (
            "/nodes/7/contributors",
            json!([]),
            "node 7: `contributors` is empty",
        ),
        (
            "/nodes/7/contributors",
            json!([4]),
            "node 7: reference 4 is not to a contributor",
        ),
        (
            "/nodes/6/conditions",
            json!([]),
            "node 6: `conditions` is empty",
        ),
        (
            "/nodes/6/conditions",
            json!([0]),
            "node 6: reference 0 is not to a condition on the tool",
        ),
        (
            "/nodes/6/amount",
            json!("x"),
            "node 6: amount `x`: not a number",
        ),
        (
            "/nodes/6/amount",
            json!(null),
            "node 6: a contributor has either a path or an amount",
        ),
        (
            "/budgets",
            json!([7, 7]),
            "node 7: budget `money` stands there before",
        ),
        ("/budgets", json!([6]), "budgets: node 6 is not a budget"),
        (
            "/budgets",
            json!([9]),
            "budgets: reference 9 is not to an earlier node",
        ),
    ] {
        let mut document = payments().document();
        *document.pointer_mut(pointer).unwrap() = value;
        let detail = refusal(&document);
        assert!(detail.contains(expected), "{pointer}: {detail}");
    }
}

#[test]
fn every_field_of_a_budget_must_stand_there() {
    let document = payments().document();
    for field in document["nodes"][7].as_object().unwrap().keys() {
        let mut document = document.clone();
        document["nodes"][7].as_object_mut().unwrap().remove(field);
        let detail = refusal(&document);
        assert!(
            detail.contains(&format!("missing field `{field}`")),
            "{detail}"
        );
    }
}

#[test]
fn two_budgets_of_one_id_would_share_a_pot() {
    let mut policy = payments();
    policy.budget("other", &[5], json!({"id": "budget:money"}));
    assert!(refusal(&policy.document()).contains("budget `other` stands there before"));
}

#[test]
fn graphs_without_budgets_need_not_say_so() {
    let mut document = Policy::default().document();
    document.as_object_mut().unwrap().remove("budgets");
    let graph = Graph::decode(&serde_json::to_vec(&document).unwrap()).unwrap();
    assert!(graph.budgets.is_empty());
}

#[test]
fn lists_budgets() {
    let mut policy = payments();
    let idle = json!({"window_ms": null, "idle_ttl_ms": 9, "key": ["agent", "session"]});
    policy.budget("pots", &[6], idle);
    let listing = Graph::decode(&policy.text()).unwrap().listing();
    let (_, budgets) = listing.split_once("\n\n").unwrap();
    assert_eq!(
        budgets,
        "budget `money`: at most 10 GBP in 1000 ms by global, else deny (budget:money)\n  \
         $.amount where tool pay\n  \
         2.5 where tool refund\n\
         \n\
         budget `refunds`: at most 10 GBP in 1000 ms by global, else require_approval (budget:refunds)\n  \
         2.5 where tool refund\n\
         \n\
         budget `pots`: at most 10 GBP until 9 ms without a charge by agent+session, else deny (budget:pots)\n  \
         2.5 where tool refund\n"
    );
}
