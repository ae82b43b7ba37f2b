//! What a graph's decoder refuses, and what it says.

use helio_core::graph::{Graph, digest};
use serde_json::{Value, json};

use crate::policy::Policy;

fn small() -> Policy {
    let mut policy = Policy::default();
    let tool = policy.globs("tool", &["pay*"]);
    let input = policy.selection("input", "$['order']['a b'][0]", "every", &[("gt", "5")]);
    let limit = policy.rate("rate:pay:tool:1000", 5, &["tool"]);
    let changes = json!({"name": "pay", "limits": [limit]});
    policy.rule(&[tool, input], "rate_limit", changes);
    policy
}

fn refusal(document: &Value) -> String {
    Graph::decode(&serde_json::to_vec(document).unwrap())
        .unwrap_err()
        .detail
}

/// The small graph with the value at a JSON pointer replaced.
fn changed(pointer: &str, value: Value) -> Value {
    let mut document = small().document();
    *document.pointer_mut(pointer).unwrap() = value;
    document
}

#[test]
fn lists_the_program() {
    let graph = Graph::decode(&small().text()).unwrap();
    let listing = graph.listing();
    let (head, rest) = listing.split_once('\n').unwrap();
    assert_eq!(head, format!("graph {}", graph.digest));
    assert_eq!(
        rest,
        "1 rules, 7 nodes, default allow\n\
         \n\
         rule 0 `pay`: rate_limit\n  \
           [1] tool pay*\n  \
           [4] input every $.order['a b'][0] gt 5\n  \
           at most 5 calls in 1000 ms by tool (rate:pay:tool:1000)\n"
    );
}

#[test]
fn the_digest_covers_all_but_the_source() {
    let document = small().document();
    let compact = serde_json::to_vec(&document).unwrap();
    let pretty = serde_json::to_vec_pretty(&document).unwrap();
    assert_eq!(digest(&compact).unwrap(), digest(&pretty).unwrap());

    let mut with_source = document.clone();
    let spans = vec![json!([0, 1, 1, 1, 2]); 7];
    with_source["source"] = json!({"files": ["helio.yaml"], "spans": spans});
    let with_source = serde_json::to_vec(&with_source).unwrap();
    assert_eq!(digest(&with_source).unwrap(), digest(&compact).unwrap());
    assert_eq!(
        Graph::decode(&with_source).unwrap().digest,
        digest(&compact).unwrap()
    );

    let other = changed("/nodes/0/pattern", json!("pay?"));
    assert_ne!(
        digest(&serde_json::to_vec(&other).unwrap()).unwrap(),
        digest(&compact).unwrap()
    );
}

/// The expected value was computed with `sha256sum` over the text.
#[test]
fn the_digest_is_that_of_the_canonical_text() {
    let text = br#" { "b" : [1, "\u00e9/\n"], "source": 5, "a" : null } "#;
    assert_eq!(
        digest(text).unwrap(),
        "sha256:651baf994a6edef3996b280d14802e4dd3c8429c8fe31bf6de4b91fa270c5a85"
    );
    assert!(digest(b"[]").unwrap_err().detail.contains("object"));
}

#[test]
fn refuses_what_does_not_verify() {
    let cases = [
        ("/helio_graph", json!(2), "graph version 2, this is 1"),
        ("/settings/default", json!("ask"), "unknown variant `ask`"),
        (
            "/settings/blocked_as",
            json!("html"),
            "unknown variant `html`",
        ),
        (
            "/nodes/0",
            json!(["glob", "a"]),
            "node 0: a node is an object",
        ),
        ("/nodes/0/pattern", json!("[a"), "node 0: glob `[a`"),
        (
            "/nodes/0/node",
            json!("globe"),
            "node 0: unknown variant `globe`",
        ),
        (
            "/nodes/1/globs",
            json!([1]),
            "node 1: reference 1 is not to an earlier node",
        ),
        (
            "/nodes/1/globs",
            json!([2]),
            "node 1: reference 2 is not to an earlier node",
        ),
        ("/nodes/1/globs", json!([]), "node 1: `globs` is empty"),
        ("/nodes/1/globs", json!([-1]), "node 1: invalid value"),
        ("/nodes/2/path", json!("$[?@.a]"), "node 2: path `$[?@.a]`"),
        ("/nodes/3/json", json!("\"5\""), "node 4: `gt` with `\"5\"`"),
        ("/nodes/3/json", json!("{"), "node 4: `gt` with `{`"),
        (
            "/nodes/4/path",
            json!(0),
            "node 4: reference 0 is not to a path",
        ),
        ("/nodes/4/tests", json!([]), "node 4: `tests` is empty"),
        (
            "/nodes/4/tests/0/operator",
            json!("above"),
            "node 4: unknown operator `above`",
        ),
        (
            "/nodes/4/tests/0/value",
            json!(2),
            "node 4: reference 2 is not to a value",
        ),
        (
            "/nodes/4/quantifier",
            json!("all"),
            "node 4: unknown variant `all`",
        ),
        ("/nodes/5/maximum", json!("-1"), "node 5: maximum `-1`"),
        (
            "/nodes/5/maximum",
            json!("1.5"),
            "node 5: a rate's maximum is a whole number",
        ),
        ("/nodes/5/window_ms", json!(0), "node 5: a window of 0 ms"),
        (
            "/nodes/5/window_ms",
            json!(9_000_000_000_001_i64),
            "node 5: a window of",
        ),
        ("/nodes/5/key", json!([]), "node 5: `key` is empty"),
        (
            "/nodes/5/key",
            json!(["user"]),
            "node 5: unknown variant `user`",
        ),
        (
            "/nodes/5/kind",
            json!("spend"),
            "node 5: a spend limit has a path",
        ),
        (
            "/nodes/6/conditions",
            json!([0]),
            "node 6: reference 0 is not to a condition",
        ),
        (
            "/nodes/6/limits",
            json!([1]),
            "node 6: reference 1 is not to a limit",
        ),
        (
            "/nodes/6/until",
            json!(true),
            "node 6: `until` stands on a `deny`",
        ),
        (
            "/nodes/6/action",
            json!("permit"),
            "node 6: unknown variant `permit`",
        ),
        (
            "/nodes/6/digest",
            json!("sha256:0"),
            "node 6: `sha256:0` is not a digest",
        ),
        ("/nodes/6/approval", json!(true), "node 6: invalid type"),
        (
            "/nodes/6/evidence",
            json!([{"tool": "look", "bind": [[0, 2]]}]),
            "node 6: evidence `look`: reference 0 is not to a path",
        ),
        ("/rules", json!([5]), "rules: node 5 is not a rule"),
        (
            "/rules",
            json!([7]),
            "rules: reference 7 is not to an earlier node",
        ),
        (
            "/rules",
            json!([6, 6]),
            "node 6: rule index 0 is not above the one before",
        ),
    ];
    for (pointer, value, expected) in cases {
        let detail = refusal(&changed(pointer, value.clone()));
        assert!(detail.contains(expected), "{pointer} = {value}: {detail}");
    }
}

