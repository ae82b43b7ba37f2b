//! Builds rule graphs and random policies and calls over one small vocabulary, so that they often meet.

use serde_json::{Value, json};

use crate::chance::Chance;

/// A graph being written.
#[derive(Default)]
pub(crate) struct Policy {
    pub(crate) nodes: Vec<Value>,
    pub(crate) rules: Vec<usize>,
    pub(crate) budgets: Vec<usize>,
}

impl Policy {
    /// Adds a node, once.
    pub(crate) fn add(&mut self, node: Value) -> usize {
        if let Some(place) = self.nodes.iter().rposition(|known| *known == node) {
            return place;
        }
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    pub(crate) fn globs(&mut self, node: &str, patterns: &[&str]) -> usize {
        let globs: Vec<usize> = patterns
            .iter()
            .map(|pattern| self.add(json!({"node": "glob", "pattern": pattern})))
            .collect();
        self.add(json!({"node": node, "globs": globs}))
    }

    pub(crate) fn selection(
        &mut self,
        node: &str,
        path: &str,
        quantifier: &str,
        tests: &[(&str, &str)],
    ) -> usize {
        let path = self.add(json!({"node": "path", "path": path}));
        let tests: Vec<Value> = tests
            .iter()
            .map(|(operator, operand)| {
                let value = self.add(json!({"node": "value", "json": operand}));
                json!({"operator": operator, "value": value})
            })
            .collect();
        self.add(json!({"node": node, "path": path, "quantifier": quantifier, "tests": tests}))
    }

    pub(crate) fn rate(&mut self, id: &str, maximum: u32, key: &[&str]) -> usize {
        self.add(json!({
            "node": "limit", "id": id, "kind": "rate", "maximum": maximum.to_string(),
            "window_ms": 1000, "key": key,
        }))
    }

    /// Adds a rule; `changes` replaces fields.
    pub(crate) fn rule(&mut self, conditions: &[usize], action: &str, changes: Value) -> usize {
        let mut rule = json!({
            "node": "rule", "index": self.rules.len(), "name": null, "conditions": conditions,
            "action": action, "until": false, "limits": [], "evidence": [], "requires": [],
            "requires_success": false, "labels": [], "approval": null, "feedback": null,
            "shadow": false, "digest": format!("sha256:{}", "0".repeat(64)),
        });
        for (field, value) in changes.as_object().unwrap() {
            rule[field] = value.clone();
        }
        self.nodes.push(rule);
        self.rules.push(self.nodes.len() - 1);
        self.nodes.len() - 1
    }

    /// Adds a contributor whose price is a fixed amount, or stands at a path.
    pub(crate) fn contributor(&mut self, conditions: &[usize], price: &str) -> usize {
        let mut node = json!({"node": "contributor", "conditions": conditions});
        if price.starts_with('$') {
            node["path"] = self.add(json!({"node": "path", "path": price})).into();
        } else {
            node["amount"] = price.into();
        }
        self.add(node)
    }

    /// Adds a budget of one second; `changes` replaces fields.
    pub(crate) fn budget(&mut self, name: &str, contributors: &[usize], changes: Value) -> usize {
        let mut budget = json!({
            "node": "budget", "id": format!("budget:{name}"), "name": name, "maximum": "10",
            "currency": "GBP", "window_ms": 1000, "idle_ttl_ms": null, "key": ["global"],
            "on_exceed": "deny", "approval": null, "contributors": contributors,
        });
        for (field, value) in changes.as_object().unwrap() {
            budget[field] = value.clone();
        }
        self.nodes.push(budget);
        self.budgets.push(self.nodes.len() - 1);
        self.nodes.len() - 1
    }

    pub(crate) fn document(&self) -> Value {
        json!({
            "helio_graph": 1,
            "settings": {
                "default": "allow", "flag_destructive": "log", "on_tool_drift": "block",
                "unknown_tools": "allow", "dry_run": false, "shadow": false,
                "blocked_as": "tool_result", "environment": null,
            },
            "nodes": self.nodes,
            "rules": self.rules,
            "budgets": self.budgets,
        })
    }

    pub(crate) fn text(&self) -> Vec<u8> {
        serde_json::to_vec(&self.document()).unwrap()
    }
}

pub(crate) const TOOLS: &[&str] = &[
    "pay",
    "pay_out",
    "mail.send",
    "mail.read",
    "get_pay",
    "späte_post",
    "x",
];
const PATTERNS: &[&str] = &[
    "pay",
    "pay*",
    "*pay",
    "mail.*",
    "mail.{send,read}",
    "*",
    "?",
    "get_*",
    "*_o?t",
    "p*t",
    "[mx]*",
    "sp\u{e4}*",
    "*\u{e4}*",
    "nothing",
    "{pay,*.send}",
    "get_pay",
    "x",
];
const ACTIONS: &[&str] = &[
    "allow",
    "deny",
    "require_approval",
    "rate_limit",
    "spend_limit",
    "dry_run",
];
const HINTS: &[&str] = &[
    "readOnlyHint",
    "destructiveHint",
    "idempotentHint",
    "openWorldHint",
];
const PATHS: &[&str] = &[
    "$['a']",
    "$['b']",
    "$['a']['b']",
    "$['c'][0]",
    "$['c'][*]",
    "$..['a']",
    "$",
    "$['A']",
    "$['c']['a','b']",
    "$['d']",
    "$['e']",
    "$['f']",
];
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "1.0",
    "5",
    "5.5",
    "-3",
    "10",
    "1e1",
    "9007199254740993",
];
const SCALARS: &[&str] = &[
    "0",
    "1",
    "1.0",
    "5",
    "10",
    "\"x\"",
    "\"y\"",
    "\"5\"",
    "true",
    "false",
    "null",
    "[]",
    "{}",
    "\"\\u0078\"",
    "9007199254740993",
    "9007199254740992",
    "[1]",
];

