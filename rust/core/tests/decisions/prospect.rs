//! What is foreseen of a tool against what is then decided.

use helio_core::call::Message;
use helio_core::evaluate::{Call, Caller, Evaluator, Facts, Prospect, Scratch};
use helio_core::hint::Annotations;
use helio_core::outcome::Action;
use serde_json::json;

use crate::chance::Chance;
use crate::policy::{Policy, random, random_call};

fn prospect(tool: &str) -> Prospect<'_> {
    Prospect {
        tool,
        upstream: "default",
        ..Prospect::default()
    }
}

#[test]
fn what_is_decided_for_one_call_was_foreseen() {
    let (mut foreseen, mut denied) = (0, 0);
    for seed in 0..200 {
        let chance = &mut Chance::new(seed);
        let policy = random(chance.below(12), chance);
        let mut document = policy.document();
        document["settings"]["default"] = json!(chance.of(&["allow", "deny"]));
        let evaluator = Evaluator::new(&serde_json::to_vec(&document).unwrap()).unwrap();
        let mut scratch = Scratch::default();
        for _ in 0..40 {
            let body = random_call(chance);
            let message = Message::parse(&body).unwrap();
            let call = Call::of(&message, &body).unwrap();
            let facts = Facts {
                upstream: "default",
                annotations: Annotations::new(chance.below(256) as u8),
                agent: chance.of(&[None, Some("bot"), Some("human")]),
                session: chance.of(&[None, Some("s1")]),
                called: chance.of(&[&[] as &[&str], &["one", "two"]]),
                ..Facts::default()
            };
            let decision = evaluator.decide(&call, &facts, &mut scratch);
            let tool = message.tool(&body).unwrap();
            let caller = facts.agent.map_or(Caller::Unnamed, Caller::Named);
            let precise = Prospect {
                annotations: Some(facts.annotations),
                caller,
                ..prospect(&tool)
            };
            let views = [precise, prospect(&tool)].map(|view| evaluator.may_allow(&view));
            let allowed = decision.action != Action::Deny;
            assert!(
                !allowed || views == [true, true],
                "{}\n{}\n{facts:?}",
                evaluator.graph().listing(),
                String::from_utf8_lossy(&body)
            );
            // What holds of anyone holds of each.
            assert!(views[1] || !views[0]);
            foreseen += usize::from(!views[0]);
            denied += usize::from(!allowed);
        }
    }
    assert!(foreseen * 3 > denied, "{foreseen} of {denied}");
}

#[test]
fn rules_are_walked_in_file_order() {
    let mut policy = Policy::default();
    let any = policy.globs("tool", &["*"]);
    let pay = policy.globs("tool", &["pay*"]);
    let mail = policy.globs("tool", &["mail"]);
    policy.rule(&[pay], "allow", json!({}));
    policy.rule(&[any], "deny", json!({}));
    policy.rule(&[mail], "allow", json!({}));
    let evaluator = Evaluator::new(&policy.text()).unwrap();
    assert!(evaluator.may_allow(&prospect("pay_out")));
    assert!(!evaluator.may_allow(&prospect("mail")));
    assert!(!evaluator.may_allow(&prospect("x")));
}