#[test]
fn every_field_must_stand_there_and_no_other() {
    let document = small().document();
    for (place, node) in document["nodes"].as_array().unwrap().iter().enumerate() {
        for field in node.as_object().unwrap().keys() {
            let mut document = document.clone();
            document["nodes"][place]
                .as_object_mut()
                .unwrap()
                .remove(field);
            let detail = refusal(&document);
            assert!(
                detail.contains(&format!("node {place}: missing field `{field}`")),
                "{detail}"
            );
        }
        let mut document = document.clone();
        document["nodes"][place]["color"] = json!("red");
        let detail = refusal(&document);
        assert!(detail.contains("unknown field `color`"), "{detail}");
    }
}

#[test]
fn sources_must_fit() {
    for (source, expected) in [
        (json!({"files": [], "spans": []}), "0 spans for 7 nodes"),
        (
            json!({"files": ["a"], "spans": vec![json!([1, 1, 1, 1, 1]); 7]}),
            "unknown file 1",
        ),
        (json!({"files": ["a"]}), "missing field `spans`"),
    ] {
        let mut document = small().document();
        document["source"] = source;
        let detail = refusal(&document);
        assert!(detail.contains(expected), "{detail}");
    }
}

#[test]
fn one_limit_id_has_one_meaning() {
    let mut policy = Policy::default();
    let first = policy.rate("rate:a", 5, &["tool"]);
    let raised = policy.rate("rate:a", 9, &["tool"]);
    policy.rule(&[], "rate_limit", json!({"limits": [first, raised]}));
    assert!(Graph::decode(&policy.text()).is_ok());

    policy.rate("rate:a", 5, &["agent"]);
    let detail = refusal(&policy.document());
    assert_eq!(detail, "node 3: limit `rate:a` has another meaning before");
}

#[test]
fn strict_json_is_wanted() {
    for (text, expected) in [
        (r#"{"helio_graph":1,"helio_graph":1}"#, "already has"),
        ("", "the text ends"),
        ("[]", "a graph is an object"),
        (r#"{"helio_graph":1}"#, "missing field `settings`"),
    ] {
        let detail = Graph::decode(text.as_bytes()).unwrap_err().detail;
        assert!(detail.contains(expected), "{text}: {detail}");
    }
    let long = vec![b' '; helio_core::graph::GRAPH_BYTES + 1];
    assert!(
        Graph::decode(&long)
            .unwrap_err()
            .detail
            .contains("more than 16777216 bytes")
    );
}

#[test]
fn rules_and_nodes_are_counted() {
    let mut policy = Policy {
        nodes: vec![json!(0); helio_core::graph::GRAPH_NODES + 1],
        ..Policy::default()
    };
    let detail = Graph::decode(&policy.text()).unwrap_err().detail;
    assert!(detail.contains("more than 1000000 nodes"), "{detail}");

    policy.nodes.truncate(1);
    policy.rules = vec![0; helio_core::graph::GRAPH_RULES + 1];
    let detail = Graph::decode(&policy.text()).unwrap_err().detail;
    assert!(detail.contains("more than 100000 rules"), "{detail}");

    policy.rules.clear();
    policy.budgets = vec![0; helio_core::graph::GRAPH_BUDGETS + 1];
    let detail = Graph::decode(&policy.text()).unwrap_err().detail;
    assert!(detail.contains("more than 1000 budgets"), "{detail}");
}