fn test(chance: &mut Chance) -> (&'static str, String) {
    let operator = chance.of(&[
        "eq",
        "eq",
        "in",
        "in",
        "gt",
        "gte",
        "lt",
        "lte",
        "neq",
        "not_in",
        "contains",
        "starts_with",
        "exists",
        "gt",
        "lt",
        "regex",
        "ends_with",
    ]);
    let operand = match operator {
        "gt" | "gte" | "lt" | "lte" => chance.of(NUMBERS).to_owned(),
        "in" | "not_in" => {
            let count = chance.below(4);
            let strings = chance.one_in(2);
            let pool: &[&str] = if strings {
                &["\"x\"", "\"y\"", "\"z\""]
            } else {
                SCALARS
            };
            let elements: Vec<&str> = (0..count).map(|_| chance.of(pool)).collect();
            format!("[{}]", elements.join(","))
        }
        "starts_with" | "ends_with" | "regex" => "\"x\"".to_owned(),
        "exists" => chance.of(&["true", "false"]).to_owned(),
        _ => chance.of(SCALARS).to_owned(),
    };
    (operator, operand)
}

fn condition(policy: &mut Policy, chance: &mut Chance) -> usize {
    match chance.below(12) {
        0..3 => {
            let patterns: Vec<&str> = (0..=chance.below(2)).map(|_| chance.of(PATTERNS)).collect();
            policy.globs("tool", &patterns)
        }
        3 => policy.globs("upstream", &[chance.of(&["default", "d*", "other"])]),
        4 => policy.globs("agent", &[chance.of(&["bot", "b*", "human"])]),
        5 => {
            let (hint, value) = (chance.of(HINTS), chance.one_in(2));
            policy.add(json!({"node": "annotation", "hint": hint, "value": value}))
        }
        6 => {
            let node = chance.of(&["labels", "called", "not_called"]);
            policy.add(json!({"node": node, "names": [chance.of(&["one", "two"])]}))
        }
        7 if chance.one_in(4) => {
            let value = chance.one_in(2);
            policy.add(json!({"node": "constant", "value": value, "text": "environment"}))
        }
        kind => {
            let tests: Vec<(&str, String)> = (0..=chance.below(2)).map(|_| test(chance)).collect();
            let tests: Vec<(&str, &str)> = tests
                .iter()
                .map(|(operator, operand)| (*operator, operand.as_str()))
                .collect();
            let node = if kind == 8 && chance.one_in(3) {
                "metadata"
            } else {
                "input"
            };
            let quantifier = chance.of(&["some", "some", "every"]);
            policy.selection(node, chance.of(PATHS), quantifier, &tests)
        }
    }
}

/// A policy of so many rules.
pub(crate) fn random(count: usize, chance: &mut Chance) -> Policy {
    let mut policy = Policy::default();
    for number in 0..count {
        let conditions: Vec<usize> = (0..chance.below(4))
            .map(|_| condition(&mut policy, chance))
            .collect();
        let action = chance.of(ACTIONS);
        let limits = if chance.one_in(3) {
            let key = chance.of(&["tool", "session", "agent", "call", "global"]);
            vec![policy.rate(&format!("rate:{number}"), 5, &[key])]
        } else {
            vec![]
        };
        // Rules without conditions end the walk, so that they come at the end or in shadow.
        let shadow = conditions.is_empty() && number + 5 < count || chance.one_in(6);
        let changes = json!({"limits": limits, "shadow": shadow});
        policy.rule(&conditions, action, changes);
    }
    policy
}

/// The same with budgets.
pub(crate) fn random_with_budgets(count: usize, chance: &mut Chance) -> Policy {
    let mut policy = random(count, chance);
    for number in 0..chance.below(4) {
        let contributors: Vec<usize> = (0..=chance.below(3))
            .map(|_| {
                let mut conditions = vec![policy.globs("tool", &[chance.of(PATTERNS)])];
                if chance.one_in(2) {
                    let (operator, operand) = test(chance);
                    let path = chance.of(PATHS);
                    conditions.push(policy.selection(
                        "input",
                        path,
                        "some",
                        &[(operator, &operand)],
                    ));
                }
                policy.contributor(&conditions, chance.of(&["1", "2.5", "$['a']", "$['b']"]))
            })
            .collect();
        let key = chance.of(&["global", "session", "agent"]);
        policy.budget(&format!("b{number}"), &contributors, json!({"key": [key]}));
    }
    policy
}

/// A `tools/call` over the same vocabulary.
pub(crate) fn random_call(chance: &mut Chance) -> Vec<u8> {
    let mut members = Vec::new();
    for name in ["a", "b", "c", "d", "e", "A"] {
        // Names that differ by case only exclude each other.
        if chance.one_in(3) || (name == "A" && members.iter().any(|(key, _)| *key == "a")) {
            continue;
        }
        let value = match chance.below(6) {
            0 => format!("[{},{}]", chance.of(SCALARS), chance.of(SCALARS)),
            1 => format!(
                "{{\"a\":{},\"b\":{}}}",
                chance.of(SCALARS),
                chance.of(SCALARS)
            ),
            _ => chance.of(SCALARS).to_owned(),
        };
        members.push((name, value));
    }
    let members: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    let tool = chance.of(TOOLS);
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{{{}}}}}}}"#,
        members.join(",")
    )
    .into_bytes()
}
